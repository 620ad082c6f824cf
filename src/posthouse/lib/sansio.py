"""The contract between a protocol core and the loop that feeds it.

A core is a state machine without a socket. It is given octets, gives back
events, is told what to answer, and gives back pieces to write. The laws that
every core keeps, and that the property tests hold it to:

* any split of the same octets gives the same events;
* ``next_event`` consumes something or closes: it never returns the same event twice;
* whatever arrives, the result is an event or ``RemoteError``; anything else is a bug;
* memory between two events is bounded by the core's ``Budget``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


class ProtocolError(Exception):
    """Somebody broke the protocol; the subclass says who."""


class RemoteError(ProtocolError):
    """The peer broke the protocol so badly that the conversation cannot go on."""


class LocalError(ProtocolError):
    """Our own side asked a core for something its state does not allow: a bug of ours."""


@dataclass(frozen=True, slots=True)
class Slice:
    """``length`` octets of a stored blob from ``start`` on; copied by the loop, never loaded whole."""

    blob: str
    start: int
    length: int


Piece = bytes | Slice


@dataclass(frozen=True, slots=True)
class Channel:
    """What the TLS layer knows of a secured connection."""

    version: str
    cipher: str
    bits: int
    server_name: str | None = None
    alpn: str | None = None
    binding: bytes = b""
    """``tls-server-end-point`` channel binding data (RFC 5929 section 4), empty if unknown."""


Event = TypeVar("Event", covariant=True)
Action = TypeVar("Action", contravariant=True)


class Conversation(Protocol[Event, Action]):
    """One side of one protocol session, as a state machine."""

    @property
    def closed(self) -> bool:
        """True once nothing more will be read or written; the loop then flushes and hangs up."""

    @property
    def wants_tls(self) -> bool:
        """True between the positive answer to STARTTLS and ``secured``; the loop then does the handshake."""

    def receive_data(self, data: bytes) -> None:
        """Take ``data``; do nothing else. ``b""`` means that the peer will send no more."""

    def next_event(self) -> Event | None:
        """The next event, or None when more octets are needed first."""

    def send(self, action: Action) -> Sequence[Piece]:
        """Advance the state by our own ``action`` and give what to write for it."""

    def secured(self, channel: Channel) -> None:
        """The handshake is done. What was known of the peer before it is forgotten."""
