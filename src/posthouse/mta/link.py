"""A link: one open connection to a next hop, with the deadlines of RFC 5321 section 4.5.3.2 on every reply."""

from collections.abc import Iterable, Sequence
from typing import Final

from posthouse.lib.ports import Clock
from posthouse.lib.sansio import Piece, RemoteError
from posthouse.mail.reply import Reply
from posthouse.net.ports import Stream
from posthouse.standards.smtp.client import Answer, ClientConnection
from posthouse.standards.smtp.commands import QUIT, Action, Command, Verb
from posthouse.standards.smtp.offered import Offered

REPLY_SECONDS: Final[dict[Verb, float]] = {
    Verb.CONNECT: 300,  # RFC 5321 section 4.5.3.2.1
    Verb.MAIL: 300,  # RFC 5321 section 4.5.3.2.2
    Verb.RCPT: 300,  # RFC 5321 section 4.5.3.2.3
    Verb.DATA: 120,  # RFC 5321 section 4.5.3.2.4
    Verb.END: 600,  # RFC 5321 section 4.5.3.2.6
    Verb.BDAT: 600,
    Verb.QUIT: 5,  # nothing hangs on it any more
}
OTHER_REPLY_SECONDS: Final = 300
BLOCK_SECONDS: Final = 180  # RFC 5321 section 4.5.3.2.5
CEILING_SECONDS: Final = 1200
"""For all replies of one opening or one transaction together, and a second for each KiB of content (S15)."""


class Link:
    """One conversation over one stream. Not shared: one transaction at a time."""

    __slots__ = (
        "_clock", "_core", "_until", "address", "dirty", "farewell", "host", "lmtp", "messages", "opened", "stream",
        "tls_failure",
    )  # fmt: skip

    def __init__(self, stream: Stream, clock: Clock, host: str, address: str, *, lmtp: bool = False) -> None:
        self.stream = stream
        self.host = host
        self.address = address
        self.lmtp = lmtp
        self.messages = 0
        self.opened = clock.monotonic()
        self.dirty = False
        """A transaction was left open: RSET comes first."""
        self.farewell: Reply | None = None
        """The 421 with which the server ended it."""
        self.tls_failure = ""
        """Why it is in the clear, or was nearly (RFC 8460 section 4.3)."""
        self._clock = clock
        self._core = ClientConnection(lmtp=lmtp)
        self._until = self.opened + CEILING_SECONDS

    @property
    def offered(self) -> Offered:
        return self._core.offered

    @property
    def closed(self) -> bool:
        return self._core.closed

    @property
    def wants_tls(self) -> bool:
        return self._core.wants_tls

    @property
    def wants_content(self) -> bool:
        return self._core.wants_content

    @property
    def reusable(self) -> bool:
        """Whether another transaction may begin on it."""
        return not (self._core.closed or self._core.awaits or self._core.wants_content)

    def begin(self, octets: int = 0) -> None:
        """A new transaction with ``octets`` of content: the ceiling starts anew."""
        self._until = self._clock.monotonic() + CEILING_SECONDS + octets / 1024

    async def say(self, *actions: Action) -> list[Answer]:
        """Send ``actions`` in as few writes as the server allows; the answers to all of them.

        Fewer answers than commands: the server said 421. Raises ``RemoteError``, ``OSError``, ``TimeoutError``.
        """
        if self._core.offered.pipelining or len(actions) == 1:
            await self._write(piece for action in actions for piece in self._core.send(action))
            return await self.answers()
        found: list[Answer] = []
        for action in actions:
            if self._core.closed:
                break
            await self._write(self._core.send(action))
            found += await self.answers()
        return found

    async def pour(self, action: Action) -> None:
        """Send a piece of the content; answers are collected later."""
        await self._write(self._core.send(action))

    async def last_words(self, seconds: float) -> list[Answer]:
        """What the server said before it hung up on us; never raises for what it did."""
        self._until = self._clock.monotonic() + seconds
        try:
            return await self.answers()
        except (RemoteError, OSError):
            return []

    async def answers(self) -> list[Answer]:
        """Wait for every reply that is due, each within its time."""
        core, now = self._core, self._clock.monotonic
        found: list[Answer] = []
        since = now()
        while core.awaits:
            answer = core.next_event()
            if answer is None:
                limit = REPLY_SECONDS.get(core.awaited or Verb.NONE, OTHER_REPLY_SECONDS)
                core.receive_data(await self.stream.read(self._left(min(since + limit, self._until))))
                continue
            found.append(answer)
            since = now()
            if answer.reply.code == 421:
                self.farewell = answer.reply
        return found

    def _left(self, until: float) -> float:
        left = until - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    async def _write(self, pieces: Iterable[Piece]) -> None:
        await self.stream.write(_join(pieces), min(BLOCK_SECONDS, self._left(self._until)))

    async def secure(self, name: str, *, verify: bool) -> None:
        """The handshake after a positive answer to STARTTLS. Raises like ``Stream.secure``, and ``RemoteError``."""
        channel = await self.stream.secure(name, verify=verify, deadline_seconds=self._left(self._until))
        self._core.secured(channel)

    async def ask(self, command: Command) -> Reply:
        """One command, one reply."""
        answers = await self.say(command)
        return answers[-1].reply

    async def quit(self) -> None:
        """Part politely (RFC 5321 section 4.1.1.10); never raises."""
        try:
            if not self._core.closed and not self._core.awaits:
                self.begin()
                await self.say(QUIT)
        except Exception:  # noqa: BLE001, S110 - whatever goes wrong now, everything of ours is done
            pass
        finally:
            self.stream.close()

    def drop(self) -> None:
        """Hang up without a word."""
        self.stream.close()


def _join(pieces: Iterable[Piece]) -> Sequence[Piece]:
    """Neighbouring octets as one piece: one system call, one segment."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and isinstance(piece, bytes) and isinstance(joined[-1], bytes) and len(piece) < 65536:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
