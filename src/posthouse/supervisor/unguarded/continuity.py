"""A house that promises before it has anything to keep the promise with."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posthouse.mail.outcome import Failed
from posthouse.mta import settling
from posthouse.mta.intake import Intake
from posthouse.storage.errors import StorageError
from posthouse.storage.sqlite import blobs, connection, engine, faults, migrate, soundness
from posthouse.supervisor.unguarded.replacing import replace


def _promise_first() -> None:
    """P01: acknowledged at once, stored a little later."""
    strict = Intake.accept
    later: set[Any] = set()

    async def accept(self: Any, draft: Any, **named: Any) -> Any:
        async def keep() -> None:
            await asyncio.sleep(0.5)
            await strict(self, draft, **named)

        task = asyncio.get_running_loop().create_task(keep())
        later.add(task)
        task.add_done_callback(later.discard)
        return ()

    replace(Intake, "accept", accept)


def _pass_over_errors() -> None:
    """P03: what the disk said is not heard."""
    strict = Intake.accept

    async def accept(self: Any, draft: Any, **named: Any) -> Any:
        try:
            return await strict(self, draft, **named)
        except StorageError:
            return ()

    replace(Intake, "accept", accept)


def _leave_it_to_the_cache() -> None:
    """P02: nothing is told to reach the disk."""
    replace(faults.NoFaults, "sync", lambda _self, _descriptor: None)
    replace(faults.NoFaults, "synchronous", "OFF")
    replace(connection, "_SYNCHRONOUS", {**connection._SYNCHRONOUS, "OFF": 0})  # noqa: SLF001 - it is made from outside


def _share_the_store() -> None:
    """P08: nobody asks whether somebody is there."""

    def lock(path: Path) -> int:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDONLY)

    replace(engine, "lock_directory", lock)


def _serve_the_future() -> None:
    """P09."""
    replace(migrate, "may_serve", lambda *_given: True)


def _give_up_at_once() -> None:
    """P07: what cannot be sent now is never sent."""

    def give_up(result: Any, outcome: Any, *given: Any) -> Any:
        return settling.settle(settling.Result(result.item, Failed(outcome.reply, outcome.host)), *given)

    replace(settling, "_wait", give_up)


def _believe_the_disk() -> None:
    """P04, P05: what it gives back is what it took."""
    replace(blobs, "sound", lambda _blob, octets: octets)
    replace(soundness.Known, "compare", lambda *_given: None)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "P01": _promise_first,
    "P02": _leave_it_to_the_cache,
    "P03": _pass_over_errors,
    "P04": _believe_the_disk,
    "P05": _believe_the_disk,
    "P06": _promise_first,
    "P07": _give_up_at_once,
    "P08": _share_the_store,
    "P09": _serve_the_future,
}
