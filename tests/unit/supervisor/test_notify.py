"""Notices to systemd."""

import socket

from posthouse.supervisor.notify import ServiceManager


def test_ready_reaches_who_started_us(tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5)
        service_manager = ServiceManager({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"})
        service_manager.tell("READY=1", "STATUS=good")
        assert manager.recv(100) == b"READY=1\nSTATUS=good"
        assert service_manager.watchdog_seconds == 15.0


def test_nobody_listens(tmp_path):
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")
    ServiceManager({}).tell("READY=1")


def test_the_watchdog_of_another_process_is_not_ours():
    assert ServiceManager({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_seconds == 0
