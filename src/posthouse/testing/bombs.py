"""Small messages that are large, deep, many or endless once somebody looks into them (threat M07)."""

import bz2
import gzip
import hashlib
import lzma
import struct

from posthouse.testing.carriers import HEAD, compound, lines, message, mixed, tarred, tnef, zipped

MIB = 1024 * 1024


def bombs() -> dict[str, bytes]:
    """Twenty and more."""
    zeros = bytes(24 * MIB)
    archive = zipped({"zeros": zeros})
    packed = gzip.compress(zeros, 1)
    broken = bytearray(compound({"Workbook": bytes(4096)}))
    return {
        "zip of zeros": message(archive, "a.zip"),
        "zip of zips of zeros": message(zipped({f"{number}.zip": archive for number in range(20)}), "a.zip"),
        "zip in zip in zip in zip": message(_nested(4), "a.zip"),
        "zip in itself forty times": message(_nested(40), "a.zip"),
        "zip of 2,000 files": message(zipped({f"{number}": b"" for number in range(2000)}), "a.zip"),
        "zip whose files lie over each other": message(_overlapping(archive), "a.zip"),
        "zip that lists one file 900 times": message(_repeated(zipped({"a": bytes(MIB)})), "a.zip"),
        "zip that says it is small": message(_lying(archive), "a.zip"),
        "zip of just below the ratio": message(zipped({f"{n}": _dense(8 * MIB, n) for n in range(20)}), "a.zip"),
        "gz of zeros": message(packed, "a.gz"),
        "gz of gz of gz of gz": message(gzip.compress(gzip.compress(gzip.compress(packed))), "a.gz"),
        "gz in 3,000 pieces": message(gzip.compress(b"") * 3000, "a.gz"),
        "bz2 of zeros": message(bz2.compress(zeros), "a.bz2"),
        "xz of zeros": message(lzma.compress(zeros, preset=0), "a.xz"),
        "xz that wants much memory": message(_hungry(), "a.xz"),
        "tar.gz of zeros": message(tarred({"zeros": zeros}, "w:gz"), "a.tgz"),
        "tar with 3,000 files": message(tarred({f"{number}": b"" for number in range(3000)}, "w:gz"), "a.tgz"),
        "tar of a broken size": message(_broken_tar(), "a.tar"),
        "winmail.dat with a false length": message(tnef({"a": b"b"})[:-40] + b"\xff" * 40, "winmail.dat"),
        "winmail.dat with 3,000 files": message(tnef({f"{number}": b"x" for number in range(3000)}), "winmail.dat"),
        "compound file without an end": message(_circular(broken), "a.xls"),
        "messages in messages in base64": _letters(12),
        "rar that ends within a number": message(b"Rar!\x1a\x07\x01\x00" + bytes(4) + b"\xff" * 40, "a.rar"),
        "7z with a header of another world": message(_seven(), "a.7z"),
        "document of one endless paragraph": message(
            zipped({"[Content_Types].xml": b"", "word/document.xml": zeros}), "a.docx"
        ),
    }  # fmt: skip


def _nested(depth: int) -> bytes:
    octets = b"the innermost"
    for number in range(depth):
        octets = zipped({f"{number}.zip": octets})
    return octets


def _overlapping(archive: bytes) -> bytes:
    """A second entry that begins where the content of the first is."""
    at = archive.find(b"PK\x01\x02")
    end = archive.find(b"PK\x05\x06")
    central = bytearray(archive[at:end])
    head = archive[:30] + archive[30 : archive.find(b"PK\x01\x02")]
    inner = head[:60] + archive[:40] + head[100:at]
    central[42:46] = struct.pack("<I", 60)
    directory = archive[at:end] + bytes(central)
    return inner + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), len(inner), 0)


def _repeated(archive: bytes) -> bytes:
    at, end = archive.find(b"PK\x01\x02"), archive.find(b"PK\x05\x06")
    directory = archive[at:end] * 900
    return archive[:at] + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 900, 900, len(directory), at, 0)


def _lying(archive: bytes) -> bytes:
    made = bytearray(archive)
    at = made.find(b"PK\x01\x02")
    made[at + 24 : at + 28] = struct.pack("<I", 10)
    made[22:26] = struct.pack("<I", 10)
    return bytes(made)


def _dense(size: int, seed: int) -> bytes:
    """What deflate makes about fifty times smaller."""
    rows = [hashlib.sha256(b"%d %d" % (seed, row)).digest() * 2 + bytes(3936) for row in range(size // 4000)]
    return b"".join(rows)


def _hungry() -> bytes:
    terms = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    return lzma.compress(bytes(1000), format=lzma.FORMAT_XZ, filters=terms)


def _broken_tar() -> bytes:
    made = bytearray(tarred({"a": b"b"}))
    made[124:136] = b"9999999999\x00 "
    return bytes(made)


def _circular(broken: bytearray) -> bytes:
    """Every sector is followed by the first."""
    table = struct.unpack_from("<I", broken, 76)[0]
    at = (table + 1) * 512
    broken[at : at + 512] = bytes(512)
    return bytes(broken)


def _letters(depth: int) -> bytes:
    octets = HEAD + b"\r\nthe innermost\r\n"
    for _ in range(depth):
        fields = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n"
        octets = mixed(fields, lines(octets))
    return octets


def _seven() -> bytes:
    header = b"\x17\x06\xff" + b"\xff" * 60
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(4) + struct.pack("<QQI", 0, len(header), 0) + header
