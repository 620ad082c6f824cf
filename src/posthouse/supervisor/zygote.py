"""The process that workers are forked from: started before privileges are dropped, so that it has read all of Python.

It is a fresh interpreter, never a copy of ours: nothing of our memory is in it,
no key, no socket, no mail. It sees no stranger's octet. What it is asked comes
over a socket pair, one datagram a question: ``start`` with the worker's end of
a stream, or ``kill PID``, which is done only to a child of its own that still
exists. Each stream is held here too until its worker is reaped, so the end of
the stream means that nothing is left of it.

It says one word itself, ``ready``: it is who it should be, has left the network
and may do little (``supervisor.confine``). What workers do is loaded when the
first is wanted, or, if it is to become somebody who may not read Python any
more, before that.
"""

import ctypes
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from posthouse.supervisor.confine import confine
from posthouse.supervisor.sandbox import (
    CLONE_NEWNET,
    LATE,
    PR_SET_DUMPABLE,
    drop_bounds,
    drop_capabilities,
    leave_network,
)

START, KILL, READY = b"start", b"kill ", b"ready"
QUESTION_OCTETS = 64
DOOR = 0
"""Its end of the socket pair is its standard input."""

Work = Callable[[socket.socket], None]
Works = dict[str, Callable[[bytes, Any], Any]]


def main(arguments: list[str]) -> None:
    """``user_id group_id memory_octets work…``; the ids are -1 for who stays who he is."""
    user, group, memory = int(arguments[0]), int(arguments[1]), int(arguments[2])
    names = arguments[3:]
    os.chdir("/")
    loaded = [_load(names)] if user >= 0 else []
    is_alone = _give_up(user, group)
    ready: list[Work] = []

    def get_ready() -> Work:
        if not ready:
            ready.append(_get_ready(loaded.pop() if loaded else _load(names), memory, is_alone=is_alone))
        return ready[0]

    door = socket.socket(fileno=DOOR)
    if loaded:
        get_ready()
    door.send(READY)
    _live(door, get_ready)


def _load(names: list[str]) -> Works:
    from posthouse.supervisor.worker import load  # noqa: PLC0415 - 100 ms, and perhaps nobody ever needs a worker

    return {name: load(name) for name in names}


def _give_up(user: int, group: int) -> bool:
    """Identity, network, capabilities, and all that only a server does; True if we are alone on the network."""
    libc = ctypes.CDLL(None)
    is_alone = libc.unshare(CLONE_NEWNET) == 0
    drop_bounds(libc)
    if user >= 0:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    is_alone = is_alone or leave_network(libc)  # in a namespace of users, who has no right to one of networks
    confine((), may_fork=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    return is_alone


def _get_ready(works: Works, memory: int, *, is_alone: bool) -> Work:
    """What a worker does with its stream, with everything for it in memory; no file is needed any more."""
    from posthouse.supervisor.worker import work  # noqa: PLC0415 - as above

    drop_capabilities(ctypes.CDLL(None))
    gc.collect()
    gc.freeze()
    return lambda stream: work(works, memory, stream, is_alone=is_alone)


def _live(door: socket.socket, load: Callable[[], Work]) -> None:
    """Until nobody can ask any more; whoever is still at work then is killed by the kernel."""
    children: dict[int, socket.socket] = {}
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([door.fileno(), reading], [], [])
        if reading in ready:
            with suppress(BlockingIOError):
                os.read(reading, 4096)
            _bury(children)
        if door.fileno() not in ready:
            continue
        question, passed, _, _ = socket.recv_fds(door, QUESTION_OCTETS, 1)
        streams = [socket.socket(fileno=one) for one in passed]
        if not question:
            return
        if question == START and streams:
            _start(load(), streams[0], children, door)
        elif question.startswith(KILL) and int(question[len(KILL) :]) in children:
            os.kill(int(question[len(KILL) :]), signal.SIGKILL)


def _start(work: Work, stream: socket.socket, children: dict[int, socket.socket], door: socket.socket) -> None:
    mother = os.getpid()
    try:
        pid = os.fork()
    except OSError:  # no process is to be had now: whoever asked for it sees the end of its stream
        stream.close()
        return
    if pid:
        children[pid] = stream
        return
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        keep = stream.fileno()
        door.detach()
        for other in children.values():
            other.detach()
        os.closerange(0, keep)
        os.closerange(keep + 1, 256)
        work(stream)
        status = 0
    finally:
        os._exit(status if os.getppid() == mother else 1)


def _bury(children: dict[int, socket.socket]) -> None:
    """What has ended is reaped, and only then the other end of its stream hears of it."""
    for pid in list(children):
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            stream = children.pop(pid)
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in LATE:
                _say_late(stream)
            stream.close()


def _say_late(stream: socket.socket) -> None:
    from posthouse.supervisor.worker import say_late  # noqa: PLC0415 - in memory since the first worker

    say_late(stream)


if __name__ == "__main__":
    main(sys.argv[1:])
