"""What door, receiver and intake cost for one 4-KiB message with one local recipient, beyond core and store.

    python bench/micro/inbound.py [messages]

Three runs over the same octets, CPU time of the whole process: core with an
agreeable door; the real thing over a real store in a temporary directory; and
the same acceptances straight into the store. The first and the last are
taken from the second.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from posthouse.mail.content import Blob
from posthouse.mta.reception import Desk
from posthouse.services.smtpd import open_smtp
from posthouse.standards.smtp.server import ServerConnection
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import STRANGER, FakeLine, Office
from posthouse.testing.wire import Agreeable

HEADER = (
    b"From: Friend <friend@elsewhere.test>\r\nTo: Alice <alice@office.test>\r\nSubject: A letter\r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <%d@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
)
LINE = b"The quick brown fox jumps over the lazy dog, as it does in every such letter.\r\n"
AT_ONCE = 20


def messages(count: int) -> list[bytes]:
    body = LINE * ((4096 - len(HEADER)) // len(LINE))
    return [HEADER % number + body for number in range(count)]


def octets_of(content: bytes) -> tuple[bytes, ...]:
    return (
        b"EHLO client.example\r\n",
        b"MAIL FROM:<friend@elsewhere.test> SIZE=4096\r\n",
        b"RCPT TO:<alice@office.test>\r\n",
        b"DATA\r\n",
        content + b".\r\n",
        b"QUIT\r\n",
    )


class Discard:
    """A journal that formats nothing."""

    def note(self, *_, **__) -> None: ...

    def bug(self, *_, **__) -> None:
        raise AssertionError

    def bind(self, **_):
        return self


def core_only(contents: list[bytes], offer) -> None:
    for content in contents:
        core = ServerConnection(offer)
        door = Agreeable(core)
        for reply in door.greet():
            core.send(reply)
        for octets in octets_of(content):
            core.receive_data(octets)
            while (event := core.next_event()) is not None:
                for reply in door.handle(event):
                    core.send(reply)


async def converse(desk: Desk, content: bytes) -> None:
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
                async for reply in answer:
                    core.send(reply)
    door.gone()


async def in_groups(jobs) -> None:
    waiting = list(jobs)
    for at in range(0, len(waiting), AT_ONCE):
        await asyncio.gather(*(make() for make in waiting[at : at + AT_ONCE]))


async def run(count: int) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        clock, ids = SystemClock(), RandomIds()
        store = await open_store(Path(directory) / "store", clock=clock, ids=ids, journal=KeptJournal())
        office = Office(store, clock=clock, ids=ids, journal=Discard(), exempt=("192.0.2.1",))
        await office.furnish(quota=10**12)
        offer = office.offer()
        desk = office.desk("smtp", office.receiver(), offer)
        contents = messages(count)
        kept = []
        accept = store.accept

        async def keep(acceptance):
            kept.append(acceptance)
            return await accept(acceptance)

        start = time.process_time()
        core_only(contents, offer)
        core = time.process_time() - start

        start = time.process_time()
        await in_groups([lambda content=content: converse(desk, content) for content in contents])
        whole = time.process_time() - start

        store.accept = keep
        again = messages(2 * count)[count:]
        await in_groups([lambda content=content: converse(desk, content) for content in again])
        store.accept = accept
        fresh = []
        for number, one in enumerate(kept):
            trace = ids.trace_id()
            fresh.append((trace, one, number))
        start = time.process_time()

        async def straight(trace, one, number):
            writer = store.blobs.open()
            writer.write(again[number] + b"again\r\n")
            blob = await writer.finish()
            filing = one.filings[0]
            filings = (
                type(filing)(
                    filing.account, filing.mailbox, filing.prefix, trace, filing.flags, filing.received_at, filing.facts
                ),
            )
            await accept(type(one)(trace, Blob(blob.blob_id, blob.size, blob.octets), filings, (), one.record, one.at))

        await in_groups([lambda each=each: straight(*each) for each in fresh])
        stored = time.process_time() - start
        await store.close()
    for name, seconds in (("core", core), ("store", stored), ("whole", whole), ("inbound", whole - core - stored)):
        print(f"{name:8} {seconds / count * 1e6:7.1f} us a message")


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
