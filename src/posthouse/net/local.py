"""Sockets of this machine: a file that only its owner may open, and a peer whose identity the kernel vouches for."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from posthouse.net.names import short_name

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def listen_locally(path: Path, connected: Connected, *, line_octets: int) -> asyncio.Server:
    """Serve ``path``, mode 0600. A file left by an earlier life gives way; a server that still lives does not."""
    return await asyncio.start_unix_server(connected, sock=_bind(path), limit=line_octets)


def _bind(path: Path) -> socket.socket:
    if _is_alive(path):
        raise FileExistsError(f"another server listens on {path}")
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_name(path) as name:
            door.bind(name)
        path.chmod(0o600)  # before listen: until then nobody can connect
        door.setblocking(False)
    except BaseException:
        door.close()
        raise
    return door


def peer_user(writer: asyncio.StreamWriter) -> int | None:
    """The user id at the other end (SO_PEERCRED), None when the kernel does not tell."""
    try:
        peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except OSError:
        return None
    user = struct.unpack("3i", peer)[1]
    return int(user)


def own_user() -> int:
    return os.getuid()


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, short_name(path) as name:
        try:
            probe.connect(name)
        except OSError:
            return False
        return True
