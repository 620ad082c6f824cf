"""The directory of a zip archive (APPNOTE), read by ourselves: every entry that any reader might find.

That is what the central directory lists, and what only its own local header
tells of (archives one behind the other, entries left out on purpose). Linear;
nothing is unpacked here.
"""

import struct
from itertools import pairwise

import msgspec

ZIP_END = b"PK\x05\x06"
_LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
STRONG_BITS = 0x2041
"""Encrypted, strongly encrypted, directory encrypted."""
AES = 99


class Entry(msgspec.Struct):
    """``start`` is where its packed octets begin, ``packed`` how many it claims to have."""

    name: str
    method: int
    flags: int
    packed: int
    size: int
    header: int
    start: int = -1

    @property
    def is_encrypted(self) -> bool:
        return bool(self.flags & STRONG_BITS) or self.method == AES

    @property
    def is_directory(self) -> bool:
        return self.name.endswith("/") and not self.packed


class Directory(msgspec.Struct):
    entries: list[Entry]
    hidden: int = 0
    """How many the central directory does not list."""
    overlaps: bool = False
    excess: bool = False
    """Whether there are more entries than were asked for."""


def read_directory(octets: bytes, most: int) -> Directory:
    """The directory; raises ``ValueError`` if there is not even one entry where a zip has its first."""
    entries, excess = _central(octets, most)
    for entry in entries:
        entry.start = _content_start(octets, entry.header)
    spans = sorted(
        (entry.header, max(entry.start, entry.header) + entry.packed) for entry in entries if entry.start >= 0
    )
    overlaps = any(after[0] < before[1] for before, after in pairwise(spans))
    hidden = _local(octets, spans, most - len(entries))
    if not entries and not hidden and not octets.startswith(ZIP_END):
        raise ValueError("a zip archive without a directory")
    return Directory(
        [*entries, *hidden], len(hidden) if entries else 0, overlaps, excess or len(entries) + len(hidden) >= most
    )


def _central(octets: bytes, most: int) -> tuple[list[Entry], bool]:
    end = octets.rfind(ZIP_END, max(0, len(octets) - 65557))
    if end < 0 or end + 22 > len(octets):
        return [], False
    size, start = struct.unpack_from("<II", octets, end + 12)
    if start == 0xFFFFFFFF or size == 0xFFFFFFFF:
        size, start = _zip64(octets, end, size, start)
    shift = end - size - start  # what stands before the archive
    shift = shift if 0 < shift < len(octets) and octets.startswith(_CENTRAL, start + shift) else 0
    found: list[Entry] = []
    at = start + shift
    while octets.startswith(_CENTRAL, at) and at + 46 <= len(octets):
        if len(found) >= most:
            return found, True
        flags, method = struct.unpack_from("<HH", octets, at + 8)
        packed, size, names, extra, comment = struct.unpack_from("<IIHHH", octets, at + 20)
        header = int.from_bytes(octets[at + 42 : at + 46], "little")
        extra_field = octets[at + 46 + names : at + 46 + names + extra]
        if 0xFFFFFFFF in {packed, size, header}:
            packed, size, header = _large(extra_field, packed, size, header)
        name = _name(octets[at + 46 : at + 46 + names], flags)
        found.append(Entry(name, method, flags, packed, size, header + shift))
        at += 46 + names + extra + comment
    return found, False


def _zip64(octets: bytes, end: int, size: int, start: int) -> tuple[int, int]:
    if octets.startswith(b"PK\x06\x07", max(0, end - 20)):
        at = int.from_bytes(octets[end - 12 : end - 4], "little")
        if octets.startswith(b"PK\x06\x06", at) and at + 56 <= len(octets):
            size, start = struct.unpack_from("<QQ", octets, at + 40)
    return size, start


def _large(extra: bytes, packed: int, size: int, header: int) -> tuple[int, int, int]:
    """Sizes that need eight octets (APPNOTE section 4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size = next(values, size) if size == 0xFFFFFFFF else size
            packed = next(values, packed) if packed == 0xFFFFFFFF else packed
            header = next(values, header) if header == 0xFFFFFFFF else header
            break
        at += 4 + length
    return packed, size, header


def _name(octets: bytes, flags: int) -> str:
    return octets.decode("utf-8" if flags & 0x800 else "cp437", "replace")


def _content_start(octets: bytes, header: int) -> int:
    if not octets.startswith(_LOCAL, header) or header + 30 > len(octets):
        return -1
    names, extra = struct.unpack_from("<HH", octets, header + 26)
    return int(header + 30 + names + extra)


def _local(octets: bytes, spans: list[tuple[int, int]], most: int) -> list[Entry]:
    """Entries that only their local header tells of, outside of all ``spans`` that are known."""
    found: list[Entry] = []
    waiting = iter(spans)
    span = next(waiting, None)
    at = octets.find(_LOCAL)
    while at >= 0 and len(found) < most and at + 30 <= len(octets):
        while span is not None and span[1] <= at:
            span = next(waiting, None)
        if span is not None and span[0] <= at:
            at = octets.find(_LOCAL, max(span[1], at + 4))
            continue
        flags, method = struct.unpack_from("<HH", octets, at + 6)
        packed, size, names, extra = struct.unpack_from("<IIHH", octets, at + 18)
        start = at + 30 + names + extra
        if start <= len(octets) and method in {0, 8, 9, 12, 14, 93, 95, AES}:
            found.append(Entry(_name(octets[at + 30 : at + 30 + names], flags), method, flags, packed, size, at, start))
        at = octets.find(_LOCAL, max(at + 4, start + packed if packed and not flags & 8 else 0))
    return found
