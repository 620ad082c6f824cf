"""Content on its way into DATA: dots doubled, the end marked, no bare CR or LF let through (RFC 5321 section 4.5.2).

Works on chunks of any size with ``bytes.replace`` and ``bytes.count``; never
line by line. A CR or CRLF at the end of a chunk is kept back until the next
one shows what follows it.
"""

from posthouse.lib.sansio import LocalError

CRLF = b"\r\n"


class BareLineEnd(LocalError):
    """The content has a CR or LF that stands alone; DATA cannot carry it (RFC 5321 section 2.3.8)."""


class Stuffing:
    """One content being dot-stuffed."""

    __slots__ = ("_kept", "_skip")

    def __init__(self) -> None:
        self._kept = CRLF  # the content begins at the beginning of a line
        self._skip = 2

    def add(self, chunk: bytes) -> bytes:
        """``chunk`` as it stands on the wire, perhaps less its last line end. Raises ``BareLineEnd``."""
        octets = self._kept + chunk
        if octets.endswith(CRLF):
            self._kept, end = CRLF, len(octets) - 2
        elif octets.endswith(b"\r"):
            self._kept, end = b"\r", len(octets) - 1
        else:
            self._kept, end = b"", len(octets)
        pairs = octets.count(CRLF)
        if octets.count(b"\n") != pairs or octets.count(b"\r") - (self._kept == b"\r") != pairs:
            raise BareLineEnd("a bare CR or LF")
        stuffed = octets[:end].replace(b"\r\n.", b"\r\n..")
        skip, self._skip = self._skip, 0
        if not skip:
            return stuffed
        if len(stuffed) < skip:
            self._skip = skip  # nothing but the line end that we put in front
            return b""
        return stuffed[skip:]

    def end(self) -> bytes:
        """The last line end and the end of mail data; content that has no last line end is given one."""
        if self._kept == b"\r":
            raise BareLineEnd("a bare CR at the end")
        return b".\r\n" if self._skip else b"\r\n.\r\n"
