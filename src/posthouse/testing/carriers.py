"""What carries a file in a message, as honest and as crooked as it gets: for tests of our own look at the content."""

import base64
import binascii
import bz2
import gzip
import io
import lzma
import quopri
import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator

from posthouse.filter.content.magic import EICAR

TEST_FILE = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + EICAR
HEAD = (
    b"From: Alice <alice@far.test>\r\nTo: bob@office.test\r\nSubject: a file\r\n"
    b"Date: Sat, 21 Nov 2026 14:00:00 +0000\r\nMessage-ID: <1@far.test>\r\n"
)


def lines(octets: bytes) -> bytes:
    """Base64 in lines with CRLF."""
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def message(
    octets: bytes, name: str = "file.dat", kind: str = "application/octet-stream", *, encoding: str = "base64"
) -> bytes:
    """A mail with one attachment."""
    coded = {"base64": lines, "quoted-printable": quoted}.get(encoding, bytes)(octets)
    label = f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
    return mixed(label.encode() + f"Content-Transfer-Encoding: {encoding}\r\n".encode(), coded)


def mixed(fields: bytes, body: bytes) -> bytes:
    """A multipart with a word of text and one part."""
    head = HEAD + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="frontier"\r\n\r\n'
    text = b"--frontier\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
    return head + text + b"--frontier\r\n" + fields + b"\r\n" + body + b"\r\n--frontier--\r\n"


def quoted(octets: bytes) -> bytes:
    return quopri.encodestring(octets).replace(b"\n", b"\r\n")


def uuencoded(octets: bytes, name: str = "eicar.com") -> bytes:
    rows = [binascii.b2a_uu(octets[at : at + 45]).replace(b"\n", b"\r\n") for at in range(0, len(octets), 45)]
    return f"begin 644 {name}\r\n".encode() + b"".join(rows) + b"`\r\nend\r\n"


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, octets in files.items():
            archive.writestr(name, octets)
    return target.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload] # mypy knows only literals
        for name, octets in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(octets)
            archive.addfile(entry, io.BytesIO(octets))
    return target.getvalue()


def with_password(archive: bytes) -> bytes:
    """A zip whose every entry says that it is encrypted."""
    made = bytearray(archive)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = made.find(mark)
        while at >= 0:
            made[at + place] |= 1
            at = made.find(mark, at + 4)
    return bytes(made)


def tnef(files: dict[str, bytes]) -> bytes:
    """A ``winmail.dat``."""

    def attribute(level: int, kind: int, value: bytes) -> bytes:
        return struct.pack("<BII", level, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)

    made = struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x00089006, b"\x00\x00\x01\x00")
    for name, octets in files.items():
        made += attribute(2, 0x00069002, bytes(14))
        made += attribute(2, 0x00018010, name.encode() + b"\x00") + attribute(2, 0x0006800F, octets)
    return made


def rar5(files: dict[str, bytes], *, encrypted: bool = False) -> bytes:
    """A RAR 5 archive whose files are stored, not packed."""

    def vint(value: int) -> bytes:
        made = bytearray()
        while value > 0x7F:
            made.append(value & 0x7F | 0x80)
            value >>= 7
        made.append(value)
        return bytes(made)

    def block(kind: int, fields: bytes, content: bytes = b"", extra: bytes = b"") -> bytes:
        flags = (1 if extra else 0) | (2 if content else 0)
        head = (
            vint(kind) + vint(flags) + (vint(len(extra)) if extra else b"") + (vint(len(content)) if content else b"")
        )
        body = head + fields + extra
        return bytes(4) + vint(len(body)) + body + content

    made = b"Rar!\x1a\x07\x01\x00" + block(1, vint(0))
    for name, octets in files.items():
        extra = vint(1 + 1) + vint(1) + vint(0) if encrypted else b""
        fields = vint(0) + vint(len(octets)) + vint(0) + vint(0) + vint(0) + vint(len(name)) + name.encode()
        made += block(2, fields, octets, extra)
    return made + block(5, vint(0))


