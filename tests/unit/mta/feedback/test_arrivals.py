"""Reports that come by mail: which are kept, which stay mail like any other."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import samples

from posthouse.mta.feedback.arrived import DMARC, FAILURE, TLS, stored
from posthouse.storage.mailbox import Role

TO = "postmaster@office.test"


@pytest.fixture
async def reader(scene):
    """The office with somebody who is postmaster, and reports from a domain that proves itself."""
    from posthouse.storage.directory import AliasRow

    for name in ("postmaster", "dmarc"):
        await scene.office.store.put_alias(AliasRow(f"{name}@office.test", ("carol@office.test",)))
    await scene.office.directory.refresh(scene.office.store)
    return scene


async def arrive(scene, content: bytes, *, to: str = TO, peer: str = "192.0.2.9") -> int:
    """A mail comes, and some seconds later what waits is read; how many reports were kept."""
    await scene.mail("reports@far.test", to=to, peer=peer, content=content)
    scene.office.clock.pass_time(3)
    return await scene.feedback.arrivals.read()


async def kept(scene, kind: str = DMARC) -> list:
    return [one async for one in stored(scene.office.store, kind)]


async def test_a_report_is_kept_and_filed(reader) -> None:
    assert await arrive(reader, samples.mail(samples.gz(samples.GOOGLE))) == 1
    (report,) = await kept(reader)
    assert (report.reporter, report.proven, len(report.senders)) == ("google.example", "far.test", 2)
    assert len(await reader.office.read("carol")) == 1


async def test_the_same_report_again_is_one(reader) -> None:
    for _ in range(3):
        await arrive(reader, samples.mail(samples.gz(samples.GOOGLE)))
    assert len(await kept(reader)) == 1
    assert len(await reader.office.read("carol")) == 3


async def test_each_kind_has_its_place(reader) -> None:
    await arrive(reader, samples.mail(samples.gz(samples.TLS_GOOGLE), kind="application/tlsrpt+gzip"))
    await arrive(reader, samples.FAILURE)
    assert [one.domain for one in await kept(reader, TLS)] == ["office.test"]
    assert [one.failure.source_ip for one in await kept(reader, FAILURE)] == ["203.0.113.66"]


async def test_what_is_about_others_is_not_kept(reader) -> None:
    other = samples.GOOGLE.replace(b"<domain>office.test", b"<domain>elsewhere.test")
    assert await arrive(reader, samples.mail(samples.gz(other))) == 0
    assert await kept(reader) == []
    below = samples.GOOGLE.replace(b"<domain>office.test</domain><adkim", b"<domain>sub.office.test</domain><adkim")
    assert await arrive(reader, samples.mail(samples.gz(below))) == 1


async def test_what_was_refused_or_put_aside_is_not_read(reader) -> None:
    await arrive(reader, samples.mail(samples.gz(samples.GOOGLE)), peer="198.18.0.66")
    assert (reader.hands.asked, await kept(reader)) == (0, [])


async def test_ordinary_mail_and_mail_to_others_is_not_opened(reader) -> None:
    await arrive(reader, b"From: reports@far.test\r\nSubject: hello\r\n\r\nhi\r\n")
    await arrive(reader, samples.mail(samples.gz(samples.GOOGLE)), to="bob@office.test")
    assert reader.hands.asked == 0
    assert await arrive(reader, samples.mail(samples.gz(samples.GOOGLE)), to="dmarc@office.test") == 1


async def test_an_address_that_the_configuration_names_takes_reports_too(reader) -> None:
    reader.feedback.recognition.adopt(("Bob@office.test",))
    assert await arrive(reader, samples.mail(samples.gz(samples.GOOGLE)), to="bob@office.test") == 1


@pytest.mark.parametrize("how", ["busy", "late", "died", "broken"])
async def test_what_kills_a_worker_stays_mail(reader, how) -> None:
    reader.hands.fails = how
    assert await arrive(reader, samples.mail(samples.gz(samples.GOOGLE))) == 0
    assert len(await reader.office.read("carol", Role.INBOX)) == 1


async def test_a_large_report_is_read_from_the_store(reader) -> None:
    octets = samples.mail(samples.gz(samples.GOOGLE)) + b"\r\n" * 100_000
    assert await arrive(reader, octets) == 1


async def test_what_was_never_accepted_is_forgotten(reader) -> None:
    reader.feedback.arrivals.saw(*(await _pending(reader)))
    for _ in range(3):
        reader.office.clock.pass_time(40)
        assert await reader.feedback.arrivals.read() == 0
    assert reader.hands.asked == 0


async def _pending(scene):
    from posthouse.filter.boundary import Judgement
    from posthouse.filter.examination import examine
    from posthouse.filter.letter import Letter
    from posthouse.mail.address import Address
    from posthouse.mail.content import Blob
    from posthouse.mail.envelope import Recipient
    from posthouse.mail.ids import BlobId

    content = samples.mail(samples.gz(samples.GOOGLE))

    async def read(start: int, length: int) -> bytes:
        return content[start : start + length]

    to = (Recipient(Address("postmaster", "office.test")),)
    blob = Blob(BlobId("0" * 64), len(content), content)
    return Letter("t", "192.0.2.9", "h", "x@far.test", to, (), None, examine(content), blob, read), Judgement()


async def test_a_flood_of_invented_reports_ends_at_a_bound(reader, monkeypatch) -> None:
    monkeypatch.setattr("posthouse.mta.feedback.arrivals.MOST_A_DAY", 2)
    for at in range(4):
        await arrive(reader, samples.mail(samples.gz(samples.GOOGLE.replace(b"123456789012", f"9{at}".encode()))))
    assert len(await kept(reader)) == 2


async def test_reports_are_not_reported_about(reader) -> None:
    await arrive(reader, samples.mail(samples.gz(samples.GOOGLE)))
    await reader.wind(86400)
    assert await reader.send() == []
