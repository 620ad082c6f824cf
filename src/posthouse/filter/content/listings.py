"""Archives whose list of files can be read without unpacking: tar (POSIX pax), RAR 4 and 5. Linear, iterative."""

from collections.abc import Iterator

import msgspec

BLOCK = 512


class Hidden(Exception):
    """Even the list of files is encrypted."""


class Listed(msgspec.Struct):
    """``content`` is there for what need not be unpacked."""

    name: str
    content: bytes | None = None
    is_encrypted: bool = False


# -- tar


def read_tar(octets: bytes) -> Iterator[Listed]:
    """The files; raises ``ValueError`` for a broken header."""
    at = 0
    long_name = ""
    while at + BLOCK <= len(octets):
        block = octets[at : at + BLOCK]
        if not block.strip(b"\x00"):
            at += BLOCK  # some archives are appended to others
            continue
        size = _number(block[124:136])
        start = at + BLOCK
        at = start + (size + BLOCK - 1) // BLOCK * BLOCK
        content = octets[start : start + size]
        kind = block[156:157]
        if kind == b"L":  # GNU: the name of the next one
            long_name = content.rstrip(b"\x00").decode("utf-8", "replace")
        elif kind in b"xg":
            long_name = _pax_path(content) or long_name
        else:
            name = block[:100].partition(b"\x00")[0].decode("utf-8", "replace")
            prefix = block[345:500].partition(b"\x00")[0].decode("utf-8", "replace")
            whole = f"{prefix}/{name}" if prefix and block[257:262] == b"ustar" else name
            called = (long_name or whole).rstrip("/") + "/" * (kind == b"5")
            yield Listed(called, content if kind in b"\x0007" else b"")
            long_name = ""


def _number(octets: bytes) -> int:
    if octets[0] & 0x80:  # base 256, for sizes beyond 8 GiB
        return int.from_bytes(octets[1:], "big") & ((1 << 62) - 1)
    text = octets.strip(b" \x00")
    if text.strip(b"01234567"):
        raise ValueError("a broken tar header")
    return int(text or b"0", 8)


def _pax_path(octets: bytes) -> str:
    at = octets.find(b" path=")
    if at < 0:
        return ""
    return octets[at + 6 :].partition(b"\n")[0].decode("utf-8", "replace")


# -- RAR


def read_rar(octets: bytes) -> Iterator[Listed]:
    """The files; raises ``ValueError`` for a broken header, or ``Hidden`` when even the list is encrypted."""
    return _rar5(octets) if octets[6:7] == b"\x01" else _rar4(octets)


def _rar4(octets: bytes) -> Iterator[Listed]:
    at = 7
    while at + 7 <= len(octets):
        kind, flags = octets[at + 2], int.from_bytes(octets[at + 3 : at + 5], "little")
        length = int.from_bytes(octets[at + 5 : at + 7], "little")
        if length < 7:
            raise ValueError("a broken RAR block")
        following = at + length
        if kind == 0x73 and flags & 0x80:
            raise Hidden
        if kind == 0x74:
            packed = int.from_bytes(octets[at + 7 : at + 11], "little")
            names = int.from_bytes(octets[at + 26 : at + 28], "little")
            skip = 40 if flags & 0x100 else 32
            name = octets[at + skip : at + skip + names].partition(b"\x00")[0].decode("utf-8", "replace")
            is_stored = octets[at + 25] == 0x30 and not flags & 4
            yield Listed(name, octets[following : following + packed] if is_stored else None, bool(flags & 4))
            following += packed
        elif flags & 0x8000:
            following += int.from_bytes(octets[at + 7 : at + 11], "little")
        at = following


def _vint(octets: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for position in range(at, min(at + 10, len(octets))):
        value |= (octets[position] & 0x7F) << shift
        shift += 7
        if octets[position] < 0x80:
            return value, position + 1
    raise ValueError("a broken number")


def _rar5(octets: bytes) -> Iterator[Listed]:
    at = 8
    while at + 7 <= len(octets):
        size, start = _vint(octets, at + 4)
        kind, place = _vint(octets, start)
        flags, place = _vint(octets, place)
        extra, place = _vint(octets, place) if flags & 1 else (0, place)
        content, place = _vint(octets, place) if flags & 2 else (0, place)
        end = start + size
        if kind == 4:
            raise Hidden
        if kind == 2:
            yield _rar5_file(octets, place, end, extra, content)
        if kind == 5:
            return
        at = end + content


def _rar5_file(octets: bytes, place: int, end: int, extra: int, content: int) -> Listed:
    flags, place = _vint(octets, place)
    _, place = _vint(octets, place)
    _, place = _vint(octets, place)
    place += (4 if flags & 2 else 0) + (4 if flags & 4 else 0)
    method, place = _vint(octets, place)
    _, place = _vint(octets, place)
    length, place = _vint(octets, place)
    name = octets[place : place + length].decode("utf-8", "replace")
    is_encrypted = _has_encryption(octets, max(place, end - extra), end)
    is_stored = not method >> 7 & 7 and not is_encrypted
    return Listed(name, octets[end : end + content] if is_stored else None, is_encrypted)


def _has_encryption(octets: bytes, at: int, end: int) -> bool:
    while at < end:
        size, place = _vint(octets, at)
        kind, _ = _vint(octets, place)
        if kind == 1:
            return True
        at = place + max(size, 1)
    return False
