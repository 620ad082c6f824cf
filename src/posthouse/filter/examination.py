"""One look at a message while it comes in: its header is parsed once, its body hashed for whoever signed it.

``feed`` takes the content from its first octet in any pieces, before or while
it is stored; what is kept of it is the header, at most 256 KiB.
"""

from posthouse.standards.arc.verify import ChainVerifier
from posthouse.standards.dkim.canonical import BodyHashes
from posthouse.standards.dkim.verify import SignedFields, Verifier
from posthouse.standards.imf.header import HEADER_OCTETS, Header, parse_header

_SIGNED = ("dkim-signature", "arc-seal", "arc-message-signature", "arc-authentication-results")


class Examination:
    """``header`` is there once the seam to the body has come, or ``close`` was called."""

    __slots__ = ("_bodies", "_held", "chain", "header", "signatures")

    def __init__(self) -> None:
        self.header: Header | None = None
        self.signatures: Verifier | None = None
        self.chain: ChainVerifier | None = None
        self._bodies = BodyHashes()
        self._held = bytearray()

    def feed(self, octets: bytes) -> None:
        """The next octets of the content."""
        if self.header is not None:
            self._bodies.update(octets)
            return
        held = self._held
        start = max(len(held) - 2, 0)
        held += octets
        has_seam = held.find(b"\n\r\n", start) >= 0 or held.find(b"\n\n", start) >= 0
        if has_seam or held.startswith((b"\r\n", b"\n")) or len(held) > HEADER_OCTETS + 4:  # L4: nobody takes it
            self._begin(bytes(held))

    def close(self) -> Header:
        """The content is over; its header."""
        return self.header or self._begin(bytes(self._held))

    def _begin(self, content: bytes) -> Header:
        self._held = bytearray()
        header = self.header = parse_header(content)
        if any(name in header for name in _SIGNED):
            fields = SignedFields(header)
            self.signatures = Verifier(header, self._bodies, fields)
            self.chain = ChainVerifier(fields, self._bodies)
            if self._bodies.is_needed:
                self._bodies.update(content[header.body_start :])
        return header


def examine(content: bytes) -> Examination:
    """The examination of a content that is at hand."""
    examination = Examination()
    examination._begin(content)  # noqa: SLF001 - its own maker, who knows that nothing more comes
    return examination
