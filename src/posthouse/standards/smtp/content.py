r"""The content of a message on its way in: DATA's end mark and dots, BDAT's count, and what may not be in it.

Rules of the file:

* only ``CRLF.CRLF`` ends DATA (RFC 5321 section 4.1.1.4); a bare CR, a bare LF
  or a NUL is a fault, found by counting, and the reader reads on to the true
  end (threat S01: every server that guessed an end was smuggled through);
* content is never taken line by line: a piece is searched as a whole, and the
  last octets that could be part of an end mark or of a CRLF are held back;
* a faulty content is read but not given on; of a content over the limit as
  much again is read as the limit allows, then there is no more patience.

What ``read`` gives is the same octets for any split of the input.
"""

from posthouse.mail.reply import Reply
from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.offer import Offer

END_MARK = b"\r\n.\r\n"
_ENDS = (b"\n", b"\r")
_BEGINNINGS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class Inspection:
    """Counts one content and remembers its faults. A piece given to ``look`` never ends in CR, unless it is the last.

    All faults are looked for to the end, so that the verdict does not depend on how the content was cut.
    """

    __slots__ = (
        "_column", "_line_octets", "_lines_matter", "_max_octets", "endless", "lines", "long_line", "size", "stray"
    )  # fmt: skip

    def __init__(self, offer: Offer, *, binary: bool = False) -> None:
        self.size = 0
        self.stray = False
        self.long_line = False
        self.endless = False
        self._column = 0
        self._max_octets = offer.max_octets
        self._line_octets = offer.line_octets
        self._lines_matter = not binary
        self.lines = 0
        """Pairs of CR and LF; -1 if a binary content is not made of lines."""

    def look(self, octets: bytes) -> None:
        self.size += len(octets)
        if self.size > 2 * self._max_octets:
            self.endless = True
        if octets and self.lines >= 0:
            # Lines end with CRLF, CR or LF here: all with CRLF if each end takes two octets. Cut and measured in C,
            # in half the time that counting the pairs takes.
            lines = octets.splitlines()
            ends = len(lines) if octets.endswith(_ENDS) else len(lines) - 1
            self.lines += ends
            if sum(map(len, lines)) + 2 * ends != len(octets) or b"\0" in octets:
                self._find_stray()
            if self._lines_matter:
                self._measure(octets)

    def _find_stray(self) -> None:
        """RFC 3030 section 3: in a binary content it is no fault."""
        if self._lines_matter:
            self.stray = True
        else:
            self.lines = -1

    def _measure(self, octets: bytes) -> None:
        """Find a line over the limit by leaps of the limit's length, never line by line."""
        limit, length = self._line_octets, len(octets)
        start = -self._column
        if length - start > limit:
            while length - start > limit:
                end = octets.rfind(b"\n", max(start, 0), max(start + limit, 0)) + 1
                if not end:
                    self.long_line = True
                    end = octets.find(b"\n", max(start + limit, 0)) + 1 or length
                start = end
        last = octets.rfind(b"\n", max(start, 0)) + 1
        self._column = length - (last or start)

    @property
    def good(self) -> bool:
        return not (self.stray or self.long_line or self.size > self._max_octets)

    @property
    def fault(self) -> Reply | None:
        """The refusal that the content earned. One that could be an attack on framing comes before the others."""
        if self.stray:
            return refusals.STRAY_OCTET
        if self.endless:
            return refusals.CONTENT_ENDLESS
        if self.size > self._max_octets:
            return refusals.CONTENT_TOO_BIG
        return refusals.LINE_TOO_LONG if self.long_line else None


class DotReader:
    """Reads what follows 354 up to the end mark (RFC 5321 section 4.5.2)."""

    __slots__ = ("_held", "_started", "inspection", "rest")

    def __init__(self, inspection: Inspection) -> None:
        self.inspection = inspection
        self.rest: bytes | None = None
        """What came behind the end mark, None while that has not come."""
        self._held = b"\r\n"
        """The line end of the DATA command: a dot on the very first line is an end mark or stuffed, too."""
        self._started = False

    def read(self, octets: bytes) -> bytes:
        """The content in ``octets``, dots unstuffed; empty once the content is faulty."""
        raw = self._held + octets
        # An end mark or a stuffed line; nearly always neither. Base64 has no dot at all, and one octet is found faster.
        dot = raw.find(b"\r\n.") if b"." in raw else -1
        end = raw.find(END_MARK, dot) if dot >= 0 else -1
        if end >= 0:
            is_stuffed = dot < end
            self.rest = raw[end + 5 :]
            self._held = b""
            end += 2
        else:
            end = len(raw) - _beginning(raw)
            is_stuffed = 0 <= dot < end
            self._held = raw[end:]
        if is_stuffed:
            raw = raw[:end].replace(b"\r\n.", b"\r\n")  # RFC 5321 section 4.5.2
            end = len(raw)
        start = 0
        if end and not self._started:
            start = 2
            self._started = True
        raw = raw[start:end]
        self.inspection.look(raw)
        return raw if self.inspection.good else b""


def _beginning(raw: bytes) -> int:
    """How many octets at the end of ``raw`` may be the beginning of an end mark."""
    for beginning in _BEGINNINGS:
        if raw.endswith(beginning):
            return len(beginning)
    return 0


class ChunkReader:
    """Reads the octets of all BDAT chunks of one message, each by its count (RFC 3030 section 2)."""

    __slots__ = ("_held", "chunks", "inspection", "last", "left", "size")

    def __init__(self, inspection: Inspection) -> None:
        self.inspection = inspection
        self.size = 0
        """Of the chunk that is read now."""
        self.left = 0
        self.last = False
        self.chunks = 0
        self._held = b""
        """A CR whose LF may come with the next piece, even in the next chunk."""

    def begin(self, size: int, *, last: bool) -> None:
        self.size = self.left = size
        self.last = last
        self.chunks += 1

    def read(self, octets: bytes) -> bytes:
        """The content in ``octets``, which are at most ``left``; empty once the content is faulty."""
        self.left -= len(octets)
        raw = self._held + octets if self._held else octets
        self._held = b""
        if raw.endswith(b"\r") and not (self.last and not self.left):
            raw, self._held = raw[:-1], b"\r"
        self.inspection.look(raw)
        return raw if self.inspection.good else b""
