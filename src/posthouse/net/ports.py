"""What the loop and a door know of each other, and the ports to the rest of the network."""

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeVar

import msgspec

from posthouse.lib.sansio import Channel, Piece

Event = TypeVar("Event", contravariant=True)
Action = TypeVar("Action", covariant=True)


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end of a socket. ``address`` is an IP literal without zone or brackets."""

    address: str
    port: int
    local_address: str
    local_port: int


class Farewell(Enum):
    """Why the loop ends a session that the core would have gone on with."""

    IDLE = "idle"
    """The peer said nothing for the door's ``patience``."""
    SLOW = "slow"
    """The peer sends or reads too slowly (L18)."""
    SHUTDOWN = "shutdown"
    """We are stopping."""
    TROUBLE = "trouble"
    """A bug of ours, already in the journal."""


class Line(Protocol):
    """The door's handle on its own session."""

    @property
    def peer(self) -> Peer: ...

    @property
    def channel(self) -> Channel | None:
        """What TLS says of the connection, None while it is in the clear."""

    def wake(self) -> None:
        """Have the loop call ``Door.woken`` as soon as no answer is in progress. Any number of calls make one."""


Answer = Iterable[Action] | Awaitable[Iterable[Action]] | AsyncIterator[Action]


class Door(Protocol[Event, Action]):
    """One service's side of one session.

    ``handle`` answers an event with actions. An answer that needs no waiting is
    an iterable, and the loop writes it without making a task. One that must
    wait is awaited, or it is an async iterator if there is more to it than
    memory should hold; the loop takes the next event only when it is finished.
    Between two actions of an async answer the loop waits until the peer has
    read enough (back-pressure), so a slow reader stops the work.
    """

    @property
    def patience(self) -> float:
        """Seconds the loop waits for the peer's next whole event before ``Farewell.IDLE``; octets alone buy no time."""

    @property
    def receives_content(self) -> bool:
        """Whether the peer is sending content now, so that the least rate of L18 applies."""

    def greet(self) -> "Answer[Action]": ...

    def handle(self, event: Event) -> "Answer[Action]": ...

    def woken(self) -> "Answer[Action]":
        """Something happened outside the session (new mail): what to tell a peer that did not ask."""

    def farewell(self, reason: Farewell) -> Iterable[Action]:
        """The last words; the loop writes them and hangs up."""

    def gone(self) -> None:
        """The session is over, however it ended: let go of everything. Called exactly once."""


class BlobReader(Protocol):
    """Where the loop gets the octets of a ``Slice`` from."""

    async def read(self, blob: str, start: int, length: int) -> bytes:
        """Raises ``OSError`` if they cannot be had now."""


class Stream(Protocol):
    """An outbound connection, for the offices that drive a client core over it. Every wait has a deadline."""

    @property
    def channel(self) -> Channel | None: ...

    async def read(self, deadline_seconds: float) -> bytes:
        """At least one octet, at most 64 KiB; ``b""`` at the end. Raises ``TimeoutError``, ``OSError``."""

    async def write(self, pieces: Sequence[Piece], deadline_seconds: float) -> None:
        """Returns when the kernel has taken the pieces. Raises ``TimeoutError``, ``OSError``."""

    async def secure(self, server_name: str, *, verify: bool, deadline_seconds: float) -> Channel:
        """TLS handshake as a client. With ``verify`` the certificate must name ``server_name`` (RFC 9525)."""

    def close(self) -> None: ...


class Dialer(Protocol):
    """Makes outbound connections; the only way out of the house."""

    async def dial(self, host: str, port: int, *, deadline_seconds: float, implicit_tls: bool = False) -> Stream:
        """Connect to an IP literal. Raises ``OSError``, ``TimeoutError``; ``PermissionError`` by policy."""
