"""Listeners: sockets bound first, served later, closed politely."""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from posthouse.lib.sansio import Conversation
from posthouse.net.house import House
from posthouse.net.ports import Door, Farewell, Line, Peer
from posthouse.net.session import Session
from posthouse.net.tls import Certificates, Tunnel

BACKLOG = 1024
"""Connections the kernel completes for us while we are busy."""

TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)
WAITING_AT = 24
"""Of struct tcp_info: ``tcpi_unacked``, which of a listening socket is the length of its line."""

OpenDoor = Callable[[Line], tuple[Conversation[Any, Any], Door[Any, Any]]]


class PortTaken(Exception):
    """Another program listens there, or we may not; ``str()`` says where and why."""


class Gate(Protocol):
    """Who may come in, asked for every connection before anything is built for it (L14, L15)."""

    def admit(self, peer: Peer) -> bytes | None:
        """None: come in. Otherwise what to say before hanging up; empty says nothing."""

    def left(self, peer: Peer) -> None:
        """A connection that was admitted is over."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, bound but not served: privileges may be dropped before the first connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise PortTaken(f"cannot listen on {where}: {error.strerror}") from error
    return listening


@dataclass(slots=True)
class Listener:
    """One service on one socket. Implements ``net.house.Porch``."""

    name: str
    socket: socket.socket
    house: House
    open_door: OpenDoor
    gate: Gate
    certificates: Certificates | None = None
    implicit_tls: bool = False
    _server: asyncio.Server | None = None
    _sessions: int = 0
    admitted: int = 0
    refused: int = 0
    """How many since the start."""

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def sessions(self) -> int:
        """How many are here now."""
        return self._sessions

    def admit(self, peer: Peer) -> bytes | None:
        refusal = self.gate.admit(peer)
        if refusal is None:
            self._sessions += 1
            self.admitted += 1
        else:
            self.refused += 1
        return refusal

    def open(self, line: Line) -> tuple[Conversation[Any, Any], Door[Any, Any]]:
        return self.open_door(line)

    def tunnel(self) -> Tunnel | None:
        return self.certificates.tunnel() if self.certificates is not None else None

    def left(self, peer: Peer) -> None:
        self._sessions -= 1
        self.gate.left(peer)

    async def serve(self) -> None:
        """Accept from now on. The loop itself sits out a shortage of file descriptors."""
        self._server = await self.house.loop.create_server(lambda: Session(self), sock=self.socket, backlog=BACKLOG)

    @property
    def waiting(self) -> int:
        """How many the kernel has let in and we have not; 0 where it does not say (tcp(7): TCP_INFO)."""
        if TCP_INFO is None or self._server is None:
            return 0
        try:
            said = self.socket.getsockopt(socket.IPPROTO_TCP, TCP_INFO, WAITING_AT + 4)
        except OSError:
            return 0
        return int.from_bytes(said[WAITING_AT:], sys.byteorder)

    async def listen_again(self) -> None:
        """Without memory for a connection, uvloop never looks at its socket again: give it another one, of the same."""
        if self._server is None:
            return
        deaf, self.socket = self._server, self.socket.dup()
        deaf.close()
        await self.serve()

    def stop(self) -> None:
        """Accept no more; sessions go on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        with suppress(OSError):
            self.socket.close()


async def say_goodbye(house: House, deadline_seconds: float) -> int:
    """End all sessions: each finishes what it is doing, hears a farewell, and is cut off at the deadline.

    Gives how many had to be cut off.
    """
    for one in house.watch.everything():
        if isinstance(one, Session):
            one.leave(Farewell.SHUTDOWN)
    end = house.clock.monotonic() + deadline_seconds
    while len(house.watch) and house.clock.monotonic() < end:  # noqa: ASYNC110 - once in a life; no session pays for it
        await asyncio.sleep(0.02)
    late = [one for one in house.watch.everything() if isinstance(one, Session)]
    for one in late:
        one.cut()
    await asyncio.sleep(0)
    return len(late)
