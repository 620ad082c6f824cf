"""7z archives (7zFormat.txt of the LZMA SDK): where the files are, and how each run of octets is packed. Own reader.

Linear; counts are checked against what is there before anything is made of
them. Unpacking is the caller's, for chains of coders that have one stream.
"""

import struct

import msgspec

STREAMS = 4096
HEADER_OCTETS = 4 * 1024 * 1024
AES = b"\x06\xf1\x07\x01"


class Coder(msgspec.Struct):
    method: bytes
    properties: bytes = b""


class Folder(msgspec.Struct):
    """Octets that are packed together. ``coders`` are in the order of packing; empty where their streams branch."""

    coders: list[Coder]
    sizes: list[int]
    """What comes out of each coder."""
    start: int = 0
    packed: int = 0
    files: list[int] | None = None
    """How the octets are divided."""
    has_digest: bool = False

    @property
    def is_encrypted(self) -> bool:
        return any(coder.method == AES for coder in self.coders)

    @property
    def size(self) -> int:
        return max(self.sizes, default=0)


class Listing(msgspec.Struct):
    folders: list[Folder]
    names: list[str]
    """Of the files that have octets, in their order."""
    empty: list[str]
    header: Folder | None = None
    """Where the list itself is packed; everything else is unknown then."""


def read_header(octets: bytes) -> bytes:
    """The header at the end of the archive; raises ``ValueError``."""
    if len(octets) < 32:
        raise ValueError("no 7z archive")
    offset, size = struct.unpack_from("<QQ", octets, 12)
    header = octets[32 + offset : 32 + offset + size] if size <= HEADER_OCTETS else b""
    if not header:
        raise ValueError("no list of files")
    return header


def parse_header(header: bytes) -> Listing:
    """What a header says; raises ``ValueError``."""
    try:
        return _Reader(header).listing()
    except (IndexError, struct.error):
        raise ValueError("a broken list of files") from None


