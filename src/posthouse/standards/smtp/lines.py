"""Command lines and SASL responses within their lengths (RFC 5321 section 4.5.3.1.4, RFC 4954 section 4).

An overlong line is let go of as it comes and refused when it ends; one that
does not end within ``Offer.drain_octets`` more ends the session (threat S04).
"""

from posthouse.lib.linebuffer import LineBuffer
from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.events import Malformed
from posthouse.standards.smtp.offer import Offer

_FIRST = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz \t\r\n")
"""What a command can begin with; blanks and empty lines are refused as commands, all else as no SMTP at all."""


class CommandLines(LineBuffer):
    """What has arrived, as lines within limits. Content is taken from it by the other verbs of ``LineBuffer``."""

    __slots__ = ("_offer", "_overlong")

    def __init__(self, offer: Offer) -> None:
        super().__init__()
        self._offer = offer
        self._overlong = 0
        """Octets let go of so far of a line that is too long."""

    def command(self) -> bytes | Malformed | None:
        """The next command line with its LF, the refusal of one, or None while it is incomplete."""
        if not self.waiting:
            return None
        if not self._overlong and self.waiting[self._at] not in _FIRST:
            return self._foreign()
        line = self.line()
        length = self._overlong + (len(line) if line is not None else len(self))
        if length <= self._offer.command_octets:
            return line
        if length <= self._offer.auth_octets and not self._overlong and self._is_auth(line):
            return line
        return self._too_long(line, length, refusals.TOO_LONG)

    def response(self) -> bytes | Malformed | None:
        """The next line of a SASL exchange, the refusal of one, or None while it is incomplete."""
        line = self.line()
        length = self._overlong + (len(line) if line is not None else len(self))
        if length <= self._offer.auth_octets:
            return line
        return self._too_long(line, length, refusals.SASL_TOO_LONG)

    def _foreign(self) -> Malformed:
        self.clear()
        return refusals.FOREIGN

    def _is_auth(self, line: bytes | None) -> bool:
        """AUTH with an initial response may be as long as a response (RFC 4954 section 4)."""
        return (line if line is not None else self.peek(5))[:5].upper() == b"AUTH "

    def _too_long(self, line: bytes | None, length: int, refusal: Malformed) -> Malformed | None:
        if line is None:
            self.clear()
        self._overlong = length if line is None else 0
        if length > self._offer.command_octets + self._offer.drain_octets:
            return refusals.ENDLESS
        return None if line is None else refusal
