"""Operations without a server: the store is opened under its own lock, asked, and closed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posthouse.observe.ports import Journal, Level
from posthouse.ops.control import perform
from posthouse.ops.house import CannotDo, House
from posthouse.storage.ports import StorageError
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.ports import RandomIds, SystemClock

Answer = Mapping[str, Any]


class Unopened(Exception):
    """The store cannot be opened, or somebody else has it open."""


class Silent:
    """Implements ``Journal``: what matters to the operator is in the answer."""

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None: ...

    def bug(self, _event: str, error: BaseException, /, **_values: object) -> None:
        raise error

    def bind(self, **_values: object) -> Journal:
        return self


def ask_offline(directory: Path, operation: str, arguments: Mapping[str, Any]) -> list[Answer]:
    """What a server would answer on its control socket."""
    return asyncio.run(_ask(directory, operation, arguments))


async def _ask(directory: Path, operation: str, arguments: Mapping[str, Any]) -> list[Answer]:
    clock = SystemClock()
    try:
        store = await open_store(directory, clock=clock, ids=RandomIds(), journal=Silent())
    except StorageError as error:
        raise Unopened(str(error)) from error
    try:
        rows: list[Answer] = [{"row": row} async for row in perform(House(store, clock), operation, arguments)]
    except CannotDo as error:
        return [{"failed": str(error), "hint": error.hint}]
    finally:
        await store.close()
    return [*rows, {"done": len(rows)}]
