"""A milter over no socket: it answers as the test says, and keeps what it was told."""

import asyncio
import struct
from collections.abc import Callable, Sequence

from posthouse.lib.sansio import Channel, Piece, Slice
from posthouse.net.dialer import TcpStream
from posthouse.net.places import Place, PlaceDialer

Answers = Callable[[bytes, bytes], bytes]
"""What it answers to a word of the protocol and its content."""

UNANSWERED = frozenset({b"D", b"Q", b"A"})


def packet(word: bytes, content: bytes = b"") -> bytes:
    return struct.pack("!L", len(content) + 1) + word + content


def says(word: bytes, *answers: bytes) -> Answers:
    """``answers`` to ``word``, and go on to all else."""
    return lambda asked, _content: b"".join(answers) if asked == word else packet(b"c")


class ScriptedMilter:
    """Implements ``net.ports.Stream``. It agrees to change everything, and to ``steps``."""

    channel: Channel | None = None

    def __init__(self, answers: Answers, steps: int = 0) -> None:
        self.heard: list[tuple[bytes, bytes]] = []
        self.closed = self.is_dead = False
        self._answers = answers
        self._steps = steps
        self._waiting = b""

    async def write(self, pieces: Sequence[Piece], deadline_seconds: float) -> None:
        assert deadline_seconds
        octets = b"".join([piece for piece in pieces if not isinstance(piece, Slice)])
        while octets:
            length = int.from_bytes(octets[:4], "big")
            word, content, octets = octets[4:5], octets[5 : 4 + length], octets[4 + length :]
            self.heard.append((word, content))
            if word == b"O":
                self._waiting += packet(b"O", struct.pack("!LLL", 6, 0x1FF, self._steps))
            elif word not in UNANSWERED:
                self._waiting += self._answers(word, content)

    async def read(self, deadline_seconds: float) -> bytes:
        assert deadline_seconds
        if self.is_dead:
            return b""
        if not self._waiting:
            await asyncio.Event().wait()
        octets, self._waiting = self._waiting, b""
        return octets

    async def secure(self, server_name: str, *, verify: bool, deadline_seconds: float) -> Channel:
        raise OSError(f"no TLS here, {server_name} {verify} {deadline_seconds}")

    def close(self) -> None:
        self.closed = True


class ScriptedDialer(PlaceDialer):
    """Gives each of its milters once, in order."""

    __slots__ = ("_milters",)

    def __init__(self, *milters: ScriptedMilter) -> None:
        self._milters = list(milters)

    async def dial(self, place: Place, *, deadline_seconds: float) -> TcpStream:
        assert deadline_seconds
        if not self._milters:
            raise ConnectionRefusedError(str(place))
        return self._milters.pop(0)  # type: ignore[return-value]  # the part of a stream that is used
