"""A server of ours that does not outlive us, however we end: the kernel kills it when its parent is gone.

That is the first rope; the second is the ``watchdog``, which is told its process group as soon as there is one.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

Watch = Callable[[int], None]
"""Told the process group of everything that is started, before it does anything."""


def nobody_watches(_group: int) -> None:
    """For tests: whatever is started is ended by whoever started it."""


async def launch(
    words: Sequence[str], log: Path, watch: Watch, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """``python -m posthouse`` with ``words``, in a group of its own, on a leash."""
    ours = os.getpid()
    with log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "posthouse", *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=written, stderr=written, start_new_session=True,
            env={**os.environ, "POSTHOUSE_DRILL": "sandbox", **(environment or {})},
            preexec_fn=lambda: tie_to(ours),
        )  # fmt: skip
    watch(process.pid)
    return process


def tie_to(parent: int) -> None:
    """In a child that was just forked: die with ``parent``, and at once if it is dead already."""
    if sys.platform == "linux":
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


async def end(process: asyncio.subprocess.Process, seconds: float = 0.0) -> None:
    """Politely for ``seconds``, then not; nothing of its group stays."""
    if process.returncode is None and seconds:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
