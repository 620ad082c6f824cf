"""``posthouse engine copy`` opens both sides, copies, compares; ``posthouse engine check`` looks for damage."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from posthouse.observe.ports import Journal, Level
from posthouse.storage.copy import Copied, Side, compare, copy
from posthouse.storage.errors import StorageError
from posthouse.storage.sqlite.side import open_side
from posthouse.storage.sqlite.soundness import check
from posthouse.supervisor.ports import RandomIds, SystemClock

Tell = Callable[[str, str, int], None]
"""Step ("copy" or "compare"), table, rows so far."""


class Quiet:
    """Implements ``Journal``: what matters is in the answer."""

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None: ...

    def bug(self, _event: str, error: BaseException, /, **_values: object) -> None:
        raise error

    def bind(self, **_values: object) -> Journal:
        return self


def copy_engine(source: str, target: str, tell: Tell) -> list[Copied]:
    """Everything from ``source`` into ``target``: directories of the embedded engine, or ``postgresql://`` addresses.

    Raises ``StorageError``; started again, it goes on where it was.
    """
    return asyncio.run(_copy(source, target, tell))


def check_engine(directory: Path) -> Iterator[tuple[str, str]]:
    """What is damaged in an embedded engine, and how. Raises ``StorageError`` when it cannot even be read."""
    if not (directory / "posthouse.db").is_file():
        raise StorageError(f"{directory} is no directory of the embedded engine: it has no posthouse.db")
    try:
        yield from check(directory)
    except apsw.Error as error:
        raise StorageError(f"{directory / 'posthouse.db'} cannot be read: {error}") from error


async def _copy(source: str, target: str, tell: Tell) -> list[Copied]:
    if "://" not in source and not (Path(source) / "posthouse.db").is_file():
        raise StorageError(f"{source} is no directory of the embedded engine: it has no posthouse.db")
    here = await _open(source)
    try:
        there = await _open(target)
        try:
            await copy(here, there, tell=lambda table, rows: tell("copy", table, rows))
            return await compare(here, there, tell=lambda table, rows: tell("compare", table, rows))
        finally:
            await there.close()
    finally:
        await here.close()


async def _open(where: str) -> Side:
    at = int(SystemClock.now() * 1000)
    if "://" not in where:
        return await open_side(Path(where), ids=RandomIds(), at=at)
    try:
        from posthouse.storage.postgresql import side  # noqa: PLC0415  an extra: only who uses it needs it
    except ImportError as error:
        raise StorageError(f"this needs more: pip install 'posthouse[cluster]' ({error})") from error
    return await side.open_side(where, at=at, journal=Quiet())
