"""Every plausible decoding of a part (threat M06): what any reader might see in it is looked at, at most four ways."""

import binascii
import re

from posthouse.standards.mime.encodedword import decode_base64_leniently
from posthouse.standards.mime.transfer import IDENTITY, decode_transfer

DECODINGS = 4

KNOWN = IDENTITY | {b"base64", b"quoted-printable"}
UU_NAMES = frozenset({b"uuencode", b"x-uuencode", b"x-uue", b"uue"})
_COMMENT = re.compile(rb"\([^()]*+\)")
_BASE64_START = re.compile(rb"\s*+[A-Za-z0-9+/]{20}[A-Za-z0-9+/\r\n=]{20}")
_UU_BEGIN = re.compile(rb"begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?\n")
_UU_LATER = re.compile(rb"\n" + _UU_BEGIN.pattern)
"""Apart from the first: what begins with fixed octets is found ten times as fast."""
_PADDING = re.compile(rb"=[=\s]*+")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def encodings_of(values: list[bytes]) -> tuple[list[bytes], bool]:
    """The encodings that the fields of a part may mean, and whether that is not plain."""
    found: list[bytes] = []
    is_odd = len(values) > 1
    for value in values:
        name = value.strip().lower()
        if name not in KNOWN:
            bare = _COMMENT.sub(b"", name).partition(b";")[0].strip(b" \t\r\n\"'.,")
            is_odd = True
            name = bare if bare in KNOWN or bare in UU_NAMES else _nearest(name)
        if name not in found:
            found.append(name)
    return found or [b"7bit"], is_odd


def _nearest(name: bytes) -> bytes:
    if b"base" in name or b"64" in name:
        return b"base64"
    if b"quot" in name or b"print" in name:
        return b"quoted-printable"
    if b"uu" in name:
        return b"x-uuencode"
    return name[:40]


def decodings(octets: bytes, encodings: list[bytes], *, is_odd: bool) -> list[bytes]:
    """``octets`` as every reader might decode them, the most likely first, none twice."""
    found: list[bytes] = []
    for encoding in encodings:
        if encoding == b"base64":
            found += _base64(octets, at_all_costs=is_odd)
        elif encoding == b"quoted-printable":
            found.append(decode_transfer(octets, encoding))
        elif encoding in UU_NAMES:
            found += [content for _, content in uu_files(octets)]
        else:
            found.append(octets)
    if b"base64" not in encodings and (is_odd or _BASE64_START.match(octets)):
        found += _base64(octets, at_all_costs=is_odd)
    if is_odd:
        if b"quoted-printable" not in encodings and b"=" in octets:
            found.append(decode_transfer(octets, b"quoted-printable"))
        found.append(octets)
    return _distinct(found)


def _distinct(found: list[bytes]) -> list[bytes]:
    kept: list[bytes] = []
    for one in found:
        if one and not any(one == other for other in kept) and len(kept) < DECODINGS:
            kept.append(one)
    return kept


def _base64(octets: bytes, *, at_all_costs: bool) -> list[bytes]:
    """Readers differ about what stands behind padding: it ends, it begins anew, or it never was there."""
    first = decode_base64_leniently(octets)
    padding = octets.find(b"=")
    if padding < 0 or not octets[padding:].strip(b"=\r\n\t -"):
        return [first]
    pieces = [decode_base64_leniently(one) for one in _PADDING.split(octets)[:10_000]]
    found = [first, b"".join(pieces)]
    if at_all_costs or len(octets) < 1_000_000:
        kept = _NO_BASE64.sub(b"", octets)
        kept = kept[: len(kept) - (len(kept) % 4 == 1)]
        found.append(binascii.a2b_base64(kept + b"=" * (-len(kept) % 4)))
    return found


def uu_files(octets: bytes, most: int = 20) -> list[tuple[bytes, bytes]]:
    """The uuencoded files in a text: name and content."""
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while len(found) < most:
        match = (None if at else _UU_BEGIN.match(octets)) or _UU_LATER.search(octets, at)
        if match is None:
            break
        end = octets.find(b"\nend", match.end() - 1)
        end = len(octets) if end < 0 else end
        body = octets[match.end() : end]
        is_base64 = octets.startswith(b"begin-base64", match.start() + (octets[match.start()] == 10))
        found.append((match[1].strip(), decode_base64_leniently(body) if is_base64 else _uu(body)))
        at = max(end, match.end())
    return found


def _uu(body: bytes) -> bytes:
    pieces: list[bytes] = []
    for whole in body.split(b"\n"):
        line = whole.rstrip(b"\r")
        if not line or line[0] in b"` ":
            continue
        try:
            pieces.append(binascii.a2b_uu(line))
        except binascii.Error:
            count = ((line[0] - 32) & 63) * 4 + 5
            try:
                pieces.append(binascii.a2b_uu(line[: count // 3]))
            except binascii.Error:
                continue
    return b"".join(pieces)
