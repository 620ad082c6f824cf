"""Archives unpacked within bounds (threat M07): depth, entries, octets out, ratio. Whoever goes beyond is unscannable.

A generator per archive gives one file after the other, so no more than one
file of each level is in memory.
"""

import bz2
import lzma
import re
import zlib
from collections.abc import Iterator
from typing import Protocol

import msgspec

from posthouse.filter.content.finding import Findings, Kind, quoted
from posthouse.filter.content.listings import Hidden, Listed, read_rar, read_tar
from posthouse.filter.content.names import leaves_directory
from posthouse.filter.content.sevenzip import Folder, Listing, parse_header, read_header
from posthouse.filter.content.tnef import read_tnef
from posthouse.filter.content.zipdirectory import Directory, Entry, read_directory

MIB = 1024 * 1024
RATIO_FLOOR = MIB
"""As much may come out of anything, whatever its ratio: a few KiB of blanks are no bomb."""
FEED_OCTETS = 64 * 1024
PIECE_OCTETS = MIB
LZMA_OCTETS = 64 * MIB
DOUBTFUL_NAMES = 3


class Bounds(msgspec.Struct, frozen=True):
    """M07, as ``admd.limits`` has them."""

    depth: int = 3
    entries: int = 1000
    octets: int = 100 * MIB
    ratio: int = 100


class Excess(Exception):
    """A bound is reached; the text says which."""


class Budget:
    """What is left of the bounds of one message."""

    __slots__ = ("bounds", "entries", "octets")

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.entries = bounds.entries
        self.octets = bounds.octets

    def take_entry(self) -> None:
        self.entries -= 1
        if self.entries < 0:
            raise Excess(f"more than {self.bounds.entries} files")

    def take_octets(self, count: int, out: int, read: int) -> None:
        """``count`` more came out, ``out`` in all from ``read`` octets of one stream."""
        self.octets -= count
        if self.octets < 0:
            raise Excess(f"more than {self.bounds.octets} octets when unpacked")
        if out > RATIO_FLOOR and out > read * self.bounds.ratio:
            raise Excess(f"more than {self.bounds.ratio} times as large when unpacked")


class Member(msgspec.Struct):
    """One file of an archive. ``octets`` is None where it cannot be unpacked here."""

    name: str
    octets: bytes | None
    is_inner: bool = False
    """Whether it carries the name of its archive only because it has none of its own."""


