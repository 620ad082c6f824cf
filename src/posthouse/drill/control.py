"""The operators' socket of the server, asked the way ``posthouse`` itself asks: one JSON object a line."""

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

NAME = "control.sock"
SECONDS = 30.0
LINE_OCTETS = 16 * 1024 * 1024


class Declined(Exception):
    """The server said no, or nobody answers; ``str()`` is what it said."""


@contextlib.asynccontextmanager
async def connected(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the socket, however long its path is. Raises ``Declined``."""
    directory = None
    try:
        directory = os.open(path.parent, os.O_RDONLY)
        reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{directory}/{path.name}", limit=LINE_OCTETS)
    except OSError as error:
        raise Declined(f"no server answers at {path}: {error.strerror}") from error
    finally:
        if directory is not None:
            os.close(directory)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(path: Path, operation: str, **given: Any) -> list[dict[str, Any]]:
    """The rows of an operation. Raises ``Declined``."""
    async with connected(path) as (reader, writer):
        writer.write(json.dumps({"do": operation, "with": given}).encode() + b"\n")
        rows = []
        while line := await asyncio.wait_for(reader.readline(), SECONDS):
            answer = json.loads(line)
            if "row" in answer:
                rows.append(answer["row"])
            elif "failed" in answer:
                raise Declined(str(answer["failed"]))
            else:
                return rows
    raise Declined("the server broke off")


async def peer(path: Path) -> int:
    """The process that serves the socket, as the kernel knows it."""
    async with connected(path) as (_, writer):
        raw = writer.get_extra_info("socket")
        pid, _, _ = struct.unpack("3i", raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)
