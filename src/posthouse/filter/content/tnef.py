"""Transport Neutral Encapsulation Format (MS-OXTNEF, ``winmail.dat``): its attachments. Linear, iterative."""

import struct
from collections.abc import Iterator

ATTACHMENTS = 1000
MOST_VALUES = 1000
_RENDERING, _TITLE, _DATA, _PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
_INTERFACE, _WIDE = 13, 31
_VARIABLE = frozenset({_INTERFACE, 30, _WIDE, 258})
_LONG_NAME, _NAME, _OBJECT = 0x3707, 0x3704, 0x3701


def read_tnef(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each attachment; raises ``ValueError`` where the stream is broken."""
    at = 6
    name, content, count = "", b"", 0
    while at + 9 <= len(octets):
        level, kind, length = struct.unpack_from("<BII", octets, at)
        start = at + 9
        end = start + length
        if level not in {1, 2} or end + 2 > len(octets):
            raise ValueError("a broken attribute")
        at = end + 2
        if level == 1:
            continue
        kind &= 0xFFFF
        if kind == _RENDERING:
            if content or name:
                count += 1
                if count > ATTACHMENTS:
                    raise ValueError("too many attachments")
                yield name, content
            name, content = "", b""
        elif kind == _TITLE:
            name = name or octets[start:end].rstrip(b"\x00").decode("cp1252", "replace")
        elif kind == _DATA:
            content = octets[start:end]
        elif kind == _PROPERTIES:
            long_name, inner = _properties(octets[start:end])
            name, content = long_name or name, content or inner
    if content or name:
        yield name, content


def _properties(octets: bytes) -> tuple[str, bytes]:
    """The long name and an embedded object among the MAPI properties of one attachment."""
    name, content = "", b""
    for number, kind, value in _values(octets):
        if number == _LONG_NAME or (number == _NAME and not name):
            name = value.decode("utf-16-le" if kind == _WIDE else "cp1252", "replace").rstrip("\x00")
        elif number == _OBJECT:
            content = value[16:] if kind == _INTERFACE else value
    return name, content


def _values(octets: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, kind and octets of each value of variable length, up to one that is broken."""
    at = 4
    for _ in range(min(MOST_VALUES, int.from_bytes(octets[:4], "little"))):
        if at + 4 > len(octets):
            return
        kind, number = struct.unpack_from("<HH", octets, at)
        at += 4
        if number >= 0x8000:  # a named property
            at = _after_name(octets, at)
        many_values, kind = kind & 0x1000, kind & 0x0FFF
        if kind not in _FIXED and kind not in _VARIABLE:
            return
        many = 1
        if many_values or kind in _VARIABLE:
            many = int.from_bytes(octets[at : at + 4], "little")
            at += 4
        if kind in _FIXED:
            at += many * _FIXED[kind]
            continue
        for _ in range(min(many, MOST_VALUES)):
            length = int.from_bytes(octets[at : at + 4], "little")
            value = octets[at + 4 : at + 4 + length]
            at += 4 + (length + 3) // 4 * 4
            if at > len(octets) + 3:
                return
            yield number, kind, value


def _after_name(octets: bytes, at: int) -> int:
    kind, length = struct.unpack_from("<II", octets.ljust(at + 24, b"\x00"), at + 16)
    return at + 24 + ((length + 3) // 4 * 4 if kind else 0)
