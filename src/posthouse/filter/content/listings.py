"""Archives whose list of files can be read without unpacking: tar (POSIX pax), RAR 4 and 5, 7z. Linear, iterative."""

import lzma
from collections.abc import Iterator

import msgspec

BLOCK = 512
HEADER_OCTETS = 4 * 1024 * 1024


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
            yield Listed(long_name or whole, content if kind in b"\x0007" else b"")
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


def read_rar(octets: bytes, most: int) -> Iterator[Listed]:
    """The files; raises ``ValueError`` for a broken header, or ``Hidden`` when even the list is encrypted."""
    return _rar5(octets, most) if octets[6:7] == b"\x01" else _rar4(octets, most)


def _rar4(octets: bytes, most: int) -> Iterator[Listed]:
    at = 7
    for _ in range(most):
        if at + 7 > len(octets):
            return
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


def _rar5(octets: bytes, most: int) -> Iterator[Listed]:
    at = 8
    for _ in range(most):
        if at + 7 > len(octets):
            return
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


# -- 7z

_AES = b"\x06\xf1\x07\x01"
_LZMA = b"\x03\x01\x01"


def read_7z(octets: bytes, most: int) -> list[Listed]:
    """The names; raises ``ValueError`` for what we cannot read, ``Hidden`` when the list is encrypted."""
    offset, size = (int.from_bytes(octets[at : at + 8], "little") for at in (12, 20))
    header = octets[32 + offset : 32 + offset + size]
    for _ in range(4):
        if header[:1] != b"\x17":
            break
        if _AES in header:
            raise Hidden
        header = _unpack_header(octets, header)
    if header[:1] != b"\x01":
        raise ValueError("no list of files")
    is_encrypted = _AES in header
    return [Listed(name, None, is_encrypted) for name in _names(header)[:most]]


def _number7(octets: bytes, at: int) -> tuple[int, int]:
    first = octets[at]
    mask, value, count = 0x80, 0, 0
    while first & mask and count < 8:
        value |= octets[at + 1 + count] << (8 * count)
        mask >>= 1
        count += 1
    return value + ((first & (mask - 1)) << (8 * count) if mask else 0), at + 1 + count


def _unpack_header(octets: bytes, header: bytes) -> bytes:
    """A header packed with LZMA, as they nearly all are."""
    try:
        if header[1] != 6:
            raise ValueError("a strange header")
        position, at = _number7(header, 2)
        _, at = _number7(header, at)
        if header[at] != 9:
            raise ValueError("a strange header")
        packed, at = _number7(header, at + 1)
        coder = header.index(b"\x23" + _LZMA)
        properties = header[coder + 5 : coder + 5 + header[coder + 4]]
        at = header.index(b"\x0c", coder + 5 + len(properties)) + 1
        size, _ = _number7(header, at)
    except IndexError:
        raise ValueError("a broken header") from None
    if not 0 < size <= HEADER_OCTETS:
        raise ValueError("a header of a strange size")
    stream = octets[32 + position : 32 + position + packed]
    whole = properties + size.to_bytes(8, "little") + stream
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=64 * 1024 * 1024).decompress(whole, HEADER_OCTETS)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError("a broken header") from error


def _names(header: bytes) -> list[str]:
    """The property kNames, behind kFilesInfo: UTF-16, each name ended by a zero."""
    place = header.find(b"\x11", max(header.find(b"\x05"), 0))
    while place >= 0:
        try:
            size, start = _number7(header, place + 1)
        except IndexError:
            break
        names = header[start + 1 : start + size]
        if size > 2 and size % 2 and header[start] == 0 and len(names) == size - 1 and names.endswith(b"\x00\x00"):
            return names.decode("utf-16-le", "replace").rstrip("\x00").split("\x00")
        place = header.find(b"\x11", place + 1)
    return []
