"""One look at a message while it comes in: its header is parsed once, its body hashed for whoever signed it.

``feed`` takes the content from its first octet in any pieces, before or while
it is stored; what is kept of it is the header, at most 256 KiB.
"""

from posthouse.standards.arc.verify import ChainVerifier
from posthouse.standards.dkim.canonical import BodyHashes
from posthouse.standards.dkim.verify import SignedFields, Verifier
from posthouse.standards.imf.header import HEADER_OCTETS, Header, parse_header

_PART, _FILE, _TEST_VIRUS = b"\n--", b"\nbegin", b"-ANTIVIRUS-TEST-FILE!"
"""Where a part or a uuencoded file may begin, and the middle of the scanners' test string."""
_SEAM = len(_TEST_VIRUS) - 1

_SEALED = frozenset({"arc-seal", "arc-message-signature", "arc-authentication-results"})
_SIGNED = _SEALED | {"dkim-signature"}


class Examination:
    """``header`` is there once the seam to the body has come, or ``close`` was called.

    ``beginning`` is then all that had come until there. Without ``verifies`` nobody's signature is looked at.
    """

    __slots__ = ("_bodies", "_has_marks", "_held", "_tail", "_verifies", "beginning", "chain", "header", "signatures")

    def __init__(self, *, verifies: bool = True) -> None:
        self.header: Header | None = None
        self.beginning = b""
        self.signatures: Verifier | None = None
        self.chain: ChainVerifier | None = None
        self._bodies: BodyHashes | None = None
        self._has_marks = False
        self._held: bytearray | None = None
        self._tail: bytes | None = None
        """The last octets of a body that was watched."""
        self._verifies = verifies

    def feed(self, octets: bytes) -> bool:
        """The next octets of the content; whether its header is complete."""
        if self.header is not None:
            if self._bodies is not None:
                self._bodies.update(octets)
            if not self._has_marks:
                self._watch(octets, self.header)
            return True
        held, start = self._held, 0
        if held is None:
            whole: bytes | bytearray = octets
        else:
            start = max(len(held) - 2, 0)
            held += octets
            whole = held
        has_seam = whole.find(b"\n\r\n", start) >= 0 or whole.find(b"\n\n", start) >= 0
        if has_seam or whole.startswith((b"\r\n", b"\n")) or len(whole) > HEADER_OCTETS + 4:  # L4: nobody takes it
            self._begin(bytes(whole))
        elif held is None:
            self._held = bytearray(octets)
        return self.header is not None

    def _watch(self, octets: bytes, header: Header) -> None:
        """Look for marks in a body that comes in pieces, so that a large text need not be read again for them."""
        tail = self._tail
        if tail is None:
            tail = self.beginning[max(header.body_start - 1, 0) :]
            self._has_marks = _has_mark(tail)
            tail = tail[-_SEAM:]
        seam = tail + octets[:_SEAM]
        if _has_mark(octets) or _has_mark(seam):
            self._has_marks = True
        self._tail = octets[-_SEAM:] if len(octets) >= _SEAM else seam[-_SEAM:]

    @property
    def is_bare(self) -> bool:
        """Whether the body came in pieces, and no part, no file and no test virus may begin in it."""
        return self._tail is not None and not self._has_marks

    @property
    def held_octets(self) -> int:
        """How much waits for the end of the header."""
        return len(self._held) if self._held is not None else 0

    def close(self) -> Header:
        """The content is over; its header."""
        return self.header or self._begin(bytes(self._held or b""))

    def _begin(self, content: bytes) -> Header:
        self._held = None
        self.beginning = content
        header = self.header = parse_header(content)
        if self._verifies and header.has_any(_SIGNED):
            fields, bodies = SignedFields(header), BodyHashes()
            self.signatures = Verifier(header, bodies, fields)
            if header.has_any(_SEALED):
                self.chain = ChainVerifier(fields, bodies)
            if bodies.is_needed:
                self._bodies = bodies
                bodies.update(content[header.body_start :])
        return header


def _has_mark(octets: bytes) -> bool:
    if b"-" in octets and (_PART in octets or _TEST_VIRUS in octets):  # one octet is found much faster than three
        return True
    return _FILE in octets


def examine(content: bytes, *, verifies: bool = True) -> Examination:
    """The examination of a content that is at hand."""
    examination = Examination(verifies=verifies)
    examination._begin(content)  # noqa: SLF001 - its own maker, who knows that nothing more comes
    return examination
