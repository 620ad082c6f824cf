"""What honest mail feels of a flood: strangers who talk nonsense as fast as they can, and thousands who say nothing.

``python bench/attack/flood.py [--seconds 10] [--strangers 20] [--slow 2000] [--base-port 24100]``

Starts a ``posthouse localserve`` of its own. An honest sender (127.0.0.1, so that its own rates do not stop it) sends
messages of 4 KiB one after the other on some connections: first alone, then under each attack, then alone again. A
canary, a stranger like the attackers, sends one message a second. Attackers sit in a process of their own and come
from other addresses of 127.0.0.0/8, spread over as many networks as it takes. Promised is, under each attack: p99 of
the honest sender below 2 s, its throughput above half of what it was alone, and 99 of 100 canaries delivered.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

HOST = "127.0.0.1"
LETTER = b"From: honest@else.test\r\nTo: alice@office.test\r\nSubject: work\r\n\r\n" + (b"x" * 78 + b"\r\n") * 51
NONSENSE = (
    b"MAIL FROM:<<<>>>\r\nRCPT TO:no brackets\r\nHELO \x01\x02\r\nMAIL FROM:<a@b@c>\r\nXYZZY\r\nRCPT TO:<>\r\n"
    b"DATA now\r\n" + b"A" * 3000 + b"\r\n"
)
CONNECTIONS = 8


@dataclass
class Seen:
    """What a sender saw: seconds of each message that was accepted, and failures."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def quantile(self, part: float) -> float:
        ordered = sorted(self.seconds) or [float("inf")]
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes, code: bytes) -> None:
    if said:
        writer.write(said)
    while True:
        line = await asyncio.wait_for(reader.readline(), 60)
        if not line.startswith(code):
            raise ConnectionError(line)
        if line[3:4] != b"-":
            return


async def deliver(port: int, source: str | None, domain: str, times: int, seen: Seen, until: float) -> None:
    """Some messages on one connection."""
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=local)
    try:
        await ask(reader, writer, b"", b"220")
        await ask(reader, writer, b"EHLO honest.test\r\n", b"250")
        for _ in range(times):
            started = time.perf_counter()
            await ask(reader, writer, b"MAIL FROM:<honest@%b> SIZE=4096\r\n" % domain.encode(), b"250")
            await ask(reader, writer, b"RCPT TO:<alice@office.test>\r\n", b"250")
            await ask(reader, writer, b"DATA\r\n", b"354")
            await ask(reader, writer, LETTER + b".\r\n", b"250")
            seen.seconds.append(time.perf_counter() - started)
            if time.perf_counter() > until:
                return
    finally:
        writer.close()


async def honest(port: int, seconds: float) -> Seen:
    seen, until = Seen(), time.perf_counter() + seconds

    async def work() -> None:
        while time.perf_counter() < until:
            try:
                await deliver(port, None, "else.test", 40, seen, until)
            except (OSError, TimeoutError):
                seen.failed += 1

    await asyncio.gather(*[work() for _ in range(CONNECTIONS)])
    return seen


