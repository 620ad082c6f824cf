"""What octets are, by their first ones and a few places behind them (threat M08): magic, not name."""

import re
from enum import Enum

import msgspec

EICAR = b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The end of the test string that all scanners know; in two pieces, or they would know this file too."""
LOOK_OCTETS = 4096
"""How much of a text is looked at to see whether it is a script."""


class Family(Enum):
    EXECUTABLE = "executable"
    SCRIPT = "script"
    ARCHIVE = "archive"
    COMPOUND = "compound"
    DOCUMENT = "document"
    MEDIA = "media"
    MARKUP = "markup"


class Nature(msgspec.Struct, frozen=True):
    """``name`` is for people and for whoever looks further ("zip", "PE program")."""

    name: str
    family: Family


def _all(family: Family, *pairs: tuple[bytes, str]) -> list[tuple[bytes, Nature]]:
    return [(prefix, Nature(name, family)) for prefix, name in pairs]


_PREFIXES = [
    *_all(
        Family.EXECUTABLE,
        (b"\x7fELF", "ELF program"), (b"\xfe\xed\xfa\xce", "Mach-O program"), (b"\xfe\xed\xfa\xcf", "Mach-O program"),
        (b"\xce\xfa\xed\xfe", "Mach-O program"), (b"\xcf\xfa\xed\xfe", "Mach-O program"),
        (b"\xca\xfe\xba\xbe", "Java class or Mach-O program"), (b"dex\n0", "Android program"),
        (b"L\x00\x00\x00\x01\x14\x02\x00", "Windows shortcut"), (b"ITSF\x03\x00", "compiled help"),
        (b"?_\x03\x00", "help file"),
        (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "OneNote section"), (b"conectix", "disk image"),
        (b"vhdxfile", "disk image"), (b"KDMV", "disk image"), (b"QFI\xfb", "disk image"),
        (b"MSCF\x00\x00\x00\x00", "cabinet"),
        (b"\x00asm", "WebAssembly program"), (b"!<arch>\ndebian", "Debian package"),
        (b"\xed\xab\xee\xdb", "RPM package"),
        (b"xar!", "macOS package"), (b"\x00\x01\x00\x00Standard ACE DB", "Access database"),
        (b"\x00\x01\x00\x00Standard Jet DB", "Access database"),
        *[(kind + bytes([version]), "Flash film") for kind in (b"FWS", b"CWS", b"ZWS") for version in range(1, 32)],
    ),
    *_all(
        Family.SCRIPT,
        (b"#!", "script"), (b"REGEDIT4", "registry script"), (b"Windows Registry Editor", "registry script"),
        (b"\xff\xfeW\x00i\x00n\x00d\x00o\x00w\x00s\x00 \x00R\x00e\x00g", "registry script"),
        (b"[InternetShortcut]", "Internet shortcut"), (b"<?php", "PHP script"), (b"#@~^", "encoded script"),
    ),
    *_all(
        Family.ARCHIVE,
        (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"PK\x07\x08", "zip"), (b"PK00PK\x03\x04", "zip"),
        (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07", "rar"), (b"\x78\x9f\x3e\x22", "winmail.dat"), (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"LZIP\x01", "lzip"), (b"\x1f\x9d", "compress"), (b"\x60\xea", "arj"), (b"\x5d\x00\x00", "lzma"),
    ),
    *_all(Family.COMPOUND, (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "compound file")),
    *_all(Family.DOCUMENT, (b"%PDF-", "PDF"), (b"{\\rt", "RTF")),
    *_all(
        Family.MEDIA,
        (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"II*\x00", "TIFF"),
        (b"MM\x00*", "TIFF"), (b"RIFF", "RIFF"), (b"ID3", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC"),
        (b"wOFF", "font"), (b"wOF2", "font"),
    ),
]  # fmt: skip

_BY_FIRST: dict[int, list[tuple[bytes, Nature]]] = {}
for _prefix, _nature in _PREFIXES:
    _BY_FIRST.setdefault(_prefix[0], []).append((_prefix, _nature))

_PROGRAM = Nature("Windows or DOS program", Family.EXECUTABLE)
_IMAGE = Nature("disk image", Family.EXECUTABLE)
_TAR = Nature("tar", Family.ARCHIVE)
_HTML = Nature("HTML", Family.MARKUP)
_ELSEWHERE = (
    (257, b"ustar", _TAR), (0x8001, b"CD001", _IMAGE), (0x8001, b"BEA01", _IMAGE), (0x8801, b"CD001", _IMAGE),
    (2, b"-lh", Nature("lha", Family.ARCHIVE)),
    (7, b"**ACE**", Nature("ace", Family.ARCHIVE)),
    (4, b"ftyp", Nature("MP4", Family.MEDIA)), (6, b"\x00\x00\x00\x00", Nature("BMP", Family.MEDIA)),
)  # fmt: skip
_METHODS = frozenset(b"%d" % method for method in range(8))
"""Of lha."""
_HTML_START = re.compile(
    rb"\s*+(?:<!--[^>]{0,200}-->\s*+)?+<(?:!doctype html|html|head|body|script|svg|meta)\b", re.IGNORECASE
)
_SCRIPTS = (
    (re.compile(rb"<hta:application\b", re.IGNORECASE), "HTA script"),
    (re.compile(rb"\A\s*+(?:<\?xml[^>]*+>\s*+)?+<(?:job|package|scriptlet)\b", re.IGNORECASE), "WSH script"),
    (re.compile(rb"\bWScript\.|new\s+ActiveXObject\s*+\(|\bGetObject\s*+\(", re.IGNORECASE), "WSH script"),
    (re.compile(rb"\bCreateObject\s*+\(\s*+[\"'(]", re.IGNORECASE), "WSH script"),
    (re.compile(rb"\A\s*+@?echo\s+off\b", re.IGNORECASE), "batch script"),
    (re.compile(rb"\bpowershell(?:\.exe)?\s+-|\bInvoke-Expression\b|\bIEX\s*+\(|\bNew-Object\s+Net\.", re.IGNORECASE),
     "PowerShell script"),
)  # fmt: skip


def recognise(octets: bytes) -> Nature | None:
    """What it is, None if it has no mark; text that is not marked is ``recognise_script``'s."""
    if not octets:
        return None
    first = octets[0]
    if first == 0x4D and octets[1:2] == b"Z" and _is_program(octets):
        return _PROGRAM
    for prefix, nature in _BY_FIRST.get(first, ()):
        if octets.startswith(prefix):
            return nature
    for at, mark, nature in _ELSEWHERE:
        if octets.startswith(mark, at) and _is_there(octets, at):
            return nature
    if octets[510:512] == b"\x55\xaa" and (
        octets[54:57] == b"FAT" or octets[82:85] == b"FAT" or octets[3:7] == b"NTFS"
    ):
        return _IMAGE
    if octets[-512:-504] == b"conectix" or octets[-512:-508] == b"koly":
        return _IMAGE
    if b"<" in octets[:512] and _HTML_START.match(octets, 3 if octets.startswith(b"\xef\xbb\xbf") else 0):
        return _HTML
    return None


def _is_there(octets: bytes, at: int) -> bool:
    """What more belongs to a mark that stands at ``at``."""
    if at == 2:
        return octets[5:6] in _METHODS and octets[6:7] == b"-"
    return at != 6 or octets.startswith(b"BM")


def _is_program(octets: bytes) -> bool:
    """``MZ`` begins words too; a program says where its new header is, or is no text."""
    if len(octets) >= 64:
        at = int.from_bytes(octets[60:64], "little")
        if octets[at : at + 2] in {b"PE", b"NE", b"LE", b"LX"}:
            return True
    return any(one < 9 for one in octets[2:64]) or (len(octets) < 64 and not octets.isascii())


def recognise_script(octets: bytes) -> str:
    """What kind of script a text is that came as a file; empty if it looks like none."""
    piece = octets[:LOOK_OCTETS]
    if piece.startswith((b"\xff\xfe", b"\xfe\xff")):
        piece = piece[2:].replace(b"\x00", b"")
    elif b"\x00" in piece:
        return ""
    for pattern, name in _SCRIPTS:
        if pattern.search(piece):
            return name
    return ""
