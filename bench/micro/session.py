"""What a session costs: resident memory of idle connections, and time of a command round trip beyond core and door.

``python bench/micro/session.py [--connections 5000] [--loop asyncio]``
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import socket
import time
from multiprocessing.connection import Connection
from pathlib import Path

from posthouse.net.house import House
from posthouse.net.listener import Listener, bind
from posthouse.net.watch import Watch
from posthouse.supervisor.ports import SystemClock
from posthouse.testing.journal import KeptJournal

ROUND_TRIPS = 20_000


class LineCore:
    """The least a core can be: a line is an event, an action is octets."""

    __slots__ = ("_data", "closed", "wants_tls")

    def __init__(self) -> None:
        self._data = b""
        self.closed = self.wants_tls = False

    def receive_data(self, data: bytes) -> None:
        self._data += data

    def next_event(self) -> bytes | None:
        line, end, rest = self._data.partition(b"\n")
        if not end:
            return None
        self._data = rest
        return line

    def send(self, action: bytes) -> tuple[bytes, ...]:
        return (action,)

    def secured(self, channel: object) -> None:
        raise NotImplementedError


class EchoDoor:
    __slots__ = ("line",)
    patience = 60.0
    receives_content = False

    def __init__(self, line: object) -> None:
        self.line = line

    def greet(self) -> tuple[bytes, ...]:
        return (b"220 bench\r\n",)

    def handle(self, event: bytes) -> tuple[bytes, ...]:
        return (event,)

    def woken(self) -> tuple[bytes, ...]:
        return ()

    def farewell(self, _reason: object) -> tuple[bytes, ...]:
        return ()

    def gone(self) -> None: ...


class OpenGate:
    def admit(self, _peer: object) -> None:
        return None

    def left(self, _peer: object) -> None: ...


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Cpu:
    def read(self) -> float:
        times = os.times()
        return times.user + times.system


async def serve(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    house = House(loop, SystemClock(), Watch(), None, KeptJournal())
    house.watch.run(loop)
    listener = Listener("bench", bind("127.0.0.1", 0), house, lambda line: (LineCore(), EchoDoor(line)), OpenGate())
    await listener.serve()
    pipe.send(listener.port)
    while True:
        await asyncio.sleep(0.05)
        if pipe.poll():
            word = pipe.recv()
            if word == "stop":
                return
            pipe.send((resident(), time.process_time(), listener.sessions))


def child(pipe: Connection, uv: bool) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if uv:
        import uvloop  # noqa: PLC0415 - may be absent

        uvloop.run(serve(pipe))
    else:
        asyncio.run(serve(pipe))


def ask(pipe: Connection) -> tuple[int, float, int]:
    pipe.send("how")
    return pipe.recv()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--connections", type=int, default=5000)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=child, args=(theirs, given.loop == "uvloop"))
    process.start()
    port = ours.recv()

    def connect(number: int) -> socket.socket:
        client = socket.socket()
        client.bind((f"127.0.0.{2 + number % 100}", 0))
        client.connect(("127.0.0.1", port))
        return client

    warm = [connect(n) for n in range(50)]
    for client in warm:
        client.recv(100)
    before = ask(ours)
    clients = [connect(n) for n in range(given.connections)]
    for client in clients:
        client.recv(100)
    after = ask(ours)
    each = (after[0] - before[0]) / given.connections
    print(f"{given.loop}: {after[2]} sessions, {each / 1024:.2f} KiB resident each")

    client = clients[0]
    began = ask(ours)[1]
    start = time.perf_counter()
    for _ in range(ROUND_TRIPS):
        client.send(b"NOOP\n")
        client.recv(100)
    took = time.perf_counter() - start
    spent = ask(ours)[1] - began
    print(f"{given.loop}: round trip {took / ROUND_TRIPS * 1e6:.1f} us, server CPU {spent / ROUND_TRIPS * 1e6:.1f} us")
    client.send(b"NOOP\n" * 60 * 50)
    ours.send("stop")
    process.join()


if __name__ == "__main__":
    main()
