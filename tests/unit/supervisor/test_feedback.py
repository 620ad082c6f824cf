"""Reports by real workers: what a bomb costs is a process that can do nothing else."""

import base64
import gzip
from contextlib import suppress

import pytest

from posthouse.lib.work import Failed
from posthouse.mta.feedback.reading import WORK, Read
from posthouse.supervisor.load import Misconfigured, parse
from posthouse.supervisor.workers import WorkerPool
from posthouse.testing.journal import KeptJournal

REPORT = b"""<feedback><report_metadata><org_name>o</org_name><report_id>1</report_id><date_range><begin>1</begin>
<end>2</end></date_range></report_metadata><policy_published><domain>office.test</domain><p>none</p></policy_published>
<record><row><source_ip>192.0.2.1</source_ip><count>3</count></row></record></feedback>"""


def mail(packed: bytes) -> bytes:
    head = b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + base64.encodebytes(packed)


@pytest.fixture
async def workers():
    pool = WorkerPool((WORK,), journal=KeptJournal(), most=1, memory_octets=272 * 1024 * 1024)
    yield pool
    await pool.close()


async def read(pool: WorkerPool, packed: bytes) -> Read:
    return await pool.run(WORK, mail(packed), Read, terms=0, seconds=20)


async def test_a_report_is_read_after_every_bomb(workers) -> None:
    bombs = [
        gzip.compress(bytes(100_000_000)),
        gzip.compress(b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><feedback>&b;</feedback>'),
        gzip.compress(b'{"report-id":"1","policies":' + b"[" * 60_000),
    ]
    assert len(bombs[0]) < 100_000
    for bomb in bombs:
        found = await read(workers, bomb)
        assert (found.reports, len(found.troubles)) == ([], 1)
        (report,) = (await read(workers, gzip.compress(REPORT))).reports
        assert report.senders[0].count == 3


async def test_json_of_millions_of_lists_kills_its_worker_at_most(workers) -> None:
    """9 MB of empty lists would be half a gigabyte of objects; sent plain, no ratio stops it."""
    with suppress(Failed):
        assert (await read(workers, b'{"report-id":"1","policies":[' + b"[]," * 3_000_000 + b"[]]}")).reports == []
    assert (await read(workers, gzip.compress(REPORT))).reports


@pytest.mark.parametrize("wrong", ['contact = "nobody"', 'addresses = ["a b@c.test"]', 'keep = "1h"', "ask = true"])
def test_what_the_configuration_cannot_mean(wrong) -> None:
    with pytest.raises(Misconfigured):
        parse(f'hostname = "a"\n[reports]\n{wrong}\n')