class _Engine(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Inflater:
    """A zlib stream with the manners of the others."""

    __slots__ = ("_stream", "_tail")

    def __init__(self, window_bits: int) -> None:
        self._stream = zlib.decompressobj(window_bits)
        self._tail = b""

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        made = self._stream.decompress(self._tail + data, max_length)
        self._tail = self._stream.unconsumed_tail
        return made


def _pump(engine: _Engine, octets: bytes, at: int, end: int, budget: Budget) -> tuple[bytes, int, bool]:
    """What comes out of one stream, where it ended, and whether it ended well."""
    pieces: list[bytes] = []
    out, fed = 0, at
    try:
        while not engine.eof and (fed < end or not engine.needs_input):
            piece = octets[fed : min(fed + FEED_OCTETS, end)] if engine.needs_input else b""
            fed += len(piece)
            made = engine.decompress(piece, PIECE_OCTETS)
            pieces.append(made)
            out += len(made)
            budget.take_octets(len(made), out, fed - at)
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        return b"".join(pieces), fed, False
    return b"".join(pieces), fed - len(engine.unused_data), engine.eof


def _stream(kind: str) -> _Engine:
    if kind == "gzip":
        return _Inflater(31)
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(memlimit=LZMA_OCTETS)


_MAGIC = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00", "lzma": b"\x5d\x00\x00"}


def unpack(kind: str, octets: bytes, name: str, budget: Budget, findings: Findings, where: str) -> Iterator[Member]:
    """The files of one archive; what cannot be seen is put into ``findings``. Raises ``Excess``."""
    try:
        if kind in _MAGIC:
            yield from _streams(kind, octets, name, budget, findings, where)
        elif kind == "zip":
            yield from _zip(octets, budget, findings, where)
        elif kind == "tar":
            yield from _plain(read_tar(octets), budget, findings, where)
        elif kind == "rar":
            yield from _plain(read_rar(octets), budget, findings, where)
        elif kind == "7z":
            yield from _seven(octets, budget, findings, where)
        elif kind == "PDF":
            yield from _pdf(octets, budget)
        elif kind == "winmail.dat":
            yield from _plain((Listed(*pair) for pair in read_tnef(octets)), budget, findings, where)
        else:
            findings.add(Kind.OPAQUE, f"a {kind} archive{where}, which we cannot read")
    except Hidden:
        findings.add(Kind.ENCRYPTED, f"a {kind} archive{where} that hides even the names in it")
    except (ValueError, IndexError, lzma.LZMAError) as error:
        findings.add(Kind.UNSCANNABLE, f"a broken {kind} archive{where}: {error}")


def _streams(kind: str, octets: bytes, name: str, budget: Budget, findings: Findings, where: str) -> Iterator[Member]:
    """One packed file, or several one behind the other."""
    at, pieces = 0, []
    inner = name.rpartition(".")[0] if name.lower().endswith((".gz", ".bz2", ".xz", ".lzma")) else name
    inner = name[:-4] + ".tar" if name.lower().endswith((".tgz", ".tbz", ".txz")) else inner
    while octets.startswith(_MAGIC[kind], at):
        budget.take_entry()
        made, at, is_whole = _pump(_stream(kind), octets, at, len(octets), budget)
        pieces.append(made)
        if not is_whole:
            findings.add(Kind.UNSCANNABLE, f"a broken {kind} file{where}")
            break
    yield Member(inner, b"".join(pieces), is_inner=True)


def _plain(listed: Iterator[Listed], budget: Budget, findings: Findings, where: str) -> Iterator[Member]:
    unread = encrypted = 0
    for one in listed:
        budget.take_entry()
        _judge_entry_name(one.name, findings, where)
        if one.is_encrypted:
            encrypted += 1
        elif one.content is None:
            unread += not one.name.endswith("/")
        else:
            budget.take_octets(len(one.content), 0, 1)
        yield Member(one.name, one.content)
    if encrypted:
        findings.add(Kind.ENCRYPTED, f"{encrypted} encrypted files{where}")
    if unread:
        findings.add(Kind.OPAQUE, f"{unread} packed files{where} of a kind that we can list and not unpack")


_STREAM = re.compile(rb"stream\r?\n(?=[\x48\x58\x68\x78])")
"""One that is packed by zlib; others are seen as they stand."""
DICTIONARY_OCTETS = 500


def _pdf(octets: bytes, budget: Budget) -> Iterator[Member]:
    """The files in a PDF (ISO 32000-1 section 7.11.4), without the name that stands elsewhere."""
    for match in _STREAM.finditer(octets):
        if b"EmbeddedFile" in octets[max(0, match.start() - DICTIONARY_OCTETS) : match.start()]:
            budget.take_entry()
            made, _, _ = _pump(_Inflater(15), octets, match.end(), len(octets), budget)
            yield Member("", made)


def _judge_entry_name(name: str, findings: Findings, where: str) -> None:
    if leaves_directory(name):
        findings.add(Kind.DISGUISE, f"{quoted(name)}{where} would leave its directory")


def _zip(octets: bytes, budget: Budget, findings: Findings, where: str) -> Iterator[Member]:
    directory = read_directory(octets, budget.bounds.entries + 1)
    if directory.excess:
        raise Excess(f"more than {budget.bounds.entries} files")
    if directory.overlaps:
        raise Excess("files that lie over each other")
    _judge_office(directory, findings, where)
    encrypted = 0
    for entry in directory.entries:
        budget.take_entry()
        _judge_entry_name(entry.name, findings, where)
        if entry.is_encrypted:
            encrypted += not entry.is_directory
            yield Member(entry.name, None)
        elif not entry.is_directory:
            yield Member(entry.name, _unzip(octets, entry, budget, findings, where))
    if encrypted:
        findings.add(Kind.ENCRYPTED, f"{encrypted} encrypted files{where}")
    if directory.hidden:
        findings.add(Kind.AMBIGUOUS, f"{directory.hidden} files{where} that the archive's directory does not list")


def _unzip(octets: bytes, entry: Entry, budget: Budget, findings: Findings, where: str) -> bytes | None:
    if entry.start < 0:
        findings.add(Kind.UNSCANNABLE, f"{quoted(entry.name)}{where} is not where the directory says")
        return None
    at, end = entry.start, len(octets)
    if entry.method == 0:
        content = octets[at : at + max(entry.packed, entry.size)]
        budget.take_octets(len(content), 0, 1)
        return content
    engine: _Engine
    if entry.method == 8:
        engine = _Inflater(-15)
    elif entry.method == 12:
        engine = bz2.BZ2Decompressor()
    elif entry.method == 95:
        engine = lzma.LZMADecompressor(memlimit=LZMA_OCTETS)
    elif entry.method == 14:
        engine, at = _zip_lzma(octets, at), at + 4 + int.from_bytes(octets[at + 2 : at + 4], "little")
    else:
        findings.add(Kind.OPAQUE, f"{quoted(entry.name)}{where} is packed in a way we cannot undo")
        return None
    made, _, is_whole = _pump(engine, octets, at, end, budget)
    if not is_whole and not (entry.method == 14 and len(made) >= entry.size):
        findings.add(Kind.UNSCANNABLE, f"{quoted(entry.name)}{where} is broken")
    return made


def _zip_lzma(octets: bytes, at: int) -> _Engine:
    """APPNOTE section 5.8.8: version, size of the properties, properties."""
    terms = _lzma_terms(octets[at + 4 : at + 9], Folder([], [LZMA_OCTETS]))
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[terms])


