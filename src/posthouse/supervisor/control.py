"""The control socket of a running server, in the directory of its store."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock
from posthouse.mta.settler import Secretary
from posthouse.net.local import listen_locally
from posthouse.observe.ports import Journal, Level
from posthouse.ops.house import House
from posthouse.services.admind import REQUEST_OCTETS, SOCKET_NAME, AdminDoor
from posthouse.storage.ports import Store


async def serve_control(
    directory: Path,
    store: Store,
    *,
    clock: Clock,
    journal: Journal,
    limits: Limits,
    wake: Callable[[], None],
    secretary: Secretary | None,
    facts: Callable[[], Mapping[str, object]],
) -> None:
    """Answer operators until cancelled. Without a socket the server goes on, and says so."""
    house = House(store, clock, limits, wake, secretary, facts)
    path = directory / SOCKET_NAME
    try:
        server = await listen_locally(path, AdminDoor(house, journal).serve, line_octets=REQUEST_OCTETS)
    except OSError as error:
        journal.note("admin.no-socket", Level.ALARM, path=str(path), reason=str(error))
        return
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        server.close()
        path.unlink(missing_ok=True)
