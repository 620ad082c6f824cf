"""Workers are children of a process that was there before privileges went, and that harms nobody but its children."""

import os
import pwd
import select
import signal
import socket
import subprocess
import sys

import msgspec
import pytest

from posthouse.supervisor.nursery import Nursery
from posthouse.supervisor.worker import LENGTH, Report, Start

MIB = 1024 * 1024
WORK = "posthouse.testing.works:measure"


def begin(nursery: Nursery) -> tuple[socket.socket, Start]:
    stream = nursery.start()
    stream.settimeout(30)
    head = stream.recv(LENGTH, socket.MSG_WAITALL)
    report = msgspec.msgpack.decode(stream.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL), type=Report)
    return stream, msgspec.msgpack.decode(report.answer, type=Start)


def is_over(stream: socket.socket) -> bool:
    return stream.recv(1) == b""


def said_of(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/status") as file:
        return dict(line.split(":", 1) for line in file)


@pytest.fixture
def nursery():
    made = Nursery([WORK], memory_octets=384 * MIB)
    yield made
    made.close()


def test_the_end_of_a_stream_means_that_nothing_is_left_of_the_worker(nursery: Nursery) -> None:
    stream, start = begin(nursery)
    nursery.kill(start.pid)
    assert is_over(stream)
    with pytest.raises(ProcessLookupError):
        os.kill(start.pid, 0)
    stream.close()


def test_a_worker_whom_nobody_asks_any_more_ends(nursery: Nursery) -> None:
    stream, start = begin(nursery)
    gone = os.pidfd_open(start.pid)
    stream.close()
    assert select.select([gone], [], [], 30)[0]
    os.close(gone)


def test_who_is_no_child_of_it_is_not_killed(nursery: Nursery) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    nursery.kill(other.pid)
    nursery.kill(10**30)
    begin(nursery)[0].close()  # it has looked at the questions before
    assert other.poll() is None
    other.communicate(b"\n", timeout=30)


def test_without_the_nursery_there_are_no_workers(nursery: Nursery) -> None:
    stream, _ = begin(nursery)
    assert not nursery.is_gone
    os.kill(nursery.pid, signal.SIGKILL)
    assert is_over(stream)
    stream.close()
    assert select.select([nursery], [], [], 30)[0]
    assert nursery.is_gone
    with pytest.raises(OSError, match=r"Broken pipe|Connection re"):
        nursery.start()


def test_whom_it_lets_wait_sees_it_confined(nursery: Nursery) -> None:
    """It was root, with all that root may do, for as long as it took it to read Python, while strangers came in."""
    nursery.wait()
    said = said_of(nursery.pid)
    assert said["NoNewPrivs"].strip() == "1"
    assert said["Seccomp"].strip() == "2"
    assert int(said["CapEff"], 16) & ~0xF == 0  # root needs his own files until the first worker is wanted
    begin(nursery)[0].close()
    assert int(said_of(nursery.pid)["CapEff"], 16) == 0
    assert not nursery.is_gone


def test_who_waits_for_one_that_cannot_start_hears_of_it() -> None:
    nursery = Nursery(["posthouse.nowhere:nothing"], memory_octets=384 * MIB, become=(os.geteuid(), os.getegid()))
    with pytest.raises(OSError, match="did not start"):
        nursery.wait()
    nursery.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_it_becomes_nobody_and_needs_to_read_nothing_any_more() -> None:
    nobody = pwd.getpwnam("nobody")
    nursery = Nursery([WORK], memory_octets=384 * MIB, become=(nobody.pw_uid, nobody.pw_gid))
    try:
        stream, start = begin(nursery)
        for pid in (nursery.pid, start.pid):
            said = said_of(pid)
            assert said["Uid"].split() == [str(nobody.pw_uid)] * 4
            assert said["Gid"].split() == [str(nobody.pw_gid)] * 4
            assert said["Groups"].split() == []
            assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0
        stream.close()
    finally:
        nursery.close()