_BRANCHES = {
    b"\x03\x03\x01\x03": lzma.FILTER_X86, b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM, b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC, b"\x04": lzma.FILTER_X86, b"\x05": lzma.FILTER_POWERPC,
    b"\x06": lzma.FILTER_IA64, b"\x07": lzma.FILTER_ARM, b"\x08": lzma.FILTER_ARMTHUMB, b"\x09": lzma.FILTER_SPARC,
}  # fmt: skip
"""What 7z makes of programs before it packs them, by its names for it."""
HELD_BACK = 16
"""What filters for programs keep to themselves when the stream before them has no mark at its end."""
LISTS = 4
"""A list of files may be packed, and that list again."""


def _seven(octets: bytes, budget: Budget, findings: Findings, where: str) -> Iterator[Member]:
    listing = _list_seven(octets, budget)
    names = iter(listing.names)
    encrypted = unread = 0
    for name in listing.empty:  # directories, and files without a single octet
        budget.take_entry()
        _judge_entry_name(name, findings, where)
    for folder in listing.folders:
        content = None if folder.is_encrypted else _unfold(octets, folder, budget)
        encrypted += len(folder.files or ()) if folder.is_encrypted else 0
        unread += len(folder.files or ()) if content is None and not folder.is_encrypted else 0
        at = 0
        for size in folder.files or ():
            piece = None if content is None else content[at : at + size]
            at += size
            yield _named(next(names, ""), piece, budget, findings, where)
    if encrypted:
        findings.add(Kind.ENCRYPTED, f"{encrypted} encrypted files{where}")
    if unread:
        findings.add(Kind.OPAQUE, f"{unread} packed files{where} of a kind that we can list and not unpack")


