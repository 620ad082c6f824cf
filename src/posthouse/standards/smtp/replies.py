"""Replies as a client reads them (RFC 5321 section 4.2, RFC 2034): lines into ``Reply`` values, within bounds.

A server that sends more than ``MAX_LINES`` lines or ``MAX_OCTETS`` octets for
one reply, or what is no reply, broke the protocol (threat S15).
"""

import re

from posthouse.lib.linebuffer import LineBuffer
from posthouse.lib.sansio import RemoteError
from posthouse.mail.reply import MAX_LINE_TEXT, Reply

MAX_LINES = 100
MAX_OCTETS = 64 * 1024

_REPLY_LINE = re.compile(r"([2-5][0-9]{2})(?:([ -])(.*))?\Z", re.DOTALL)
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")  # RFC 3463 section 2
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffd]")


class ReplyReader:
    """Puts the lines of each reply together. ``lines`` are the texts of the last one, enhanced code and all."""

    __slots__ = ("_buffer", "_code", "_octets", "_texts", "lines")

    def __init__(self) -> None:
        self._buffer = LineBuffer()
        self._code = ""
        self._octets = 0
        self._texts: list[str] = []
        self.lines: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing has come that is not part of a reply already given."""
        return not self._buffer and not self._texts

    def add(self, octets: bytes) -> None:
        self._buffer.feed(octets)

    def next_reply(self) -> Reply | None:
        """The next whole reply, None until it is there. Raises ``RemoteError``."""
        while (line := self._buffer.line()) is not None:
            if self._take(line):
                return self._whole()
        if self._octets + len(self._buffer) > MAX_OCTETS:
            raise RemoteError("a reply without an end")
        return None

    def _take(self, line: bytes) -> bool:
        """Take one line; whether it was the last of its reply."""
        self._octets += len(line)
        match = _REPLY_LINE.match(line.rstrip(b"\r\n").decode("utf-8", "replace"))
        if match is None or (self._texts and match[1] != self._code):
            raise RemoteError("not a reply")
        self._code = match[1]
        self._texts.append(_UNPRINTABLE.sub("?", match[3] or "")[:MAX_LINE_TEXT])
        if self._octets > MAX_OCTETS or len(self._texts) > MAX_LINES:
            raise RemoteError("a reply without an end")
        return match[2] != "-"

    def _whole(self) -> Reply:
        """The enhanced code of each line leaves its text and stands in ``Reply.status`` (RFC 2034 section 3)."""
        self.lines = tuple(self._texts)
        self._texts.clear()
        self._octets = 0
        found = [_STATUS.match(text) for text in self.lines]
        status = found[-1][1] if found[-1] and found[-1][1][0] == self._code[0] else None
        if status is None:
            return Reply(int(self._code), None, self.lines)
        texts = tuple(text[match.end() :] if match else text for text, match in zip(self.lines, found, strict=True))
        return Reply(int(self._code), status, texts)
