"""Whatever the next hop does, each recipient has the message, or its sender knows that he has not; the queue empties."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.mail.envelope import Envelope, Recipient
from posthouse.ms.describe import describe
from posthouse.mta.bounce import Reporter
from posthouse.mta.crew import Crew
from posthouse.mta.handoff import Nobody
from posthouse.mta.intake import Intake
from posthouse.mta.manager import Manager
from posthouse.mta.relay import Relay
from posthouse.mta.route import Hop, HostRoute, Routes
from posthouse.mta.schedule import Schedule
from posthouse.mta.secretary import Secretary
from posthouse.mta.settler import Settler
from posthouse.standards.dsn.parse import parse_delivery_status
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.directory import DomainRow
from posthouse.storage.mailbox import Role
from posthouse.storage.queue import QueueFilter
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal, KeptMeter
from posthouse.testing.ports import CountedIds, ManualClock

PASSES = 1000
"""Half hours until nobody hopes any more that the queue empties; a message is given up after five days."""
LETTER = b"From: alice@office.test\r\nSubject: hello\r\n\r\n.dots\r\n..and more\r\n"
HANG_UP = "-"
ANSWERS = [
    "250 ok",
    "250 ok",
    "250 ok",
    "451 4.2.1 later",
    "550 5.1.1 no",
    "452 4.5.3 too many",
    "421 4.3.2 bye",
    HANG_UP,
    "xyz",
    "99",
]


class Server:
    """A next hop in memory. It answers as ``script`` says, and well once that is used up; ``taken`` is what it confirmed."""

    def __init__(self, script: list[str], keywords: list[str]) -> None:
        self.script = list(reversed(script))
        self.keywords = keywords
        self.taken: list[str] = []
        self.contents: set[bytes] = set()

    def answer(self) -> str:
        return self.script.pop() if self.script else "250 ok"

    async def dial(self, host, port, *, deadline_seconds, implicit_tls=False):
        if self.answer() == HANG_UP:
            raise ConnectionRefusedError(111, "Connection refused")
        return Talk(self)


class Talk:
    """One connection to it, as a ``Stream``."""

    channel = None

    def __init__(self, server: Server) -> None:
        self.server = server
        self.out = b"220 hop\r\n"
        self.buffer = b""
        self.recipients: list[str] = []
        self.mode = "command"
        self.closed = False

    async def read(self, deadline_seconds):
        await asyncio.sleep(0)
        out, self.out = self.out, b""
        if not out and not self.closed:
            raise TimeoutError
        return out

    async def write(self, pieces, deadline_seconds):
        if self.closed:
            raise ConnectionResetError
        self.buffer += b"".join(pieces)
        while not self.closed and self.step():
            pass

    def close(self):
        self.closed = True

    def say(self, said: str) -> bool:
        if said == HANG_UP:
            self.closed = True
            return False
        self.out += f"{said}\r\n".encode()
        if said.startswith("421"):
            self.closed = True
        return said.startswith("250")

    def step(self) -> bool:
        if self.mode == "content":
            end = 0 if self.buffer.startswith(b".\r\n") else self.buffer.find(b"\r\n.\r\n") + 2
            if end == 1:
                return False
            content, self.buffer = self.buffer[:end], self.buffer[end + 3 :]
            self.mode = "command"
            self.finish(content.replace(b"\r\n..", b"\r\n."))
            return True
        line, found, rest = self.buffer.partition(b"\r\n")
        if not found:
            return False
        self.buffer = rest
        self.command(line.decode())
        return True

    def command(self, line: str) -> None:
        verb = line.split(" ", maxsplit=1)[0]
        if verb == "EHLO":
            self.say("\r\n".join(f"250-{word}" for word in ["hop", *self.server.keywords]) + "\r\n250 HELP")
        elif verb == "MAIL":
            self.recipients = []
            self.say(self.server.answer())
        elif verb == "RCPT":
            if self.say(self.server.answer()):
                self.recipients.append(line.partition("<")[2].partition(">")[0])
        elif verb == "DATA":
            if self.recipients:
                self.mode = "content"
            self.say("354 go on" if self.recipients else "503 5.5.1 nobody")
        elif verb == "BDAT":
            size = int(line.split(" ")[1])
            content, self.buffer = self.buffer[:size], self.buffer[size:]
            if self.recipients:
                self.finish(content)
            else:
                self.say("503 5.5.1 nobody")
        elif verb == "RSET":
            self.say("250 ok")
        else:
            self.say("221 bye")

    def finish(self, content: bytes) -> None:
        said = self.server.answer()
        if said.startswith("250"):
            self.server.taken += self.recipients
            self.server.contents.add(content)
        self.say(said)


async def scene(script, keywords, recipients, folder):
    clock, ids, journal, limits = ManualClock(), CountedIds(), KeptJournal(), Limits()
    store = await open_store(Path(folder), clock=clock, ids=ids, journal=journal)
    await store.put_domain(DomainRow("office.test"))
    alice = await store.create_account("alice@office.test", "Alice", (), quota=10**9)
    directory = Directory()
    await directory.refresh(store)
    schedule = Schedule.of(limits)
    reporter = Reporter(hostname="office.test", clock=clock, ids=ids, schedule=schedule, returned_octets=16384)
    intake = Intake(
        store, directory, clock=clock, ids=ids, limits=limits, reporter=reporter, handoff=Nobody(),
        describe=describe, journal=journal,
    )  # fmt: skip
    server = Server(script, keywords)
    routes = Routes(None, table={}, default=HostRoute("hop", (Hop("hop", 25, ("192.0.2.1",)),)))
    relay = Relay(dialer=server, routes=routes, blobs=store.blobs, clock=clock, ids=ids, hostname="office.test")
    settler = Settler(
        store,
        Secretary(store, reporter, intake),
        schedule,
        clock=clock,
        chance=lambda: 0.5,
        journal=journal,
        meter=KeptMeter(),
    )
    crew = Crew(store, relay, routes, settler, None, clock, lambda: 0.5, journal)
    manager = Manager(crew, owner="test", limits=limits)
    running = asyncio.create_task(manager.run())
    writer = store.blobs.open()
    writer.write(LETTER)
    to = tuple(Recipient(parse_mailbox(one)) for one in recipients)
    await store.accept(intake.plan(Envelope(parse_mailbox("alice@office.test"), to), await writer.finish(), trace="t"))
    passes = 0
    while (items := await store.queued(QueueFilter())) and passes < PASSES:
        if not any(item.claimed for item in items):
            clock.pass_time(1800)
            passes += 1
        manager.wake()
        await asyncio.sleep(0.005)
    failed = []
    inbox = next(box for box in await store.mailboxes(alice) if box.role is Role.INBOX)
    view = await store.view(alice, inbox.mailbox)
    for stored in await store.read(alice, inbox.mailbox, [one.uid for one in view.messages]):
        octets = await store.blobs.read(stored.content.blob.blob_id)
        status = parse_delivery_status(
            octets.partition(b"message/delivery-status\r\n\r\n")[2].partition(b"\r\n--report")[0] + b"\r\n"
        )
        failed += [one.final.text for one in status.recipients if one.action.value == "failed"]
    left = await store.queued(QueueFilter())
    manager.stop()
    await running
    await store.close()
    assert journal.bugs == []
    return server, failed, left


@settings(max_examples=30)
@given(
    script=st.lists(st.sampled_from(ANSWERS), max_size=25),
    keywords=st.sets(st.sampled_from(["PIPELINING", "CHUNKING", "8BITMIME", "DSN", "SIZE 0"])),
    count=st.integers(1, 5),
)
def test_nothing_is_lost_and_nobody_is_told_wrong(script, keywords, count):
    recipients = [f"r{number}@elsewhere.test" for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        server, failed, left = asyncio.run(scene(script, sorted(keywords), recipients, folder))
    assert left == []
    assert set(server.taken) | set(failed) == set(recipients)
    assert len(failed) == len(set(failed))
    assert server.contents <= {LETTER}
