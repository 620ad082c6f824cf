"""Replies: three digits, an enhanced status code, and text (RFC 5321 section 4.2, RFC 3463)."""

from functools import lru_cache

import msgspec

MAX_LINE_TEXT = 500
"""RFC 5321 section 4.5.3.1.5: a reply line is at most 512 octets with code and CRLF."""


class Reply(msgspec.Struct, frozen=True):
    """One SMTP reply.

    ``status`` is the enhanced code ``class.subject.detail`` and stands at the
    start of each line; None only where RFC 2034 section 4 forbids it (the
    greeting, the answers to HELO and EHLO, 3yz replies). ``hang_up`` tells the
    core to close after writing it.
    """

    code: int
    status: str | None
    text: tuple[str, ...]
    hang_up: bool = False

    @property
    def accepted(self) -> bool:
        """2yz, the only yes (RFC 5321 section 4.2.1)."""
        return 200 <= self.code < 300

    @property
    def goes_on(self) -> bool:
        """3yz: no answer yet, the other side waits for more."""
        return 300 <= self.code < 400

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    def __str__(self) -> str:
        head = f"{self.code} {self.status} " if self.status else f"{self.code} "
        return head + " ".join(self.text)

    @property
    def octets(self) -> bytes:
        """The reply as it stands on the wire."""
        if len(self.text) != 1:
            return _lines(self)
        status = f"{self.status} " if self.status else ""
        return f"{self.code} {status}{self.text[0]}\r\n".encode()


@lru_cache(64)
def _lines(reply: Reply) -> bytes:
    """Kept, because replies of several lines are few: the answers to EHLO."""
    status = f"{reply.status} " if reply.status else ""
    *most, last = reply.text
    lines = [f"{reply.code}-{status}{line}\r\n" for line in most]
    lines.append(f"{reply.code} {status}{last}\r\n")
    return "".join(lines).encode()


def reply(code: int, status: str | None, *text: str, hang_up: bool = False) -> Reply:
    """A ``Reply`` of one line per ``text``."""
    return Reply(code, status, text, hang_up)