class _Reader:
    __slots__ = ("at", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0

    def byte(self) -> int:
        self.at += 1
        return self.octets[self.at - 1]

    def take(self, count: int) -> bytes:
        if count > len(self.octets) - self.at:
            raise ValueError("a list of files that ends too early")
        self.at += count
        return self.octets[self.at - count : self.at]

    def number(self) -> int:
        """Seven bits and as many octets as the first one has leading ones."""
        first, mask, value = self.byte(), 0x80, 0
        for place in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << 8 * place
            value |= self.byte() << 8 * place
            mask >>= 1
        return value

    def count(self) -> int:
        value = self.number()
        if value > STREAMS:
            raise ValueError(f"more than {STREAMS} streams")
        return value

    def bits(self, count: int) -> list[bool]:
        octets = self.take((count + 7) // 8)
        return [bool(octets[place // 8] & 0x80 >> place % 8) for place in range(count)]

    def once(self, said: set[int]) -> int:
        """What comes next in a list that says each thing once; told again and again it costs as much each time."""
        kind = self.byte()
        if kind in said:
            raise ValueError("a list that says a thing twice")
        said.add(kind)
        return kind

    def digests(self, count: int) -> list[bool]:
        defined = [True] * count if self.byte() else self.bits(count)
        self.take(4 * sum(defined))
        return defined

    def listing(self) -> Listing:
        kind = self.byte()
        if kind == 0x17:
            packed = self.streams()
            if len(packed) != 1:
                raise ValueError("a strange list of files")
            return Listing([], [], [], packed[0])
        if kind != 0x01:
            raise ValueError("no list of files")
        folders: list[Folder] = []
        kind = self.byte()
        if kind == 0x02:
            while self.byte():
                self.take(self.number())
            kind = self.byte()
        if kind == 0x03:
            self.streams()
            kind = self.byte()
        if kind == 0x04:
            folders = self.streams()
            kind = self.byte()
        names, empty = self.files() if kind == 0x05 else ([], [])
        return Listing(folders, names, empty)

    def streams(self) -> list[Folder]:
        folders: list[Folder] = []
        start, sizes = 0, list[int]()
        said = set[int]()
        while kind := self.once(said):
            if kind == 0x06:
                start, sizes = self.packs()
            elif kind == 0x07:
                folders = self.folders()
            elif kind == 0x08:
                self.parts(folders)
            else:
                raise ValueError("a strange list of streams")
        at = start
        for folder, size in zip(folders, [*sizes, *[0] * len(folders)], strict=False):
            folder.start, folder.packed = at, size
            at += size
            folder.files = [folder.size] if folder.files is None else folder.files
        return folders

    def packs(self) -> tuple[int, list[int]]:
        start, count = self.number(), self.count()
        sizes: list[int] = []
        said = set[int]()
        while kind := self.once(said):
            if kind == 0x09:
                sizes = [self.number() for _ in range(count)]
            elif kind == 0x0A:
                self.digests(count)
        return start, sizes

    def folders(self) -> list[Folder]:
        if self.byte() != 0x0B:
            raise ValueError("a strange list of folders")
        count = self.count()
        if self.byte():
            raise ValueError("a list of folders that is elsewhere")
        outs: list[int] = []
        found: list[Folder] = []
        for _ in range(count):
            folder, out = self.folder()
            found.append(folder)
            outs.append(out)
        said = set[int]()
        while kind := self.once(said):
            if kind == 0x0C:
                for folder, out in zip(found, outs, strict=True):
                    folder.sizes = [self.number() for _ in range(out)]
            elif kind == 0x0A:
                for folder, has_digest in zip(found, self.digests(count), strict=True):
                    folder.has_digest = has_digest
        return found

    def folder(self) -> tuple[Folder, int]:
        coders: list[Coder] = []
        ins = outs = 0
        is_simple = True
        for _ in range(min(self.count(), 32)):
            flags = self.byte()
            coder = Coder(self.take(flags & 15))
            inputs, outputs = (self.count(), self.count()) if flags & 0x10 else (1, 1)
            is_simple = is_simple and inputs == outputs == 1
            if flags & 0x20:
                coder.properties = self.take(self.number())
            coders.append(coder)
            ins, outs = ins + inputs, outs + outputs
        steps = {self.number() - self.number() for _ in range(max(outs - 1, 0))}
        is_simple = is_simple and steps in (set(), {1}, {-1})
        if steps == {1}:  # what is packed goes into the first coder; we list the one it goes into last
            coders.reverse()
        packed = ins - max(outs - 1, 0)
        if packed > 1:
            for _ in range(packed):
                self.number()
        encrypted = [coder for coder in coders if coder.method == AES]
        return Folder(coders if is_simple else encrypted, []), outs

    def parts(self, folders: list[Folder]) -> None:
        """How folders are divided into files."""
        counts = [1] * len(folders)
        kind = self.byte()
        if kind == 0x0D:
            counts = [self.count() for _ in folders]
            kind = self.byte()
        if sum(counts) > 16 * STREAMS:
            raise ValueError("too many files")
        for folder, count in zip(folders, counts, strict=True):
            sizes = [self.number() for _ in range(count - 1)] if kind == 0x09 and count else []
            folder.files = [*sizes, max(folder.size - sum(sizes), 0)] if count else []
        if kind == 0x09:
            kind = self.byte()
        said = {kind}
        while kind:
            if kind == 0x0A:
                unknown = [c for folder, c in zip(folders, counts, strict=True) if c != 1 or not folder.has_digest]
                self.digests(sum(unknown))
            kind = self.once(said)

    def files(self) -> tuple[list[str], list[str]]:
        count = self.number()
        if count > 16 * STREAMS:
            raise ValueError("too many files")
        names: list[str] = []
        is_empty = [False] * count
        said = set[int]()
        while kind := self.once(said):
            said.discard(0x19)  # padding
            size = self.number()
            end = self.at + size
            if kind == 0x0E:
                is_empty = self.bits(count)
            elif kind == 0x11 and not self.byte():
                names = self.take(end - self.at).decode("utf-16-le", "replace").split("\x00")[:count]
            self.at = end
        pairs = list(zip(names, is_empty, strict=False))
        return [name for name, empty in pairs if not empty], [name for name, empty in pairs if empty]
