"""Readers get CRLF at the end of each line and no NUL, however the octets came."""

import base64

import pytest

from posthouse.ms.readable import LineEnds, Readable, Unreadable
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


@pytest.fixture
async def store(tmp_path):
    store = await open_store(tmp_path / "store", clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    yield store
    await store.close()


@pytest.fixture
async def keep(store):
    """Keeps octets until the test is over."""
    writers = []

    async def keep(octets: bytes):
        writers.append(store.blobs.open())
        writers[-1].write(octets)
        return await writers[-1].finish()

    yield keep
    for one in writers:
        one.discard()


@pytest.mark.parametrize(
    ("octets", "lines"),
    [
        (b"a\nb\r\nc\r\r\nd\r", b"a b c d "),
        (b"\r\n" * 5, b"     "),
        (b"\n\r\n\r", b"   "),
        (b"a\r\r\r\nb\r\r", b"a  b  "),
        (b"", b""),
        (b"x", b"x"),
    ],
)
def test_line_ends_are_the_same_however_the_octets_are_cut(octets, lines):
    expected = lines.replace(b" ", b"\r\n")
    for cut in range(len(octets) + 1):
        ends = LineEnds()
        assert ends.add(octets[:cut]) + ends.add(octets[cut:]) + ends.end() == expected


@pytest.mark.parametrize("size", [100, 3 * 2**20])
async def test_what_can_be_shown_is_not_written_again(store, keep, size):
    octets = b"Subject: x\r\n\r\n" + b"12345678\r\n" * (size // 10)
    assert await Readable(store.blobs).rewrite(await keep(octets)) is None


@pytest.mark.parametrize("odd", [b"\0", b"\r", b"\n"])
@pytest.mark.parametrize("at", [10, 2**20 - 30, 2**20, 3 * 2**20])
async def test_one_octet_in_a_large_message_is_found(store, keep, odd, at):
    head = b"Content-Type: image/png\r\n"
    body = b"x" * at + odd + b"x" * (4 * 2**20 - at)
    writer = await Readable(store.blobs).rewrite(await keep(head + b"\r\n" + body))
    blob = await writer.finish()
    written = b"".join([await store.blobs.read(blob.blob_id, start, 2**20) for start in range(0, blob.size, 2**20)])
    label, _, encoded = written.removeprefix(head).partition(b"\r\n\r\n")
    assert label == b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64"
    assert base64.b64decode(encoded) == body
    writer.discard()


async def test_what_cannot_be_encoded_leaves_nothing_behind(store, keep):
    with pytest.raises(Unreadable):
        await Readable(store.blobs).rewrite(await keep(b"Subject: \0\r\n\r\n\0"))
