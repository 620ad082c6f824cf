"""A process that accepts messages as fast as it can and says on stdout what was acknowledged.

    python worker.py DIRECTORY FIRST_NUMBER [weak WHAT | kill POINT COUNT]

``weak`` is a build that does not sync its ``files``, its ``database`` or ``both``: the negative control. ``kill`` makes the
process kill itself the COUNTth time it passes a promise point. Odd messages
are relayed as well; every tenth is large enough to be a file; every third puts a note. A line is one
acknowledgement: trace, UID or ``-``, blob.
"""

import asyncio
import os
import secrets
import signal
import sys
import time
from pathlib import Path

from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.queue import Posting
from posthouse.storage.shelf import Note
from posthouse.storage.sqlite.engine import open_store
from posthouse.storage.sqlite.faults import NoFaults
from posthouse.testing.journal import KeptJournal

CALLERS = 8


class RealClock:
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class RandomIds:
    def trace_id(self):
        return secrets.token_hex(8)

    def token(self, octets):
        return secrets.token_hex(octets)


class Weak(NoFaults):
    """Promises without syncing."""

    def __init__(self, what):
        self.synchronous = "FULL" if what == "files" else "OFF"
        self._files = what == "database"

    def sync(self, descriptor):
        if self._files:
            os.fsync(descriptor)


class Suicide(NoFaults):
    """Dies at a named point."""

    def __init__(self, point, count):
        self._point, self._left = point, count

    def at(self, point):
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def octets_of(number):
    size = 200_000 if number % 10 == 0 else 3000
    return b"Subject: %d\r\n\r\n" % number + b"%08d" % number * (size // 8)


def acceptance(number, account, blob):
    trace = f"t{number:09d}"
    facts = Facts(message_id=f"<{number}@x>", thread_keys=(f"<{number}@x>",))
    filings = (Filing(account, Role.INBOX, b"Received: x\r\n", key=f"{trace}/0", facts=facts),)
    recipients = (Recipient(Address("far", "far.test")),)
    postings = (Posting(trace, "a@office.test", b"Received: x\r\n", recipients, 1, 1, 10**15),) if number % 2 else ()
    return Acceptance(trace, blob, filings, postings, b"record", number + 1)


async def account_of(store):
    accounts = (await store.directory()).accounts
    return accounts[0].account if accounts else await store.create_account("a@office.test", "A", (), quota=1 << 50)


async def main(directory, first, faults):
    store = await open_store(directory, clock=RealClock(), ids=RandomIds(), journal=KeptJournal(), faults=faults)
    account = await account_of(store)
    numbers = iter(range(first, first + 10**6))

    async def caller():
        for number in numbers:
            writer = store.blobs.open()
            writer.write(octets_of(number))
            blob = await writer.finish()
            answer = await store.accept(acceptance(number, account, blob))
            if number % 3 == 0:
                await store.put_notes([Note("crash", f"t{number:09d}", b"kept")])
            writer.discard()
            os.write(1, f"t{number:09d} {answer.placed[0].uid} {blob.blob_id}\n".encode())

    await asyncio.gather(*[caller() for _ in range(CALLERS)])


if __name__ == "__main__":
    where, first_number, *how = sys.argv[1:]
    chosen = NoFaults() if not how else Weak(how[1]) if how[0] == "weak" else Suicide(how[1], int(how[2]))
    asyncio.run(main(Path(where), int(first_number), chosen))