def seven(files: dict[str, bytes]) -> bytes:
    """A 7z archive that packs nothing."""

    def number(value: int) -> bytes:
        return bytes([value]) if value < 0x80 else b"\xff" + value.to_bytes(8, "little")

    content = b"".join(files.values())
    sizes = [number(len(octets)) for octets in files.values()]
    names = b"".join((name + "\x00").encode("utf-16-le") for name in files)
    header = b"\x01\x04\x06\x00\x01\x09" + number(len(content)) + b"\x00"
    header += b"\x07\x0b\x01\x00\x01\x01\x00\x0c" + number(len(content)) + b"\x00"
    header += (
        b"\x08\x0d" + number(len(files)) + (b"\x09" + b"".join(sizes[:-1]) if len(files) > 1 else b"") + b"\x00\x00"
    )
    header += b"\x05" + number(len(files)) + b"\x11" + number(len(names) + 1) + b"\x00" + names + b"\x00\x00"
    start = struct.pack("<QQI", len(content), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + content + header


def compound(streams: dict[str, bytes], clsid: bytes = bytes(16)) -> bytes:
    """A compound file; each stream is made at least 4,096 octets long, so that it needs no small sectors."""
    contents = {name: octets.ljust(4096, b"\x00") for name, octets in streams.items()}
    fat: list[int] = []
    entries = [_entry("Root Entry", 5, 0xFFFFFFFE, 0, clsid)]
    sectors = b""
    for name, octets in contents.items():
        count = (len(octets) + 511) // 512
        entries.append(_entry(name, 2, len(fat), len(octets), bytes(16)))
        fat += [*range(len(fat) + 1, len(fat) + count), 0xFFFFFFFE]
        sectors += octets.ljust(count * 512, b"\x00")
    directory = b"".join(entries)
    count = (len(directory) + 511) // 512
    first = len(fat)
    fat += [*range(first + 1, first + count), 0xFFFFFFFE]
    sectors += directory.ljust(count * 512, b"\x00")
    tables = (len(fat) + 127) // 127
    places = list(range(len(fat), len(fat) + tables))
    fat += [0xFFFFFFFD] * tables
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(tables * 512, b"\xff")
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, tables, first, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    return head + struct.pack("<109I", *places, *[0xFFFFFFFF] * (109 - tables)) + sectors + table


def _entry(name: str, kind: int, start: int, size: int, clsid: bytes) -> bytes:
    wide = name.encode("utf-16-le")
    head = wide.ljust(64, b"\x00") + struct.pack("<HBBIII", len(wide) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    return head + clsid + bytes(20) + struct.pack("<III", start, size, 0)


def containers(octets: bytes = TEST_FILE) -> dict[str, bytes]:
    """``octets`` in a message, in every way that readers undo."""
    archive = zipped({"a.txt": octets})
    return (
        _encoded(octets)
        | _within_messages(message(octets), archive)
        | _zips(octets, archive)
        | _packed(octets, archive)
    )


def _encoded(octets: bytes) -> dict[str, bytes]:
    """By what mail itself does to content, and by names."""
    return {
        "body": HEAD + b"\r\n" + octets + b"\r\n",
        "7bit": message(octets, encoding="7bit"),
        "8bit": message(octets, encoding="8bit"),
        "binary": message(octets, encoding="binary"),
        "base64": message(octets),
        "base64 body": HEAD + b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines(octets),
        "quoted-printable": message(octets, encoding="quoted-printable"),
        "quoted-printable, all escaped": mixed(
            b"Content-Transfer-Encoding: quoted-printable\r\n", b"=\r\n".join(b"=%02X" % one for one in octets)
        ),
        "uuencoded text": HEAD + b"\r\nSee below.\r\n\r\n" + uuencoded(octets),
        "uuencoded part": mixed(b"Content-Transfer-Encoding: x-uuencode\r\n", uuencoded(octets)),
        "html": mixed(b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n", lines(b"<p>" + octets)),
        "double extension": message(octets, "report.pdf.exe"),
        "RLO name": message(octets, "report\u202efdp.exe"),
    }


def _within_messages(inner: bytes, archive: bytes) -> dict[str, bytes]:
    """As a message in a message."""
    return {
        "rfc822": mixed(b"Content-Type: message/rfc822\r\n", inner),
        "rfc822 twice": mixed(
            b"Content-Type: message/rfc822\r\n",
            inner.replace(b"frontier", b"middle").replace(b"See the file.", b"") + b"--inner\r\n\r\n" + inner,
        ),
        "rfc822 in base64": mixed(
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n", lines(inner)
        ),
        "eml as a file": message(inner, "letter.eml"),
        "mht as a file": message(HEAD + b"MIME-Version: 1.0\r\n" + inner[len(HEAD) :], "page.mht"),
        "zip in rfc822": mixed(b"Content-Type: message/rfc822\r\n", message(archive, "a.zip")),
    }


def _zips(octets: bytes, archive: bytes) -> dict[str, bytes]:
    """In zip files, honest and crooked."""
    twice = zipped({"b.zip": archive})
    return {
        "zip": message(archive, "a.zip"),
        "zip, stored": message(zipped({"a.txt": octets}, zipfile.ZIP_STORED), "a.zip"),
        "zip, bzip2": message(zipped({"a.txt": octets}, zipfile.ZIP_BZIP2), "a.zip"),
        "zip, lzma": message(zipped({"a.txt": octets}, zipfile.ZIP_LZMA), "a.zip"),
        "zip in zip": message(twice, "c.zip"),
        "zip in zip in zip": message(zipped({"c.zip": twice}), "d.zip"),
        "zip named .jpg": message(archive, "a.jpg", "image/jpeg"),
        "zip without directory": message(archive[: archive.find(b"PK\x01\x02")], "a.zip"),
        "zip behind a picture": message(b"GIF89a" + bytes(100) + archive, "a.zip", "application/zip"),
        "zip behind a zip": message(zipped({"b.txt": b"fine"}) + archive, "a.zip"),
        "zip before a zip": message(archive + zipped({"b.txt": b"fine"}), "a.zip"),
        "docx": message(zipped({"[Content_Types].xml": b"<Types/>", "word/embeddings/o.bin": octets}), "a.docx"),
    }


def _packed(octets: bytes, archive: bytes) -> dict[str, bytes]:
    """In all else that holds or packs files."""
    half = len(octets) // 2
    return {
        "gz": message(gzip.compress(octets), "a.gz"),
        "gz in two": message(gzip.compress(octets[:half]) + gzip.compress(octets[half:]), "a.gz"),
        "bz2": message(bz2.compress(octets), "a.bz2"),
        "xz": message(lzma.compress(octets), "a.xz"),
        "tar": message(tarred({"a.txt": octets}), "a.tar"),
        "tar.gz": message(tarred({"a.txt": octets}, "w:gz"), "a.tar.gz"),
        "tar.bz2": message(tarred({"a.txt": octets}, "w:bz2"), "a.tar.bz2"),
        "tar.xz": message(tarred({"a.txt": octets}, "w:xz"), "a.tar.xz"),
        "zip in tar": message(tarred({"a.zip": archive}), "a.tar"),
        "rar, stored": message(rar5({"a.txt": octets}), "a.rar"),
        "7z": message(seven({"a.txt": octets, "b.txt": b"fine"}), "a.7z"),
        "lzma": message(lzma.compress(octets, lzma.FORMAT_ALONE), "a.lzma"),
        "pdf": message(
            b"%PDF-1.7\n1 0 obj\n<</Type/EmbeddedFile/Filter/FlateDecode>>\nstream\r\n"
            + zlib.compress(octets)
            + b"\r\nendstream\nendobj\n",
            "a.pdf",
        ),
        "7z of zip": message(seven({"b.txt": b"fine", "a.zip": archive}), "a.7z"),
        "winmail.dat": message(tnef({"a.txt": octets}), "winmail.dat", "application/ms-tnef"),
        "zip in winmail.dat": message(tnef({"a.zip": archive}), "winmail.dat", "application/ms-tnef"),
        "msg": message(compound({"__substg1.0_37010102": octets}), "letter.msg"),
    }


BOUNDARIES = {
    "plain": b'Content-Type: multipart/mixed; boundary="frontier"\r\n',
    "no MIME-Version": b'Content-Type: multipart/mixed; boundary="frontier"\r\n',
    "two boundaries": b'Content-Type: multipart/mixed; boundary="other"; boundary="frontier"\r\n',
    "two boundaries, turned": b'Content-Type: multipart/mixed; boundary="frontier"; boundary="other"\r\n',
    "two types": b'Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary="frontier"\r\n',
    "two types, turned": b'Content-Type: multipart/mixed; boundary="frontier"\r\nContent-Type: text/plain\r\n',
    "comment before": b"Content-Type: multipart/mixed; (hello) boundary=frontier\r\n",
    "comment within": b'Content-Type: multipart/mixed; boundary=(a "b)"frontier"\r\n',
    "comment around": b'Content-Type: (x) multipart/mixed (y); boundary="frontier" (z)\r\n',
    "encoded word": b'Content-Type: multipart/mixed; boundary="=?utf-8?q?frontier?="\r\n',
    "RFC 2231": b"Content-Type: multipart/mixed; boundary*=us-ascii''frontier\r\n",
    "RFC 2231, parts": b"Content-Type: multipart/mixed; boundary*0=fron; boundary*1=tier\r\n",
    "escaped": b'Content-Type: multipart/mixed; boundary="fr\\ontier"\r\n',
    "no boundary": b"Content-Type: multipart/mixed\r\n",
    "empty boundary": b'Content-Type: multipart/mixed; boundary=""\r\n',
    "unquoted": b"Content-Type: multipart/mixed;boundary=frontier\r\n",
    "space before colon": b'Content-Type : multipart/mixed; boundary="frontier"\r\n',
    "folded": b'Content-Type:\r\n multipart/mixed;\r\n\tboundary\r\n =\r\n "frontier"\r\n',
    "case": b'cOnTeNt-TyPe: MULTIPART/Mixed; BOUNDARY="frontier"\r\n',
    "no subtype": b'Content-Type: multipart; boundary="frontier"\r\n',
    "equals missing": b'Content-Type: multipart/mixed; boundary "frontier"\r\n',
    "quote not closed": b'Content-Type: multipart/mixed; boundary="frontier\r\n',
    "no type": b"",
    "encoded whole": b'Content-Type: multipart/mixed; boundary="frontier"\r\nContent-Transfer-Encoding: base64\r\n',
}
"""How a message says that it has parts, in the classes of MIMEminer's grammar."""

ENCODINGS = {
    "plain": b"Content-Transfer-Encoding: base64\r\n",
    "twice": b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n",
    "twice, turned": b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: quoted-printable\r\n",
    "comment": b"Content-Transfer-Encoding: (not) base64 (at all)\r\n",
    "quoted": b'Content-Transfer-Encoding: "base64"\r\n',
    "parameter": b"Content-Transfer-Encoding: base64; x=y\r\n",
    "misspelt": b"Content-Transfer-Encoding: base-64\r\n",
    "prefixed": b"Content-Transfer-Encoding: x-base64,\r\n",
    "folded": b"Content-Transfer-Encoding:\r\n\tBASE64\r\n",
    "space before colon": b"Content-Transfer-Encoding : base64\r\n",
    "missing": b"",
    "unknown": b"Content-Transfer-Encoding: rot13\r\n",
    "wrong": b"Content-Transfer-Encoding: 8bit\r\n",
    "behind an empty line": b"\r\nContent-Transfer-Encoding: base64\r\n",
}
BODIES: dict[str, Callable[[bytes], bytes]] = {
    "plain": lines,
    "one line": base64.b64encode,
    "foreign letters": lambda octets: b"*".join(re.findall(b".{1,7}", base64.b64encode(octets))),
    "padded within": lambda octets: b"".join(base64.b64encode(octets[at : at + 4]) for at in range(0, len(octets), 4)),
    "no padding": lambda octets: base64.b64encode(octets).rstrip(b"="),
}


def wrappers(octets: bytes = TEST_FILE) -> Iterator[tuple[str, bytes]]:
    """``octets`` in base64, in a message that readers understand in different ways (threat M06)."""
    for outer, kind in BOUNDARIES.items():
        for inner, encoding in ENCODINGS.items():
            yield f"{outer}, {inner}", wrapped(kind, encoding, lines(octets), outer)
    for name, code in BODIES.items():
        for inner in ("plain", "twice", "unknown"):
            yield f"{name}, {inner}", wrapped(BOUNDARIES["plain"], ENCODINGS[inner], code(octets), "plain")


def wrapped(kind: bytes, encoding: bytes, body: bytes, outer: str) -> bytes:
    version = b"" if outer == "no MIME-Version" else b"MIME-Version: 1.0\r\n"
    part = b'Content-Type: application/octet-stream; name="a.dat"\r\n' + encoding + b"\r\n" + body
    text = b"--frontier\r\n\r\nhello\r\n--frontier\r\n" + part + b"\r\n--frontier--\r\n"
    if outer == "encoded whole":
        text = lines(text)
    return HEAD + version + kind + b"\r\n" + text
