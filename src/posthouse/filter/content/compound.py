"""Compound files (MS-CFB: doc, xls, ppt, msi, msg): their directory and streams, and what makes them dangerous.

Own reader, iterative: a chain of sectors is followed no further than there are
sectors, so one that goes in circles ends.
"""

import struct
import sys
from array import array

import msgspec

from posthouse.filter.content.finding import Findings, Kind

ENTRIES = 4096
OVERREADING = 3
"""How often the octets of a file may be read: by us for two reasons, and a little for those that share sectors."""
_END = 0xFFFFFFFA
_ROOT = 5
_INSTALLERS = frozenset({bytes.fromhex(f"{one}100c0000000000c000000000000046") for one in ("84", "86", "82")})
_PLAIN_WORD = frozenset(bytes([flags]) for flags in range(0, 256, 2)) | {b""}
"""The flag of encryption is the lowest bit of this octet of a Word document (MS-DOC section 2.5.2)."""
_RUNS_ITSELF = (
    b"autoopen", b"auto_open", b"autoexec", b"autoclose", b"auto_close", b"document_open", b"document_close",
    b"workbook_open", b"workbook_activate", b"autonew", b"presentation_open",
)  # fmt: skip


class Entry(msgspec.Struct):
    name: str
    kind: int
    start: int
    size: int
    clsid: bytes


