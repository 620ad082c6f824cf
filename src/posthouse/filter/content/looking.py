"""The look at one message: every part, every plausible decoding, every file in every archive, within bounds.

Iterative: whatever has parts or files gives them one by one to a list of
generators, depth first. ``look`` never fails and is linear in what it is
given and what comes out of it.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from posthouse.filter.content.compound import judge_compound
from posthouse.filter.content.decoding import decodings, uu_files
from posthouse.filter.content.documents import judge_document, judge_office_part
from posthouse.filter.content.finding import Findings, Kind, quoted
from posthouse.filter.content.links import judge_html
from posthouse.filter.content.magic import EICAR, Family, Nature, recognise, recognise_script
from posthouse.filter.content.names import extension, judge_name, plain
from posthouse.filter.content.reading import MARK, Piece, loose_parts, read_parts
from posthouse.filter.content.unpacking import Bounds, Budget, Excess, unpack
from posthouse.filter.content.zipdirectory import ZIP_END
from posthouse.standards.imf.header import Header

MESSAGES = 8
"""Encoded messages within messages that are looked into; the archives within count by ``Bounds.depth``."""
NESTED_HERE = 16 * 1024
NESTED = 2 * 1024 * 1024
"""Octets of encoded messages within a message, beyond once its own size here and twice in a worker: every level may
read the next one in several ways, so their number alone bounds nothing (5 KiB cost ten seconds)."""
OBJECTS = 200
MANY_LINES = 100
"""A message with more lines that may be delimiters takes milliseconds, which the loop has not."""
DIGESTS = 50
DIGEST_FROM = 128
"""Shorter files are alike by chance."""
TEXT_OCTETS = 512
"""What has a NUL in its first octets is no text to any reader."""

_MESSAGE_START = re.compile(
    rb"(?:From [^\r\n]*+\r?\n)?+(?:[!-9;-~]{1,60}:[^\n]*+\n(?:[ \t][^\n]*+\n)*+){1,40}?"
    rb"(?:content-type|mime-version|content-transfer-encoding)[ \t]*+:",
    re.IGNORECASE,
)
_EXPECTED = {
    "pdf": "PDF", "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "gif": "GIF", "bmp": "BMP", "tif": "TIFF",
    "tiff": "TIFF",
}  # fmt: skip
_PICTURES = frozenset({"PNG", "JPEG", "GIF", "BMP", "TIFF", "RIFF"})


def _may_have_parts(octets: bytes) -> bool:
    """Whether some reader may take decoded octets for a message, or for the inside of a multipart."""
    if b"\x00" in octets[:TEXT_OCTETS]:
        return False
    if _MESSAGE_START.match(octets) or octets.startswith(b"begin"):
        return True
    if not octets.startswith(b"--") and MARK.search(octets) is None:
        return False
    loose = loose_parts(b"\n" + octets, set())
    return loose.has_files or bool(loose.parts)


class Item(msgspec.Struct):
    """Octets to be looked at. ``depth`` counts archives, ``messages`` encoded messages around it."""

    octets: bytes
    names: tuple[str, ...] = ()
    where: str = ""
    depth: int = 0
    messages: int = 0
    is_file: bool = True
    is_html: bool = False
    is_message: bool = False
    is_coded: bool = True
    """Whether it was decoded or unpacked: not a piece of a message as it stands, where hidden parts were looked for."""


def look(octets: bytes, header: Header | None = None, *, bounds: Bounds | None, digests: bool = False) -> Findings:
    """What is in a message. Without ``bounds`` no archive is opened: ``needs_worker`` says that one should be."""
    nested = len(octets) + NESTED_HERE if bounds is None else 2 * len(octets) + NESTED
    eye = _Eye(bounds, digests=digests, nested=nested)
    if EICAR in octets:
        eye.findings.add(Kind.TEST_VIRUS, "the test string of all virus scanners")
    if bounds is None and octets.count(b"\n--") > MANY_LINES:
        eye.findings.needs_worker = True
        return eye.findings
    eye.run(eye.message(octets, header, Item(b"")))
    return eye.findings


class _Eye:
    __slots__ = ("_budget", "_digests", "_nested", "_oddities", "findings")

    def __init__(self, bounds: Bounds | None, *, digests: bool, nested: int) -> None:
        self.findings = Findings({}, files={})
        self._nested = nested
        self._digests = digests
        self._budget = Budget(bounds) if bounds is not None else None
        self._oddities: dict[str, None] = {}

    def run(self, first: Iterator[Item]) -> None:
        """Depth first, until nothing is left or a bound is reached."""
        open_ones = [first]
        try:
            while open_ones and not self.findings.needs_worker:  # whoever looks then looks at all of it
                item = next(open_ones[-1], None)
                if item is None:
                    open_ones.pop()
                else:
                    inner = self._look_at(item)
                    if inner is not None:
                        open_ones.append(inner)
        except Excess as excess:
            self.findings.add(Kind.UNSCANNABLE, f"an archive with {excess}")
        for oddity in self._oddities:
            self.findings.add(Kind.AMBIGUOUS, f"readers may differ about it: {oddity}")

    # -- messages

    def message(self, octets: bytes, header: Header | None, around: Item) -> Iterator[Item]:
        """The parts of a message, in every plausible decoding."""
        reading = read_parts(octets, header)
        self._oddities.update(reading.oddities)
        if reading.is_cut:
            self.findings.add(Kind.UNSCANNABLE, f"more that looks like parts{around.where} than can be looked at")
        if reading.has_files:
            yield from self._uuencoded(octets, around)
        for piece in reading.pieces:
            yield from self._decoded(octets, piece, around)

    def _decoded(self, octets: bytes, piece: Piece, around: Item) -> Iterator[Item]:
        for one in piece.types:
            if one.startswith(b"message/partial"):
                self.findings.add(Kind.PARTIAL, f"a piece of a message{around.where}, whose others we cannot see")
            elif one.startswith(b"message/external-body"):
                self.findings.add(Kind.ACTIVE, f"a content{around.where} that is to be fetched from elsewhere")
        for name in piece.names:
            judge_name(name, self.findings, around.where)
        raw = octets[piece.start : piece.end]
        is_message = any(one.startswith(b"message/") for one in piece.types)
        for decoded in decodings(raw, piece.encodings, is_odd=piece.is_odd):
            yield Item(
                decoded,
                piece.names,
                around.where,
                around.depth,
                around.messages,
                piece.is_file or bool(piece.names),
                piece.is_html,
                is_message=is_message and decoded is not raw,
                is_coded=decoded is not raw,
            )

    # -- one item

    def _look_at(self, item: Item) -> Iterator[Item] | None:
        octets = item.octets
        where = f" in {quoted(item.names[0])}" + item.where if item.names and item.names[0] else item.where
        if EICAR in octets:
            self.findings.add(Kind.TEST_VIRUS, f"the test string of all virus scanners{where}")
        nature = recognise(octets)
        if self._digests and item.is_file and not item.depth:
            self._note_digest(item, nature)
        if (nature is None or nature.name != "zip") and octets.rfind(ZIP_END, max(0, len(octets) - 65557)) >= 0:
            return self._look_at_both(item, nature, where)
        return self._look_at_one(item, nature, where)

    def _note_digest(self, item: Item, nature: Nature | None) -> None:
        """Of an attached file; not of a picture, which everybody may have in his signature."""
        is_picture = nature is not None and nature.family is Family.MEDIA
        if not is_picture and len(item.octets) >= DIGEST_FROM and len(self.findings.files) < DIGESTS:
            self.findings.files[blake2b(item.octets, digest_size=16).digest()] = item.names[0] if item.names else ""

    def _look_at_both(self, item: Item, nature: Nature | None, where: str) -> Iterator[Item]:
        """What is one thing from its beginning and a zip from its end."""
        yield from self._look_at_one(item, nature, where) or ()
        yield from self._open(item, "zip", where) or ()

    def _look_at_one(self, item: Item, nature: Nature | None, where: str) -> Iterator[Item] | None:
        octets = item.octets
        if nature is None:
            return self._look_at_text(item, where)
        self._judge_mismatch(item, nature.name, nature.family)
        family = nature.family
        if family is Family.EXECUTABLE:
            self.findings.add(Kind.EXECUTABLE, f"a {nature.name}{where}")
        elif family is Family.SCRIPT and item.is_file:
            self.findings.add(Kind.SCRIPT, f"a {nature.name}{where}")
        elif family is Family.MARKUP:
            judge_html(octets, self.findings, where, is_file=item.is_file)
        elif family is Family.DOCUMENT:
            judge_document(octets, nature.name, self.findings, where)
            if nature.name == "PDF" and b"/EmbeddedFile" in octets:
                return self._open(item, nature.name, where)
        elif family in {Family.ARCHIVE, Family.COMPOUND}:
            return self._open(item, nature.name, where)
        return None

    def _look_at_text(self, item: Item, where: str) -> Iterator[Item] | None:
        octets = item.octets
        if item.is_html:
            judge_html(octets, self.findings, where, is_file=item.is_file)
        if item.is_file:
            script = recognise_script(octets)
            if script and not item.is_html:
                self.findings.add(Kind.SCRIPT, f"a {script}{where}")
        if item.names and item.depth:
            judge_office_part(item.names[0], octets, self.findings, item.where)
        if item.is_message or (item.is_coded and _may_have_parts(octets)):
            if item.messages >= MESSAGES:
                self.findings.add(Kind.UNSCANNABLE, f"more than {MESSAGES} messages one in the other")
                return None
            if not self._may_go_into(octets, where):
                return None
            inner = msgspec.structs.replace(item, octets=b"", where=where, messages=item.messages + 1)
            begins = item.is_message or _MESSAGE_START.match(octets)
            return self.message(octets if begins else b"\n" + octets, None, inner)
        return None

    def _may_go_into(self, octets: bytes, where: str) -> bool:
        """Whether an encoded message is within what may be looked at of them all."""
        self._nested -= len(octets)
        if self._nested < 0:
            if self._budget is None:
                self.findings.needs_worker = True
            else:
                self.findings.add(Kind.UNSCANNABLE, f"more messages one in the other{where} than can be looked at")
        return self._nested >= 0

    def _uuencoded(self, octets: bytes, around: Item) -> Iterator[Item]:
        for name, content in uu_files(octets):
            shown = name.decode("utf-8", "replace")
            judge_name(shown, self.findings, around.where)
            yield Item(content, (shown,), around.where, around.depth, around.messages + 1)

    def _open(self, item: Item, kind: str, where: str) -> Iterator[Item] | None:
        """The files of an archive or of a compound file."""
        if self._budget is None:
            self.findings.needs_worker = True
            return None
        if item.depth >= self._budget.bounds.depth:
            self.findings.add(Kind.UNSCANNABLE, f"archives more than {self._budget.bounds.depth} deep{where}")
            return None
        if kind == "compound file":
            return self._compound(item, where, self._budget)
        return self._archive(item, kind, where, self._budget)

    def _archive(self, item: Item, kind: str, where: str, budget: Budget) -> Iterator[Item]:
        name = item.names[0] if item.names else ""
        for member in unpack(kind, item.octets, name, budget, self.findings, where):
            if not member.is_inner or member.name != name:
                judge_name(member.name, self.findings, where)
            if member.octets:
                around = item.where if member.is_inner else where
                yield Item(member.octets, (member.name,), around, item.depth + 1, item.messages)

    def _compound(self, item: Item, where: str, budget: Budget) -> Iterator[Item]:
        for name, content in judge_compound(item.octets, self.findings, where)[:OBJECTS]:
            budget.take_entry()
            budget.take_octets(len(content), 0, 1)
            judge_name(name, self.findings, where)
            yield Item(content, (name,), where, item.depth + 1, item.messages)

    def _judge_mismatch(self, item: Item, name: str, family: Family) -> None:
        """A picture or a PDF by its name that is something livelier."""
        for one in item.names:
            expected = _EXPECTED.get(extension(plain(one)))
            if expected is not None and expected != name and not (expected in _PICTURES and name in _PICTURES):
                self.findings.add(Kind.MISMATCH, f"{quoted(one)}{item.where} is no {expected}, it is a {name}")
                if family is Family.EXECUTABLE:
                    self.findings.add(Kind.DISGUISE, f"{quoted(one)}{item.where} pretends to be a {expected}")
