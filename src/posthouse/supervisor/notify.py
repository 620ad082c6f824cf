"""Notices to systemd (sd_notify(3)): ready, reloading, stopping, still alive."""

import os
import socket
from contextlib import suppress


class ServiceManager:
    """Whoever started us, if it wants to hear: nothing happens when ``NOTIFY_SOCKET`` is not set."""

    __slots__ = ("_address", "watchdog_seconds")

    def __init__(self, environment: dict[str, str]) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "")
        self.watchdog_seconds = int(microseconds) / 2e6 if ours and microseconds.isdigit() else 0.0
        """How often to say that we are alive: twice as often as asked."""

    def tell(self, *words: str) -> None:
        """Say ``words`` such as ``READY=1``; never fails, never blocks."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.setblocking(False)
            sending.sendto("\n".join(words).encode(), self._address)
