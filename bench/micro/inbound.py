"""What door, receiver and intake cost for one 4-KiB message with one local recipient, beyond core and store.

    python bench/micro/inbound.py [rounds]

Each round sends 200 messages four ways and takes the CPU time of the whole
process: through a core with a door that says yes; through the real thing over
a real store in a temporary directory, once with the boundary filter as a
server is wired with it and once without; and as ready acceptances straight
into that store. The least of each way is taken: a neighbour on the machine
only ever adds. ``describe`` (facts for readers) is shown apart and contained
in ``inbound``. ``boundary`` is what the filter adds (who sent it, by SPF and
DMARC of a zone in memory, and what is in it) for a message like one of a
moment ago, ``stranger`` the same when each message is of another sender, and
``signed`` when each is signed with RSA-2048.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from posthouse.filter.boundary import Boundary
from posthouse.ms.describe import describe
from posthouse.mta.desk import Desk
from posthouse.observe.metrics import PrometheusMeter
from posthouse.services.smtpd import open_smtp
from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_rsa, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.imf.header import parse_header
from posthouse.standards.smtp.server import ServerConnection
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.judging import build_boundary
from posthouse.supervisor.load import parse
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.supervisor.serve import GC_THRESHOLDS
from posthouse.supervisor.wire import build
from posthouse.supervisor.works import Setting, Tools
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import STRANGER, FakeLine, Office
from posthouse.testing.wire import Agreeable
from posthouse.testing.zone import Zone

HEADER = (
    b"From: Friend <%s@elsewhere.test>\r\nTo: Alice <alice@office.test>\r\nSubject: A letter\r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <%d@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
)
LINE = b"The quick brown fox jumps over the lazy dog, as it does in every such letter.\r\n"
BODY = LINE * ((4096 - len(HEADER)) // len(LINE))
COUNT = 200
AT_ONCE = 20
PAIR = generate_rsa()
KEY = signing_key("elsewhere.test", "s", PAIR.der)
ZONE = {
    "s._domainkey.elsewhere.test": {"txt": (PAIR.record.encode(),)},
    "client.example": {"txt": (b"v=spf1 ip4:192.0.2.1 -all",), "a": ("192.0.2.1",)},
    "elsewhere.test": {"txt": (b"v=spf1 ip4:192.0.2.0/24 -all",), "mx": ((10, "mx.elsewhere.test"),)},
    "_dmarc.elsewhere.test": {"txt": (b"v=DMARC1; p=reject",)},
    "192.0.2.1": {"ptr": ("client.example",)},
}


def octets_of(content: bytes) -> tuple[bytes, ...]:
    start = content.index(b"<", content.index(b"From: "))
    sender = content[start : content.index(b">", start)]
    return (
        b"EHLO client.example\r\n",
        b"MAIL FROM:" + sender + b"> SIZE=4096\r\n",
        b"RCPT TO:<alice@office.test>\r\n",
        b"DATA\r\n",
        content + b".\r\n",
        b"QUIT\r\n",
    )


class Deaf:
    """A journal that formats nothing."""

    def note(self, *_, **__) -> None: ...

    def bug(self, *_, **__) -> None:
        raise AssertionError

    def bind(self, **_):
        return self


def core_only(content: bytes, desk: Desk) -> None:
    core = ServerConnection(desk.offer)
    door = Agreeable(core)
    for reply in door.greet():
        core.send(reply)
    for octets in octets_of(content):
        core.receive_data(octets)
        while (event := core.next_event()) is not None:
            for reply in door.handle(event):
                core.send(reply)


async def converse(content: bytes, desk: Desk) -> None:
    core, door = open_smtp(desk, FakeLine(STRANGER))
    for reply in door.greet():
        core.send(reply)
    for octets in octets_of(content):
        core.receive_data(octets)
        while (event := core.next_event()) is not None:
            answer = door.handle(event)
            if type(answer) is tuple:
                for reply in answer:
                    core.send(reply)
            else:
                for reply in await answer:
                    core.send(reply)
    door.gone()


class Grouped:
    """The store, given its units in the same groups both ways: what a group costs is then the same."""

    def __init__(self, store):
        self._accept = store.accept
        self._barrier = asyncio.Barrier(AT_ONCE)
        self.last: Acceptance | None = None

    async def accept(self, acceptance: Acceptance):
        self.last = acceptance
        await self._barrier.wait()
        return await self._accept(acceptance)


async def straight(content: bytes, like: Acceptance, store, trace: str) -> None:
    writer = store.blobs.open()
    writer.write(content)
    blob = await writer.finish()
    (one,) = like.filings
    filing = Filing(one.account, one.mailbox, one.prefix, trace, one.flags, one.received_at, one.facts)
    await store.accept(Acceptance(trace, blob, (filing,), (), like.record, like.at))


async def in_groups(make: Callable, contents: list[bytes]) -> None:
    for at in range(0, len(contents), AT_ONCE):
        await asyncio.gather(*map(make, contents[at : at + AT_ONCE]))


def signed(content: bytes) -> bytes:
    header = parse_header(content)
    body = RelaxedBody()
    body.update(content[header.body_start :])
    return format_signatures(header, body.digest(), [KEY], now=int(time.time())) + content


def boundary_of(office: Office, directory: str) -> Boundary:
    """As a server has it whose configuration says nothing of it."""
    configuration = parse(f'hostname = "mx.office.test"\n[store]\ndirectory = "{directory}"\n')
    tools = Tools(office.clock, office.ids, office.journal, PrometheusMeter(), office.limits)
    setting = Setting(configuration, resolver=Zone(ZONE, remembers=False))
    return build_boundary(build(setting, office.store, office.directory, tools), setting, tools)[0]


async def run(rounds: int) -> None:
    number = 0

    def fresh(sender: bytes = b"friend") -> list[bytes]:
        nonlocal number
        number += COUNT
        return [
            HEADER % (sender if sender != b"?" else b"friend%d" % (number + each), number + each) + BODY
            for each in range(COUNT)
        ]

    least = dict.fromkeys(("core", "store", "describe", "bare", "whole", "others", "proven"), 1e9)

    def note(name: str, started: float) -> None:
        least[name] = min(least[name], (time.process_time() - started) / COUNT * 1e6)

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        clock, ids = SystemClock(), RandomIds()
        store = await open_store(Path(directory) / "store", clock=clock, ids=ids, journal=KeptJournal())
        office = Office(store, clock=clock, ids=ids, journal=Deaf(), exempt=("192.0.2.1",))
        await office.furnish(quota=10**12)
        desk = office.desk("smtp", office.receiver(), office.offer())
        office.boundary = boundary_of(office, directory)
        watched = office.desk("smtp", office.receiver(), office.offer())
        gc.freeze()  # as a server does
        gc.set_threshold(*GC_THRESHOLDS)
        grouped = Grouped(store)
        store.accept = grouped.accept
        for _ in range(rounds):
            contents = fresh()
            started = time.process_time()
            for content in contents:
                core_only(content, desk)
            note("core", started)
            started = time.process_time()
            for content in contents:
                describe(b"", content)
            note("describe", started)
            started = time.process_time()
            await in_groups(lambda content: converse(content, desk), contents)
            note("bare", started)
            for name, contents in (("whole", fresh()), ("others", fresh(b"?")), ("proven", [*map(signed, fresh())])):
                started = time.process_time()
                await in_groups(lambda content: converse(content, watched), contents)
                note(name, started)
            contents = fresh()
            started = time.process_time()
            await in_groups(lambda content: straight(content, grouped.last, store, ids.trace_id()), contents)
            note("store", started)
        await store.close()
    least["inbound"] = least["bare"] - least["core"] - least["store"]
    least["boundary"] = least["whole"] - least["bare"]
    least["stranger"] = least.pop("others") - least["bare"]
    least["signed"] = least.pop("proven") - least["bare"]
    for name, microseconds in least.items():
        print(f"{name:8} {microseconds:7.1f} us a message")


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
