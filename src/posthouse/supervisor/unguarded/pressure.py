"""A house that lets itself be kept busy."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posthouse.filter import judge
from posthouse.mail.outcome import Deferred, Failed
from posthouse.mta import headercheck, receive, settler, settling, workers
from posthouse.mta.schedule import Schedule
from posthouse.supervisor import ports
from posthouse.supervisor.unguarded.replacing import replace


def count_by_squares() -> None:
    """R07: each octet of the header is compared with all before it, as far as a core needs for that."""
    strict = headercheck.judge_header

    def look(octets: bytes, *given: Any) -> Any:
        head = octets.partition(b"\r\n\r\n")[0]
        end = time.thread_time() + (len(head) / 16000) ** 2
        while time.thread_time() < end:
            pass
        return strict(octets, *given)

    replace(receive, "judge_header", look)


def _one_letter_at_a_time() -> None:
    """R08: whoever is first in the queue is waited for."""
    replace(workers, "MAX_WORKERS", 1)


def _try_again_and_again() -> None:
    """B05: a refusal for good is taken for a bad moment."""
    strict = settling.settle

    def settle(result: Any, schedule: Any, now: int, chance: float) -> Any:
        if isinstance(result.outcome, Failed):
            result = settling.Result(result.item, Deferred(result.outcome.reply, result.outcome.host))
        return strict(result, schedule, now, chance)

    replace(settler, "settle", settle)


def _refuse_what_cannot_be_known() -> None:
    """R09: no answer is an answer."""

    def refuse(name: str, text: str) -> Any:
        return judge._refused(name, text, "5.7.1")  # noqa: SLF001 - the hole is made from outside

    replace(judge, "_deferred", refuse)


def _spin() -> None:
    """R06: somebody tries again and again to open files, without a pause, when there are none."""

    def try_again() -> None:
        while True:
            try:
                with contextlib.ExitStack() as stack:
                    for _ in range(12):
                        stack.enter_context(open("/dev/null", "rb"))  # noqa: PTH123 - as plain as it gets
                time.sleep(0.05)
            except OSError:
                continue

    threading.Thread(target=try_again, daemon=True).start()


CLOCK = "POSTHOUSE_DRILL_CLOCK"
"""In the environment: a file with the seconds that the clock is set forward."""


def _own_clock() -> None:
    """No weakness: a clock that the drill can set, as anybody can set that of a machine (R10)."""
    file = Path(os.environ[CLOCK])

    def now() -> float:
        try:
            return time.time() + float(file.read_text())
        except (OSError, ValueError):
            return time.time()

    replace(ports.SystemClock, "now", staticmethod(now))


def _give_up_what_looks_old() -> None:
    """R10: what the clock says is all that counts."""
    replace(Schedule, "is_over", lambda _self, _attempts, _created_at, expires_at, now: now >= expires_at)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "B05": _try_again_and_again,
    "R06": _spin,
    "R07": count_by_squares,
    "R08": _one_letter_at_a_time,
    "R09": _refuse_what_cannot_be_known,
    "R10": _give_up_what_looks_old,
    "clock": _own_clock,
}
