"""Packets of the milter protocol: length, one octet that says what it is, and its fields."""

from collections.abc import Iterable

from posthouse.lib.linebuffer import LineBuffer
from posthouse.lib.sansio import RemoteError
from posthouse.standards.milter.words import PACKET_OCTETS

MOST_FIELDS = 1000


def format_packet(word: bytes, content: bytes = b"") -> bytes:
    return (len(content) + 1).to_bytes(4, "big") + word + content


def format_strings(strings: Iterable[bytes]) -> bytes:
    """Each ended by a NUL; what is inside one goes no further than that."""
    return b"".join([string.replace(b"\0", b"") + b"\0" for string in strings])


def take_packet(buffer: LineBuffer) -> tuple[bytes, bytes] | None:
    """The next packet's word and content, None while it is incomplete."""
    head = buffer.peek(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    if not 0 < length <= PACKET_OCTETS:
        raise RemoteError(f"a packet of {length} octets")
    if len(buffer) < length + 4:
        return None
    packet = buffer.take(length + 4)
    return packet[4:5], packet[5:]


def parse_strings(content: bytes) -> list[bytes]:
    """The strings of a packet, each ended by a NUL; the last may lack it."""
    if content.count(b"\0") > MOST_FIELDS:
        raise RemoteError("too many strings in one packet")
    strings = content.split(b"\0")
    if not strings[-1]:
        strings.pop()
    return strings


def parse_number(content: bytes) -> tuple[int, bytes]:
    """A number of 32 bits at the front, and what follows it."""
    if len(content) < 4:
        raise RemoteError("a packet too short for its number")
    return int.from_bytes(content[:4], "big"), content[4:]
