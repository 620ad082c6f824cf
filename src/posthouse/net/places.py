"""Places where a program of ours listens: a TCP port or a socket in the file system; mail never chooses one."""

import asyncio
import re
from typing import NoReturn

import msgspec

from posthouse.net.dialer import TcpStream

_TCP = re.compile(r"(?:tcp:|inet:)?(?://)?(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})\Z")
_UNIX = re.compile(r"(?:unix:|local:)?(/.+)\Z", re.DOTALL)


class Place(msgspec.Struct, frozen=True):
    """``path`` is there for a socket in the file system, ``host`` and ``port`` for TCP."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_place(text: str) -> Place:
    """``HOST:PORT``, ``[V6]:PORT``, ``unix:/PATH`` or ``/PATH``; raises ``ValueError``."""
    unix = _UNIX.match(text)
    if unix is not None:
        return Place(path=unix[1])
    tcp = _TCP.match(text)
    if tcp is None or not 0 < int(tcp[3]) < 65536:
        raise ValueError(f'"{text}" is neither HOST:PORT nor unix:/PATH')
    return Place(tcp[1] or tcp[2], int(tcp[3]))


class PlaceDialer:
    """Connects to places."""

    __slots__ = ()

    async def dial(self, place: Place, *, deadline_seconds: float) -> TcpStream:
        """A connection in the clear. Raises ``OSError``, ``TimeoutError``."""
        loop = asyncio.get_running_loop()

        def make() -> TcpStream:
            return TcpStream(loop, _NoBlobs(), _no_tls)

        async with asyncio.timeout(deadline_seconds):
            if place.path:
                _, stream = await loop.create_unix_connection(make, place.path)
            else:
                _, stream = await loop.create_connection(make, place.host, place.port)
        return stream


class _NoBlobs:
    """Implements ``net.ports.BlobReader``: to such places octets are sent, never slices."""

    async def read(self, blob: str, start: int, length: int) -> bytes:
        raise EOFError(f"no blob {blob} from {start} to {start + length}: slices do not go to places")


def _no_tls(_verify: bool) -> NoReturn:
    raise OSError("no TLS to places: put a tunnel in between, or a socket in the file system")
