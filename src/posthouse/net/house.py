"""What sessions stand in: the house that all of them share, and the porch that each came in by."""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from posthouse.lib.ports import Clock
from posthouse.lib.sansio import Conversation
from posthouse.net.ports import BlobReader, Door, Line, Peer
from posthouse.net.tls import Tunnel
from posthouse.net.watch import Watch
from posthouse.observe.ports import Journal


@dataclass(frozen=True, slots=True)
class House:
    """What all sessions of the house share."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    watch: Watch
    blobs: BlobReader
    journal: Journal
    least_rate: int = 1024
    """L18, octets a second."""
    transfer_seconds: float = 1800.0
    """L18, from the first to the last octet of one content."""


class Porch(Protocol):
    """The listener that a session came in by."""

    @property
    def name(self) -> str: ...

    @property
    def house(self) -> House: ...

    @property
    def implicit_tls(self) -> bool: ...

    def admit(self, peer: Peer) -> bytes | None:
        """None: come in. Otherwise what to say before hanging up; ``left`` is then not called."""

    def open(self, line: Line) -> tuple[Conversation[Any, Any], Door[Any, Any]]:
        """The core and the door for a connection that was admitted."""

    def tunnel(self) -> Tunnel | None:
        """The server's end of TLS, None if there is no certificate."""

    def left(self, peer: Peer) -> None: ...
