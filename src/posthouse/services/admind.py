"""The control door: operators' commands over a socket of this machine.

STANDARDS
    Our own: one JSON object a line. A request is ``{"do": "queue list",
    "with": {...}}``; the answer is any number of ``{"row": {...}}`` and one
    ``{"done": rows}`` or ``{"failed": text, "hint": text}``.

SECURITY
    The socket has mode 0600, and the kernel says who is at the other end:
    the user that the server runs as, or root. Everybody else is cut off. A
    password comes in a request and goes no further than its verifiers; it is
    never written to the journal.

LIMITS
    Requests of 64 KiB, ten minutes of silence, sixteen connections.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from posthouse.admd.limits import Limits
from posthouse.net.local import own_user, peer_user
from posthouse.observe.ports import Journal, Level
from posthouse.ops.control import perform
from posthouse.ops.house import CannotDo, House

SOCKET_NAME = "control.sock"
"""In the directory of the store."""
REQUEST_OCTETS = 64 * 1024
PATIENCE_SECONDS = 600.0
CONNECTIONS = 16
SECRETS = frozenset({"password"})


class AdminDoor:
    """Answers the control socket. ``serve`` is what ``net.local.listen_locally`` calls for each connection."""

    __slots__ = ("_house", "_journal", "_open", "_who")

    def __init__(
        self, house: House, journal: Journal, *, who: Callable[[asyncio.StreamWriter], int | None] = peer_user
    ) -> None:
        self._house = house
        self._journal = journal
        self._who = who
        self._open = 0

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from here on: the configuration was read again."""
        self._house = replace(self._house, limits=limits)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user = self._who(writer)
        self._open += 1
        try:
            if user not in {own_user(), 0}:
                self._journal.note("admin.stranger", Level.WARNING, user=user)
                await _say(writer, {"failed": "you may not do this", "hint": "be root, or the user of the server"})
            elif self._open > CONNECTIONS:
                await _say(writer, {"failed": "too many connections", "hint": "try again"})
            else:
                await self._converse(reader, writer, user)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            return  # the operator has gone, or we have to
        finally:
            self._open -= 1
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: int | None) -> None:
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    line = await reader.readline()
            except ValueError:
                await _say(writer, {"failed": "the request is too long", "hint": ""})
                return
            if not line:
                return
            await self._answer(line, writer, user)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter, user: int | None) -> None:
        try:
            operation, arguments = parse_request(line)
        except ValueError as error:
            await _say(writer, {"failed": f"not a request: {error}", "hint": ""})
            return
        rows = 0
        try:
            async for row in perform(self._house, operation, arguments):
                rows += 1
                await _say(writer, {"row": row})
        except CannotDo as error:
            await _say(writer, {"failed": str(error), "hint": error.hint})
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug in an operation must not cost the door
            self._journal.bug("admin.bug", error, operation=operation)
            await _say(writer, {"failed": "trouble on our side", "hint": "it is in the log of the server"})
        else:
            await _say(writer, {"done": rows})
        self._record(operation, arguments, user, rows)

    def _record(self, operation: str, arguments: Mapping[str, Any], user: int | None, rows: int) -> None:
        """Who did what. Secrets are left out."""
        said = " ".join(f"{name}={value}" for name, value in arguments.items() if name not in SECRETS)
        self._journal.note("admin.done", operation=operation, arguments=said, user=user, rows=rows)


def parse_request(line: bytes) -> tuple[str, Mapping[str, Any]]:
    """The operation and its arguments; raises ``ValueError``."""
    try:
        request = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(request, dict):
        raise ValueError("an object, please")  # noqa: TRY004 - what came is a bad value of a request
    operation, arguments = request.get("do"), request.get("with", {})
    if not isinstance(operation, str) or not isinstance(arguments, dict):
        raise ValueError("do and with, please")  # noqa: TRY004 - as above
    return operation, arguments


async def _say(writer: asyncio.StreamWriter, answer: Mapping[str, object]) -> None:
    writer.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    await writer.drain()