class Compound:
    """Raises ``ValueError`` for what cannot be one."""

    def __init__(self, octets: bytes) -> None:
        if len(octets) < 512:
            raise ValueError("a compound file without a header")
        self._octets = octets
        self._left = OVERREADING * len(octets)
        shift, mini_shift = struct.unpack_from("<HH", octets, 30)
        if shift not in {9, 12} or mini_shift != 6:
            raise ValueError("a compound file with strange sectors")
        self._sector = 1 << shift
        self._count = max(0, (len(octets) + self._sector - 1) // self._sector - 1)
        directory, self._cutoff = struct.unpack_from("<I4xI", octets, 48)
        mini, _, difat, _ = struct.unpack_from("<IIII", octets, 60)
        self._fat = self._read_fat(difat)
        self.entries = self._read_entries(self._chain(directory))
        self._mini_fat = _words(self._chain(mini))
        if not self.entries or self.entries[0].kind != _ROOT:
            raise ValueError("a compound file without a root")
        self._mini = self._chain(self.entries[0].start)

    def _at(self, sector: int) -> bytes:
        start = (sector + 1) * self._sector
        return self._octets[start : start + self._sector]

    def _read_fat(self, difat: int) -> "array[int]":
        sectors = list(struct.unpack_from("<109I", self._octets, 76))
        for _ in range(self._count):
            if difat >= min(_END, self._count):
                break
            more = _words(self._at(difat))
            if not more:
                break
            sectors += more[:-1]
            difat = more[-1]
            if len(sectors) > self._count + 109:
                break
        return _words(b"".join(self._at(one) for one in sectors[: self._count + 1] if one < self._count))

    def _chain(self, sector: int, most: int = 1 << 32) -> bytes:
        pieces: list[bytes] = []
        left = min(self._count, most // self._sector + 1)
        while sector < len(self._fat) and left > 0:
            pieces.append(self._at(sector))
            sector = self._fat[sector]
            left -= 1
        if len(pieces) >= self._count and sector < len(self._fat):
            raise ValueError("a compound file that goes in circles")
        return b"".join(pieces)

    @staticmethod
    def _read_entries(octets: bytes) -> list[Entry]:
        found = []
        for at in range(0, min(len(octets), 128 * ENTRIES) - 127, 128):
            length, kind = struct.unpack_from("<HB", octets, at + 64)
            if kind:
                name = octets[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
                start, size = struct.unpack_from("<II", octets, at + 116)
                found.append(Entry(name, kind, start, size, octets[at + 80 : at + 96]))
        return found

    def read(self, entry: Entry) -> bytes:
        """The octets of a stream; raises ``ValueError`` once all of them are longer than the file could be."""
        self._left -= min(entry.size, len(self._octets))
        if self._left < 0:
            raise ValueError("streams that lie over each other")
        if entry.size >= self._cutoff:
            return self._chain(entry.start, entry.size)[: entry.size]
        pieces: list[bytes] = []
        sector, left = entry.start, min(entry.size // 64 + 1, len(self._mini_fat))
        while sector < len(self._mini_fat) and left > 0:
            pieces.append(self._mini[sector * 64 : sector * 64 + 64])
            sector = self._mini_fat[sector]
            left -= 1
        return b"".join(pieces)[: entry.size]


def _words(octets: bytes) -> "array[int]":
    words = array("I")
    words.frombytes(octets[: len(octets) // 4 * 4])
    if sys.byteorder == "big":
        words.byteswap()
    return words


def judge_compound(octets: bytes, findings: Findings, where: str) -> list[tuple[str, bytes]]:
    """Findings about a compound file, and the files in it that must be looked at: names and contents."""
    try:
        return _judge(Compound(octets), octets, findings, where)
    except (ValueError, struct.error):
        findings.add(Kind.UNSCANNABLE, f"a broken compound file{where}")
        return []


def _judge(compound: Compound, octets: bytes, findings: Findings, where: str) -> list[tuple[str, bytes]]:
    entries = compound.entries
    names = {entry.name.lower() for entry in entries}
    if entries[0].clsid in _INSTALLERS:
        findings.add(Kind.EXECUTABLE, f"an installer{where}")
    if not names.isdisjoint({"_vba_project", "_vba_project_cur", "vba", "macros"}):
        lower = octets.lower()
        itself = any(one in lower or _wide(one) in lower for one in _RUNS_ITSELF)
        findings.add(Kind.MACRO, f"macros{where}" + (", some run by themselves" if itself else ""))
    if "encryptedpackage" in names or "encryptedsummary" in names:
        findings.add(Kind.ENCRYPTED, f"an encrypted document{where}")
    for entry in entries:
        lowered = entry.name.lower()
        if entry.kind != 2:
            continue
        if lowered in {"workbook", "book"}:
            _judge_workbook(compound.read(entry), findings, where)
        elif lowered == "worddocument" and compound.read(entry)[11:12] not in _PLAIN_WORD:
            findings.add(Kind.ENCRYPTED, f"an encrypted document{where}")
    return _files(compound)


def _wide(octets: bytes) -> bytes:
    return octets.decode().encode("utf-16-le")


def _judge_workbook(octets: bytes, findings: Findings, where: str) -> None:
    """BIFF records one after the other (MS-XLS): sheets that are Excel 4 macros, and the sign of encryption."""
    at = 0
    while at + 4 <= len(octets):
        kind, length = struct.unpack_from("<HH", octets, at)
        if kind == 0x2F:
            findings.add(Kind.ENCRYPTED, f"an encrypted workbook{where}")
            return
        if kind == 0x85 and length >= 6 and octets[at + 9 : at + 10] == b"\x01":
            findings.add(Kind.MACRO, f"a sheet of Excel 4 macros{where}")
        if kind == 0 and length == 0:
            return
        at += 4 + length


def _files(compound: Compound) -> list[tuple[str, bytes]]:
    """What was put into it: embedded objects, and the attachments of an Outlook message."""
    found: list[tuple[str, bytes]] = []
    name = ""
    for entry in compound.entries:
        lowered = entry.name.lower()
        if lowered.startswith("__substg1.0_3707"):
            name = compound.read(entry).decode("utf-16-le" if lowered.endswith("001f") else "cp1252", "replace")
        elif lowered.startswith("__substg1.0_3701") and entry.kind == 2:
            found.append((name, compound.read(entry)))
            name = ""
        elif lowered == "\x01ole10native":
            found.append(_native(compound.read(entry)))
        elif lowered in {"package", "contents"} and entry.kind == 2:
            found.append(("", compound.read(entry)))
    return found


def _native(octets: bytes) -> tuple[str, bytes]:
    """A packaged file: label and path stand before its content."""
    label = octets[6:266].partition(b"\x00")[0].decode("cp1252", "replace")
    rest = octets[6:1200].split(b"\x00", 2)
    path = rest[1].decode("cp1252", "replace") if len(rest) > 1 else ""
    start = octets.find(b"\x00\x00\x03\x00", 6, 2000)
    if start < 0:
        return path or label, octets
    at = start + 4
    length = int.from_bytes(octets[at : at + 4], "little")
    at += 4 + length
    return path or label, octets[at + 4 :]