async def canary(port: int, seconds: float) -> Seen:
    """A stranger with one message a second, each time from scratch, the connection included in the time."""
    seen, until = Seen(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started, one = time.perf_counter(), Seen()
        try:
            await deliver(port, "127.250.7.1", "canary.test", 1, one, 0)  # a domain has its share of a mailbox
            seen.seconds.append(time.perf_counter() - started)
        except (OSError, TimeoutError):
            seen.failed += 1
        await asyncio.sleep(max(0, 1 - (time.perf_counter() - started)))
    return seen


# -- the attackers, in a process of their own


async def talk_nonsense(port: int, source: str) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
            try:
                writer.write(b"EHLO evil.test\r\n")
                while not writer.is_closing():
                    writer.write(NONSENSE)
                    await writer.drain()
                    if reader.at_eof() or not await asyncio.wait_for(reader.read(65536), 5):
                        break
            except TimeoutError:
                pass
            finally:
                writer.close()
        await asyncio.sleep(0)


async def say_nothing(port: int, source: str) -> None:
    """An octet every nine seconds, and back at once when it is thrown out."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
            try:
                for octet in b"EHLO slow.test" * 100:
                    writer.write(bytes([octet]))
                    with suppress(TimeoutError):
                        if not await asyncio.wait_for(reader.read(4096), 9):
                            break
            finally:
                writer.close()
        await asyncio.sleep(1)


def attack(kind: str, port: int, number: int, line: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    os.nice(0)

    async def all_of_them() -> None:
        if kind == "nonsense":
            works = [talk_nonsense(port, f"127.0.0.{2 + index}") for index in range(number)]
        else:  # 19 of a client, 3 clients of a /26, three /26 of a /21: below each limit
            works = []
            for index in range(number):
                net, near, client = index // 171, index // 57 % 3, index // 19 % 3
                works.append(say_nothing(port, f"127.{1 + net}.0.{near * 64 + 2 + client}"))
        tasks = [asyncio.create_task(work) for work in works]
        await asyncio.sleep(3)
        line.send("attacking")
        await asyncio.gather(*tasks)

    asyncio.run(all_of_them())


# -- the server


def start(directory: Path, base_port: int) -> tuple[subprocess.Popen[bytes], int]:
    command = [sys.executable, "-m", "posthouse", "localserve", "--dir", str(directory), "--base-port", str(base_port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = directory / "endpoints.json"
    for _ in range(300):
        if found.is_file():
            return server, json.loads(found.read_text())["services"]["smtp"]["port"]
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def resident(server: subprocess.Popen[bytes]) -> float:
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4096 / 2**20


async def measure(port: int, seconds: float) -> tuple[Seen, Seen]:
    return await asyncio.gather(honest(port, seconds), canary(port, seconds))


def show(name: str, seen: Seen, bird: Seen, seconds: float, alone: float, server: subprocess.Popen[bytes]) -> float:
    rate = len(seen.seconds) / seconds
    part = f"{rate / alone:5.0%}" if alone else "     "
    total = len(bird.seconds) + bird.failed
    print(
        f"{name:<26} {rate:7.0f}/s {part}"
        f"  p50 {seen.quantile(0.5) * 1000:6.1f} ms  p99 {seen.quantile(0.99) * 1000:7.1f} ms"
        f"  failed {seen.failed:3}  canary {len(bird.seconds)}/{total} p99 {bird.quantile(0.99) * 1000:7.1f} ms"
        f"  {resident(server):5.0f} MiB",
        flush=True,
    )
    return rate


def under(kind: str, port: int, number: int, seconds: float) -> tuple[Seen, Seen]:
    ours, theirs = multiprocessing.Pipe()
    attacker = multiprocessing.get_context("spawn").Process(
        target=attack, args=(kind, port, number, theirs), daemon=True
    )
    attacker.start()
    ours.recv()
    try:
        return asyncio.run(measure(port, seconds))
    finally:
        attacker.kill()
        attacker.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--strangers", type=int, default=20)
    parser.add_argument("--slow", type=int, default=2000)
    parser.add_argument("--base-port", type=int, default=24100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flood-") as directory:
        server, port = start(Path(directory), given.base_port)
        try:
            asyncio.run(measure(port, 3))
            alone = show("alone", *asyncio.run(measure(port, given.seconds)), given.seconds, 0, server)
            name = f"{given.strangers} who talk nonsense"
            show(name, *under("nonsense", port, given.strangers, given.seconds), given.seconds, alone, server)
            name = f"{given.slow} who say nothing"
            show(name, *under("slow", port, given.slow, given.seconds), given.seconds, alone, server)
            show("alone again", *asyncio.run(measure(port, given.seconds)), given.seconds, alone, server)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


if __name__ == "__main__":
    main()
