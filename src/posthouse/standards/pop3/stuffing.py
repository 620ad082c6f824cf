"""Byte-stuffing of multi-line answers (RFC 1939 section 3), chunk by chunk, without looking at lines.

A line is also stuffed after a bare LF. A message of ours may hold one, and
some clients end their lines there: without the second dot such a message
could end its own transfer and speak for the server.
"""


class Stuffer:
    """One multi-line answer. Octets in, stuffed octets out; ``end`` gives the final dot."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b"\r\n"
        """The last two octets: whether we are at the start of a line."""

    def stuff(self, octets: bytes) -> bytes:
        if not octets:
            return b""
        starts_line = self._tail.endswith(b"\n")
        self._tail = (self._tail + octets[-2:])[-2:]
        if b"\n." in octets:
            octets = octets.replace(b"\n.", b"\n..")
        return b"." + octets if starts_line and octets.startswith(b".") else octets

    def end(self) -> bytes:
        """The end of the last line, if it had none, and the termination octet."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"
