"""How long a body is: by its length, in chunks, or to the end of the connection (RFC 9112 sections 6 and 7)."""

import re

from posthouse.lib.linebuffer import LineBuffer
from posthouse.lib.sansio import RemoteError
from posthouse.standards.http1.head import Head

CHUNK_LINE_OCTETS = 1024
TRAILER_OCTETS = 8192

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\Z")
_LENGTH = re.compile(r"[0-9]{1,15}\Z")


class LengthBody:
    """``length`` octets, or with None all to the end of the connection."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int | None) -> None:
        self._left = length
        self.done = length == 0

    def take(self, buffer: LineBuffer) -> bytes:
        """What has come of it."""
        if self._left is None:
            return buffer.rest()
        octets = buffer.take(self._left) if self._left else b""
        self._left -= len(octets)
        self.done = not self._left
        return octets

    def end(self) -> None:
        """The connection is over. Raises ``RemoteError`` if something is missing."""
        if self._left is not None and not self.done:
            raise RemoteError("the body ends too early")
        self.done = True


class ChunkedBody:
    """RFC 9112 section 7.1; ``extensions`` of the last chunk line stay readable (ICAP's ``ieof``)."""

    __slots__ = ("_in_trailer", "_left", "_read", "done")

    def __init__(self) -> None:
        self._left = 0
        self._read = 0
        self._in_trailer = False
        self.done = False

    def take(self, buffer: LineBuffer) -> bytes:
        """What has come of it."""
        pieces = []
        while not self.done:
            if self._left > 2:
                piece = buffer.take(self._left - 2)
                if not piece:
                    break
                self._left -= len(piece)
                pieces.append(piece)
            elif self._left:
                if len(buffer) < 2:
                    break
                if buffer.take(2) != b"\r\n":
                    raise RemoteError("a chunk that does not end where it should")
                self._left = 0
            elif not self._next_line(buffer):
                break
        return b"".join(pieces)

    def _next_line(self, buffer: LineBuffer) -> bool:
        line = buffer.line()
        if line is None:
            if len(buffer) > CHUNK_LINE_OCTETS:
                raise RemoteError("a chunk line without end")
            return False
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if self._in_trailer:
            self._read += len(line) + 2
            if self._read > TRAILER_OCTETS:
                raise RemoteError("a trailer without end")
            self.done = not line
            return True
        match = _SIZE.match(line)
        if match is None or len(line) > CHUNK_LINE_OCTETS:
            raise RemoteError("a chunk line that is none")
        size = int(match[1], 16)
        if size:
            self._left = size + 2
        else:
            self._in_trailer = True
        return True

    def end(self) -> None:
        if not self.done:
            raise RemoteError("the body ends too early")


Body = LengthBody | ChunkedBody


def body_of(head: Head, status: int, *, method: str = "") -> Body:
    """RFC 9112 section 6.3, for a response."""
    if status in {204, 304} or status < 200 or method == "HEAD":
        return LengthBody(0)
    coding = head.tokens("transfer-encoding")
    lengths = {value for name, value in head.fields if name == "content-length"}
    if coding:
        if coding != {"chunked"} or lengths:  # section 6.3 item 3: a message with both is an attack
            raise RemoteError("a transfer coding that we do not read")
        return ChunkedBody()
    if not lengths:
        return LengthBody(None)
    if len(lengths) > 1 or _LENGTH.match(length := lengths.pop()) is None:
        raise RemoteError("a length that is none")
    return LengthBody(int(length))


def format_chunk(octets: bytes) -> bytes:
    """One chunk of a body whose length is not told before."""
    return b"%x\r\n%b\r\n" % (len(octets), octets)


LAST_CHUNK = b"0\r\n\r\n"