def _list_seven(octets: bytes, budget: Budget) -> Listing:
    header = read_header(octets)
    for _ in range(LISTS):
        listing = parse_header(header)
        if listing.header is None:
            return listing
        if listing.header.is_encrypted:
            raise Hidden
        header = _unfold(octets, listing.header, budget) or b""
    raise ValueError("a list of files in a list of files")


def _named(name: str, octets: bytes | None, budget: Budget, findings: Findings, where: str) -> Member:
    budget.take_entry()
    _judge_entry_name(name, findings, where)
    return Member(name, octets)


def _unfold(octets: bytes, folder: Folder, budget: Budget) -> bytes | None:
    """What comes out of a folder; None when it is packed in a way that we cannot undo."""
    start, end = 32 + folder.start, 32 + folder.start + folder.packed
    methods = [coder.method for coder in folder.coders]
    engine: _Engine
    if methods == [b"\x00"]:
        budget.take_octets(folder.packed, 0, 1)
        return octets[start:end]
    if methods == [b"\x04\x01\x08"]:
        engine = _Inflater(-15)
    elif methods == [b"\x04\x02\x02"]:
        engine = bz2.BZ2Decompressor()
    else:
        filters = _filters(folder)
        if not filters:
            return None
        engine = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    made, _, _ = _pump(engine, octets, start, min(end, len(octets)), budget)
    if len(made) + HELD_BACK < folder.size:
        raise ValueError("packed files that end too early")
    return made


def _filters(folder: Folder) -> list[dict[str, int]]:
    """The chain as the standard library wants it; raises ``ValueError``."""
    filters: list[dict[str, int]] = []
    for coder in folder.coders:
        if coder.method == b"\x21" and coder.properties:
            bits = coder.properties[0]
            size = (2 | bits & 1) << bits // 2 + 11
            filters.append({"id": lzma.FILTER_LZMA2, "dict_size": _dictionary(size, folder)})
        elif coder.method == b"\x03\x01\x01":
            filters.append(_lzma_terms(coder.properties, folder))
        elif coder.method == b"\x03" and coder.properties:
            filters.append({"id": lzma.FILTER_DELTA, "dist": coder.properties[0] + 1})
        elif coder.method in _BRANCHES:
            filters.append({"id": _BRANCHES[coder.method]})
        else:
            return []
    is_chain = filters and filters[-1]["id"] in {lzma.FILTER_LZMA1, lzma.FILTER_LZMA2} and len(filters) <= 4
    return filters if is_chain else []


def _dictionary(size: int, folder: Folder) -> int:
    """No more than is unpacked is ever looked back at."""
    needed = max(4096, min(size, folder.size))
    if needed > LZMA_OCTETS:
        raise ValueError("a dictionary of many octets")
    return needed


def _lzma_terms(properties: bytes, folder: Folder) -> dict[str, int]:
    if len(properties) < 5 or properties[0] >= 225:
        raise ValueError("broken LZMA properties")
    lc, rest = properties[0] % 9, properties[0] // 9
    size = _dictionary(int.from_bytes(properties[1:5], "little"), folder)
    return {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": rest % 5, "pb": rest // 5, "dict_size": size}


def _judge_office(directory: Directory, findings: Findings, where: str) -> None:
    """What the names in an archive say about the whole: a document with macros, a program in Java or for Android."""
    names = {entry.name.lower().lstrip("/") for entry in directory.entries}
    if any(
        name.endswith("vbaproject.bin") or "/macrosheets/" in name or name.startswith("macrosheets/") for name in names
    ):
        findings.add(Kind.MACRO, f"macros{where}")
    if "mimetype" in names and any(name.startswith(("basic/", "scripts/")) and name[-1] != "/" for name in names):
        findings.add(Kind.MACRO, f"macros{where}")
    if "meta-inf/manifest.mf" in names and any(name.endswith(".class") for name in names):
        findings.add(Kind.EXECUTABLE, f"a Java program{where}")
    if "androidmanifest.xml" in names or "appxmanifest.xml" in names:
        findings.add(Kind.EXECUTABLE, f"an app{where}")
