"""The books of a crash test: run the worker, end it badly, compare what it acknowledged with what is there."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw

from posthouse.storage.queue import QueueFilter
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """The running process; ``acknowledged`` grows while it works."""

    def __init__(self, directory, first, *how):
        self.acknowledged = []
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), str(directory), str(first), *map(str, how)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.acknowledged.append(tuple(line.split()))

    def wait_for(self, count, seconds=90):
        """Until ``count`` messages were acknowledged, or the process ended by itself."""
        end = time.monotonic() + seconds
        while len(self.acknowledged) < count and self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"only {len(self.acknowledged)} messages in {seconds} s")
            time.sleep(0.002)

    def kill(self):
        self.process.kill()
        return self.end()

    def end(self):
        """Wait for its death; all it acknowledged, and what it said on stderr."""
        self.process.wait(30)
        self._reader.join(30)
        self.process.stdout.close()
        self.complaint = self.process.stderr.read()
        self.process.stderr.close()
        return self.acknowledged


async def missing(directory, acknowledged):
    """The acknowledged traces of which anything is not there; the database itself must be sound."""
    sound(directory)
    store = await open_store(directory, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    try:
        accounts = (await store.directory()).accounts
        if not accounts:
            return [trace for trace, _, _ in acknowledged]
        account = accounts[0].account
        inbox = (await store.mailboxes(account))[0]
        view = await store.view(account, inbox.mailbox)
        uids = [message.uid for message in view.messages]
        assert uids == sorted(set(uids))
        assert inbox.messages == len(uids)
        assert inbox.uidnext > max(uids, default=0)
        stored = {}
        for start in range(0, len(uids), 500):
            for message in await store.read(account, inbox.mailbox, uids[start : start + 500]):
                stored[message.uid] = message.content.blob.blob_id
        queued = {item.queue_id for item in await store.queued(QueueFilter(limit=10**6))}
        noted = {note.key for note in await store.list_notes("crash", limit=10**6)}
        lost = []
        for trace, uid, blob in acknowledged:
            there = stored.get(int(uid)) == blob and await store.record(trace) == b"record"
            there = there and (int(trace[1:]) % 3 or trace in noted)
            if not there or not await store.blobs.verify(blob) or (int(trace[1:]) % 2 and trace not in queued):
                lost.append(trace)
        assert len(set(stored.values())) == len(stored), "a message is there twice"
        return lost
    finally:
        await store.close()


def sound(directory):
    """SQLite's own opinion. Opening replays the log."""
    path = directory / "posthouse.db"
    if not path.exists():
        return
    connection = apsw.Connection(str(path))
    try:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()
