#!/usr/bin/env python3
"""The road out over loopback to a real smtp-sink: the relay alone, and the manager with a store that syncs.

Prints messages a second and our CPU a message. Needs Debian's postfix (smtp-sink).
"""

import argparse
import asyncio
import contextlib
import json
import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import uvloop

from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Envelope, Recipient
from posthouse.mail.ids import BlobId, QueueId
from posthouse.ms.describe import describe
from posthouse.mta.bounce import Reporter
from posthouse.mta.crew import Crew
from posthouse.mta.handoff import Nobody
from posthouse.mta.intake import Intake
from posthouse.mta.load import Load
from posthouse.mta.manager import Manager
from posthouse.mta.mx import MxLookup, Ourselves
from posthouse.mta.relay import Relay
from posthouse.mta.route import Routes, Terms, TlsPolicy, static
from posthouse.mta.schedule import Schedule
from posthouse.mta.secretary import Secretary
from posthouse.mta.settler import Settler
from posthouse.net.dialer import TcpDialer
from posthouse.net.tls import client_context
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.queue import Item, State
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.testing.journal import KeptMeter

LINE = b"The quick brown fox jumps over the lazy dog, and then some more of it.\r\n"
BOB = Recipient(parse_mailbox("bob@elsewhere.test"))


class Quiet:
    def note(self, *_given: object, **_values: object) -> None: ...
    def bug(self, _event: str, error: BaseException, /, **_values: object) -> None:
        raise error

    def bind(self, **_values: object) -> "Quiet":
        return self


class NoDns:
    async def mx(self, name: str) -> None:
        raise AssertionError(name)

    a = aaaa = mx


def letter(octets: int) -> bytes:
    head = b"From: alice@office.test\r\nTo: bob@elsewhere.test\r\nSubject: bench\r\n\r\n"
    return head + LINE * ((octets - len(head)) // len(LINE))


@contextlib.contextmanager
def sink():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = ["-u", "postfix"] if Path("/root").exists() and __import__("os").geteuid() == 0 else []
    process = subprocess.Popen(["smtp-sink", "-4", *user, f"127.0.0.1:{port}", "500"])
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            break
        time.sleep(0.05)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def item(number: int, content: bytes) -> Item:
    blob = Blob(BlobId(f"{number:064x}"), len(content), content)
    return Item(
        number, QueueId(f"q{number}"), 1, BOB, "elsewhere.test", 0, 0, 0, 2**50, State.WAITING, True, False, "", "",
        "alice@office.test", Content(b"Received: x\r\n", blob), Body.SEVENBIT, False, None, None, None, False, False,
    )  # fmt: skip


def make_relay(port: int, blobs, clock) -> tuple[Relay, Routes]:
    route = static("127.0.0.1", port, Terms(tls=TlsPolicy.NEVER))
    mx = MxLookup(NoDns(), Ourselves(frozenset()), random.random)
    routes = Routes(mx, table={}, default=route)
    dialer = TcpDialer(blobs, lambda verify: client_context(verify=verify))
    ids = RandomIds()
    return Relay(dialer=dialer, routes=routes, blobs=blobs, clock=clock, ids=ids, hostname="office.test"), routes


async def relay_alone(port: int, messages: int, links: int, content: bytes) -> None:
    relay, routes = make_relay(port, None, SystemClock())
    route = routes.static("elsewhere.test")
    numbers = iter(range(messages))

    async def worker() -> None:
        link = None
        for number in numbers:
            trip = await relay.carry(route, Load((item(number, content),)), link, lambda _load: True)
            link = trip.link
            assert link is not None, trip.outcomes
        if link:
            await link.quit()

    await asyncio.gather(*(worker() for _ in range(links)))


async def whole(port: int, messages: int, content: bytes, folder: str, claimed: bool) -> float:
    """Accept ``messages`` into a store and have the manager carry them; the seconds of the carrying."""
    clock, journal, limits = SystemClock(), Quiet(), Limits()
    ids = RandomIds()
    store = await open_store(Path(folder), clock=clock, ids=ids, journal=journal)
    schedule = Schedule.of(limits)
    reporter = Reporter(hostname="office.test", clock=clock, ids=ids, schedule=schedule, returned_octets=16384)
    directory = Directory()
    await directory.refresh(store)
    intake = Intake(
        store, directory, clock=clock, ids=ids, limits=limits, reporter=reporter, handoff=Nobody(),
        describe=describe, journal=journal,
    )  # fmt: skip
    relay, routes = make_relay(port, store.blobs, clock)
    settler = Settler(
        store, Secretary(store, reporter, intake), schedule, clock=clock, chance=random.random, journal=journal,
        meter=KeptMeter(),
    )  # fmt: skip
    crew = Crew(store, relay, routes, settler, None, clock, random.random, journal)
    manager = Manager(crew, owner="bench", limits=limits)
    envelope = Envelope(parse_mailbox("alice@office.test"), (BOB,))
    gate = asyncio.Semaphore(50)

    async def post() -> None:
        async with gate:
            writer = store.blobs.open()
            writer.write(content + ids.token(8).encode() + b"\r\n")
            accepted = await store.accept(intake.plan(envelope, await writer.finish(), trace=ids.trace_id()))
            if accepted.items:
                manager.take(accepted.items)

    if claimed:
        await asyncio.gather(*(post() for _ in range(messages)))
    started, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(manager.run())
    await asyncio.sleep(0)
    if not claimed:
        intake.handoff = manager
        await asyncio.gather(*(post() for _ in range(messages)))
    while await store.next_due() is not None:
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - started
    spent = time.process_time() - cpu
    manager.stop()
    await running
    await store.close()
    print(json.dumps({
        "what": "claimed from the store" if claimed else "accepted and handed over",
        "a second": round(messages / seconds), "CPU us a message": round(spent / messages * 1e6),
    }))  # fmt: skip
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--octets", type=int, default=4096)
    parser.add_argument("--links", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    content = letter(options.octets)
    uvloop.install()
    with sink() as port:
        for links in (1, options.links):
            asyncio.run(relay_alone(port, 50, links, content))
            started, cpu = time.perf_counter(), time.process_time()
            asyncio.run(relay_alone(port, options.messages, links, content))
            seconds, spent = time.perf_counter() - started, time.process_time() - cpu
            print(json.dumps({
                "what": f"relay alone, {links} links", "a second": round(options.messages / seconds),
                "CPU us a message": round(spent / options.messages * 1e6),
            }))  # fmt: skip
        for claimed in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(whole(port, options.messages, content, folder, claimed))


if __name__ == "__main__":
    main()
