"""What the server itself gives up before it lets anybody in (threats O06, O07, D-11).

It keeps the sockets that it has bound, the files it may read, and the
directories that hold mail; whoever takes it over gets no more than that. Each
measure stands alone and is taken where the kernel offers it; what was not to be
had is said in the log, in the status and in the metrics.
"""

import ctypes
import os
import platform
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from posthouse.supervisor import landlock, seccomp
from posthouse.supervisor.sandbox import PR_SET_NO_NEW_PRIVS, drop_capabilities

PR_SET_MDWE = 65
REFUSE_EXEC_GAIN = 1
TASKS = 4096
"""Of this user, on the whole machine; the server itself has some twenty threads and can make no process."""
OWN_FILES = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3)
"""CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER: who stays root to try things out needs his files."""

MEASURES = {
    "rlimits": "no core file, no more than 4096 threads",
    "capabilities": "none is left, and none can come back",
    "no_new_privs": "no program can give us more than we have",
    "memory": "what was written cannot be executed (Linux 6.3)",
    "landlock": "writing only where mail is kept, no new ports, no signals to others (Linux 5.19)",
    "seccomp": "no program run, no process made or looked into, nothing mounted, loaded or entered",
}
"""All there are, and what each means."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """``taken`` are in force for good; ``missing`` were not to be had."""

    taken: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def confine(directories: Iterable[Path], *, may_fork: bool = False) -> Confinement:
    """Give it all up. There must be one thread only: landlock holds for that and for those it makes.

    ``may_fork``: for the two that make processes, which run the same program and may do no more.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    machine = platform.machine()
    took = {
        "rlimits": _limit(),
        "capabilities": drop_capabilities(libc, keep=OWN_FILES if os.geteuid() == 0 else 0),
        "no_new_privs": libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
        "memory": libc.prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) == 0,
        "landlock": landlock.restrict_writing(libc, directories),
        "seccomp": seccomp.install(libc, machine, may_fork=may_fork),
    }
    return Confinement(
        tuple(name for name, done in took.items() if done), tuple(name for name, done in took.items() if not done)
    )


def _limit() -> bool:
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NPROC, TASKS)):
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))
    return True
