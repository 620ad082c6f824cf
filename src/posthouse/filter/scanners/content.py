"""The content of a letter in pieces, so that a large one never is in memory whole."""

from collections.abc import AsyncIterator

from posthouse.filter.letter import Letter
from posthouse.standards.imf.header import HEADER_OCTETS, Header, parse_header

PIECE_OCTETS = 256 * 1024


async def pieces(
    letter: Letter, *, start: int = 0, prefix: bytes = b"", most: int = PIECE_OCTETS
) -> AsyncIterator[bytes]:
    """``prefix`` and the content from ``start`` on, at most ``most`` octets at a time."""
    for at in range(0, len(prefix), most):
        yield prefix[at : at + most]
    blob = letter.blob
    while start < blob.size:
        if blob.octets is not None:
            octets = blob.octets[start : start + most]
        else:
            octets = await letter.read(start, min(most, blob.size - start))
        if not octets:
            raise EOFError(f"blob {blob.blob_id} ends at {start}")
        yield octets
        start += len(octets)


async def header_of(letter: Letter) -> Header:
    """The header as it is stored, with its places: what we took out at the door is not in it."""
    octets = letter.blob.octets
    if octets is None:
        octets = await letter.read(0, min(letter.blob.size, HEADER_OCTETS + 4))
    return parse_header(octets)


async def first(letter: Letter, most: int) -> bytes:
    """The first octets of the content."""
    if letter.blob.octets is not None:
        return letter.blob.octets[:most]
    return await letter.read(0, most)
