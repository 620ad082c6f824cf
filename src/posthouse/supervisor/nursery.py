"""Our end of the zygote (``supervisor.zygote``): begin it, have it start a worker, have it kill one."""

import os
import select
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from posthouse.supervisor.zygote import DOOR, KILL, READY, START

NOBODY_ELSE = (-1, -1)
MODULE = "posthouse.supervisor.zygote"
READY_SECONDS = 60.0
"""It reads a good deal of Python before; that takes a second where the disk is cold."""


class Nursery:
    """One zygote, and the way to it. Several processes may share it: each question is one datagram."""

    __slots__ = ("_door", "pid")

    def __init__(self, works: Sequence[str], *, memory_octets: int, become: tuple[int, int] = NOBODY_ELSE) -> None:
        """Start it; with ``become`` it loads all that it needs and is that user and group from then on."""
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [sys.executable, "-I", "-m", MODULE, *map(str, become), str(memory_octets), *works]
        silence = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
        with theirs:
            self.pid = os.posix_spawn(
                sys.executable,
                arguments,
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), DOOR), *silence],
                setsid=True,
                setsigmask=[],
            )
        self._door.setblocking(False)

    def wait(self) -> None:
        """Until it has become who it should be and may do little. Raises ``OSError``."""
        if not select.select([self._door], [], [], READY_SECONDS)[0] or self._door.recv(len(READY)) != READY:
            raise OSError(f"the process that workers come from did not start: {MODULE}")

    def start(self) -> socket.socket:
        """Our end of the stream of a new worker; it says itself who it is. Raises ``OSError``."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                socket.send_fds(self._door, [START], [theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        return ours

    def kill(self, pid: int) -> None:
        """The worker ``pid``, at once. Who does not exist any more is nobody's trouble."""
        with suppress(OSError):
            self._door.send(KILL + b"%d" % pid)

    @property
    def is_gone(self) -> bool:
        """Nobody is there who could start a worker."""
        try:
            return self._door.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def fileno(self) -> int:
        """Readable once it is gone: ``ready`` is the only word that it ever says."""
        return self._door.fileno()

    def close(self) -> None:
        """Nobody asks any more, from this process: it ends when the last one who could has closed."""
        self._door.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
