"""Reports out of gzip or zip, within L40: 10 MiB, and 100 times what came (threat D11)."""

import struct
import zlib

MAX_OCTETS = 10 * 1024 * 1024
MAX_RATIO = 100
LEAST_ALLOWED = 64 * 1024
"""A small report of many equal rows may shrink more than a hundredfold and harms nobody."""

_ZIP_HEADER = struct.Struct("<4sHHHHHIIIHH")
_RAW, _GZIP = -15, 31


def unpack(octets: bytes) -> bytes:
    """The file inside: of gzip, of the first entry of a zip, or ``octets`` as they are; raises ``ValueError``."""
    if octets.startswith(b"\x1f\x8b"):
        return _inflate(octets, _GZIP)
    if octets.startswith(b"PK\x03\x04"):
        return _unzip(octets)
    if len(octets) > MAX_OCTETS:
        raise ValueError("too large")
    return octets


def _unzip(octets: bytes) -> bytes:
    """The first entry alone; the directory, which may say otherwise, is not read."""
    if len(octets) < _ZIP_HEADER.size:
        raise ValueError("not a zip file")
    _, _, flags, method, _, _, _, size, _, name, extra = _ZIP_HEADER.unpack_from(octets)
    start = _ZIP_HEADER.size + name + extra
    if flags & 1:
        raise ValueError("encrypted")
    if method == 8:
        return _inflate(octets[start:], _RAW)
    if method == 0 and size <= MAX_OCTETS and not flags & 8:
        return octets[start : start + size]
    raise ValueError("a way of packing that reports do not use")


def _inflate(octets: bytes, form: int) -> bytes:
    most = min(MAX_OCTETS, max(LEAST_ALLOWED, len(octets) * MAX_RATIO))
    inflater = zlib.decompressobj(form)
    try:
        found = inflater.decompress(octets, most + 1)
    except zlib.error:
        raise ValueError("broken compression") from None
    if len(found) > most:
        raise ValueError("unpacks to too much")
    if not inflater.eof:
        raise ValueError("cut short")
    return found
