"""Nobody waits while a large message is looked at."""

import threading

import pytest

from posthouse.mail.content import Blob
from posthouse.ms.describe import describe
from posthouse.ms.large import HERE_OCTETS, STEP_OCTETS, Describer, here_or_apart

pytestmark = pytest.mark.asyncio

LETTER = b"Subject: Hi\r\n\r\n"


class Kept:
    """Blobs of which one is as long as it must be."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.most = 0

    async def read(self, _blob: str, start: int = 0, length: int | None = None) -> bytes:
        self.most = max(self.most, length or len(self.octets))
        return self.octets[start:][:length]


@pytest.mark.parametrize(("octets", "here"), [(HERE_OCTETS, True), (HERE_OCTETS + 1, False)])
async def test_small_work_is_done_here_and_large_work_in_a_thread(octets, here):
    thread = await here_or_apart(octets, threading.get_ident)
    assert (thread == threading.get_ident()) is here


@pytest.mark.parametrize(("size", "here"), [(HERE_OCTETS, True), (HERE_OCTETS + 1, False), (3 * STEP_OCTETS, False)])
@pytest.mark.parametrize("inline", [True, False])
async def test_content_is_described_whole_wherever_it_is_kept(size, here, inline):
    seen = []

    def look(added: bytes, octets: bytes, _known=None, _lines=-1):
        seen.append((threading.get_ident(), added, octets))
        return describe(added, octets)

    content = LETTER + b"x" * (size - len(LETTER))
    kept = Kept(content)
    facts = await Describer(kept, look).facts(Blob("b", size, content if inline else None), b"X: y\r\n")
    assert facts == describe(b"X: y\r\n", content)
    ((thread, added, octets),) = seen
    assert (added, octets) == (b"X: y\r\n", content)
    assert (thread == threading.get_ident()) is here
    assert kept.most <= STEP_OCTETS


async def test_what_its_beginning_tells_is_not_read_again():
    octets = LETTER + b"a line\r\n" * 200_000
    kept = Kept(octets)
    blob = Blob("name", len(octets), None, octets[: 2 * HERE_OCTETS])
    facts = await Describer(kept, describe).facts(blob, b"", octets.count(b"\n"))
    assert facts == describe(b"", octets)
    assert kept.most == 0
