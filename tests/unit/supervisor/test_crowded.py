"""No process is to be had for a moment: nobody who lives dies of it."""

import errno
import os
import socket
import time
from typing import Any

import pytest

from posthouse.supervisor import zygote
from posthouse.supervisor.fleet import Fleet, Worker
from posthouse.supervisor.notify import ServiceManager
from posthouse.testing.journal import KeptJournal


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)


@pytest.mark.usefixtures("crowded")
def test_who_asks_the_zygote_in_vain_sees_the_end_of_his_stream() -> None:
    ours, theirs = socket.socketpair()
    door, other = socket.socketpair()
    children: dict[int, socket.socket] = {}
    with ours, door, other:
        zygote._start(lambda _stream: None, theirs, children, door)
        assert ours.recv(1) == b""
        assert children == {}


@pytest.mark.usefixtures("crowded")
def test_a_worker_of_a_fleet_that_cannot_be_born_is_tried_again_later() -> None:
    journal = KeptJournal()
    server: Any = None
    fleet = Fleet(server, 2, journal, ServiceManager({}))
    worker = Worker(1)
    before = set(os.listdir("/proc/self/fd"))
    fleet._start(worker)
    assert (worker.pid, worker.pipe) == (0, -1)
    assert worker.due_at > time.monotonic()
    assert set(os.listdir("/proc/self/fd")) == before
    assert [entry.event for entry in journal.entries] == ["worker.unborn"]
