"""What a content is made of is found whatever was promised, and however it is read."""

import pytest

from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body
from posthouse.mail.ids import BlobId
from posthouse.mta.reading import AT_ONCE
from posthouse.mta.survey import Survey, is_sealed, survey, survey_stored

LONG = b"x" * 999 + b"\r\n"
FITS = b"x" * 998 + b"\r\n"


class Disk:
    """Blobs by name, read as a store reads them."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    async def read(self, _blob: BlobId, start: int, length: int) -> bytes:
        return self.octets[start : start + length]


def stored(octets: bytes) -> Content:
    return Content(b"Received: x\r\n", Blob(BlobId("b"), len(octets)))


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"a\r\n" * 10, Survey(eightbit=False, clean=True, short=True)),
        (b"a\xff\r\n", Survey(eightbit=True, clean=True, short=True)),
        (FITS * 3, Survey(eightbit=False, clean=True, short=True)),
        (FITS + LONG + FITS, Survey(eightbit=False, clean=True, short=False)),
        (FITS + LONG[:-2], Survey(eightbit=False, clean=True, short=False)),
        (b"a\nb\r\n", Survey(eightbit=False, clean=False, short=True)),
        (b"a\rb\r\n", Survey(eightbit=False, clean=False, short=True)),
        (b"a\0b\r\n", Survey(eightbit=False, clean=False, short=True)),
    ],
)
def test_what_is_at_hand(octets, found):
    assert survey(octets) == found


@pytest.mark.parametrize("place", [0, 1, AT_ONCE - 1000, AT_ONCE - 999, AT_ONCE - 2, AT_ONCE - 1, AT_ONCE, 3 * AT_ONCE])
@pytest.mark.parametrize("odd", [b"", LONG, b"\n", b"\r", b"\0", b"\xff", b"\r\n"])
async def test_a_large_content_gives_what_the_same_gives_at_hand(place, odd):
    octets = bytearray(b"y" * 70 + b"\r\n") * (4 * AT_ONCE // 72)
    octets[place:place] = b"\r\n" + odd
    whole = bytes(octets)
    assert await survey_stored(stored(whole), Body.BINARY, Disk(whole)) == survey(b"Received: x\r\n" + whole)


@pytest.mark.parametrize("end", [LONG[:-2], FITS[:-2], b"\r", b"\n", b"\0"])
async def test_the_end_of_a_large_content_is_looked_at_too(end):
    whole = FITS * (2 * AT_ONCE // 1000) + end
    assert await survey_stored(stored(whole), Body.BINARY, Disk(whole)) == survey(b"Received: x\r\n" + whole)


async def test_a_content_without_any_line_end_is_held_in_no_memory():
    whole = b"\xff" * (8 * AT_ONCE)
    found = await survey_stored(stored(whole), Body.BINARY, Disk(whole))
    assert (found.eightbit, found.short) == (True, False)


@pytest.mark.parametrize(
    ("prefix", "blob", "sealed"),
    [
        (b"Received: x\r\n", b"Subject: y\r\n\r\nDKIM-Signature: not here\r\n", False),
        (b"DKIM-Signature: ours\r\n", b"Subject: y\r\n\r\n", False),
        (b"Received: x\r\n", b"DKIM-Signature: theirs\r\n\r\n", True),
        (b"ARC-Message-Signature: ours\r\n", b"Subject: y\r\n\r\n", True),
    ],
)
def test_what_others_have_signed_is_sealed(prefix, blob, sealed):
    assert is_sealed(prefix + blob, len(prefix)) is sealed
