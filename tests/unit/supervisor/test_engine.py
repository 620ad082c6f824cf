"""Which engine, and where large content goes: what the configuration may say, and what is read before we are nobody."""

import hashlib

import pytest

from posthouse.mail.content import Blob
from posthouse.mail.ids import TraceId
from posthouse.storage.acceptance import Acceptance
from posthouse.storage.errors import StorageError
from posthouse.supervisor.engine import BodyKeys, open_engine, read_body_keys
from posthouse.supervisor.kinds import parse_bucket
from posthouse.supervisor.load import Misconfigured, parse
from posthouse.supervisor.ports import RandomIds
from posthouse.supervisor.sections.node import StoreSection
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


def complaints(text):
    with pytest.raises(Misconfigured) as caught:
        parse(f'hostname = "a"\n[store]\n{text}', "f.toml")
    return [str(one) for one in caught.value.complaints]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://mail", ("mail", "")),
        ("s3://mail/", ("mail", "")),
        ("s3://my.mail-1/office/a/", ("my.mail-1", "office/a")),
    ],
)
def test_a_bucket_and_a_prefix(text, place):
    assert parse_bucket(text) == place
    assert parse(f'hostname = "a"\n[store]\nbodies = "{text}"').store.bodies == text


@pytest.mark.parametrize(
    "text", ["mail", "s3:mail", "s3://", "s3://M", "s3://mail/../x y", "s3://mail/a?b", "gs://mail"]
)
def test_what_is_no_bucket_is_refused(text):
    assert complaints(f'bodies = "{text}"')[0].startswith("f.toml:3: store.bodies: ")


def test_files_that_are_not_there_and_keys_for_nothing_are_told(tmp_path):
    assert "is not there" in complaints(f'bodies = "s3://mail"\ns3_key_file = "{tmp_path}/none"')[0]
    assert "means nothing without bodies" in complaints(f's3_key_file = "{tmp_path}/none"')[0]
    assert "https://" in complaints('bodies = "s3://mail"\ns3_endpoint = "s3.example.org"')[0]


def test_a_key_file_has_two_lines(tmp_path):
    file = tmp_path / "key"
    file.write_text("\n id \n a secret\n")
    section = StoreSection(bodies="s3://mail", s3_key_file=file)
    assert read_body_keys(section) == BodyKeys("id", "a secret")
    for wrong in ("", "id", "id\nsecret\nmore"):
        file.write_text(wrong)
        with pytest.raises(StorageError, match="two lines"):
            read_body_keys(section)
    assert read_body_keys(StoreSection()) == BodyKeys()


async def test_a_restart_repeats_no_id_even_when_its_clock_stands_in_the_past(tmp_path):
    given = "zz00" + "0" * 8  # far ahead of the clock
    for life in range(2):
        ids = RandomIds()
        store = await open_engine(
            StoreSection(), tmp_path, BodyKeys(), clock=ManualClock(), ids=ids, journal=KeptJournal()
        )
        assert (ids.trace_id()[:8] > given[:8]) is (life == 1)
        blob = Blob(hashlib.sha256(b"x").hexdigest(), 1, b"x")
        await store.accept(Acceptance(TraceId(given), blob, record=b"r", at=1))
        await store.close()


async def test_without_bodies_the_embedded_engine_keeps_all(tmp_path):
    ports = {"clock": ManualClock(), "ids": CountedIds(), "journal": KeptJournal()}
    store = await open_engine(StoreSection(directory=tmp_path), tmp_path, BodyKeys(), **ports)
    writer = store.blobs.open()
    writer.write(b"x" * 300_000)
    blob = await writer.finish()
    assert (tmp_path / "blobs" / blob.blob_id[:2] / blob.blob_id).exists()
    writer.discard()
    await store.close()
