"""Hints between nodes: what changed here is told there within some ten milliseconds, or found by a poll.

A hint may be lost: it travels on a session of its own whose commits wait for
nothing, at most one every 20 ms, because a NOTIFY takes a lock that all commits
share (in the mail's own transactions it would cost two thirds of them). So
every node also asks, every half minute and whenever that session is new, how
far the accounts are that somebody here is watching.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.connecting import Connection
from posthouse.storage.postgresql.directory import read_epoch
from posthouse.storage.postgresql.troubles import told
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.watching import Watchers

CHANNEL = "posthouse"
WORDS = "posthouse_words"
"""What offices tell each other across nodes."""
DIRECTORY = "directory"
DUE = "due"
"""Somebody left work in the queue that may be taken up now."""
GATHER_SECONDS = 0.02
POLL_SECONDS = 30.0
AGAIN_SECONDS = 1.0
WORDS_AT_ONCE = 300
"""A notification holds 8,000 octets."""
MAX_WORDS = 500
MAX_WAITING = 20_000
"""More changed accounts than this while no hint can be sent: the others' polls will find them."""

NOTIFY = "SELECT pg_notify($1, $2)"
MODSEQS = "SELECT account_id, modseq FROM tally WHERE account_id = ANY($1::bigint[])"


class Hints:
    """Tells the other nodes, and hears them. ``connect`` makes a session whose commits wait for nothing."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        node: str,
        journal: Journal,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._watchers = Watchers()
        self._connect = connect
        self._node = node
        self._journal = journal
        self._poll_seconds = poll_seconds
        self._changed: set[AccountId] = set()
        self._news: set[str] = set()
        """``DIRECTORY``, ``DUE``."""
        self._something = asyncio.Event()
        self._words: deque[str] = deque(maxlen=MAX_WORDS)
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        self._known: dict[AccountId, int] = {}
        self._epoch = -1
        self._task: asyncio.Task[None] | None = None
        self.is_connected = asyncio.Event()

    async def start(self, units: Units) -> None:
        """What moves from here on is told."""
        await self.poll(units)
        self._task = asyncio.get_running_loop().create_task(self._run(units))

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(account, hint)

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DIRECTORY, hint)

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DUE, hint)

    def committed(self, tx: Tx) -> None:
        """After each commit, in the loop."""
        if tx.changed or tx.epoch or tx.leaves_due:
            self._tell(tx.changed, tx.epoch, leaves_due=tx.leaves_due)

    def _tell(self, accounts: set[AccountId], epoch: int, *, leaves_due: bool = False) -> None:
        """Something was committed here: our own watchers hear it now, the other nodes soon.

        ``epoch`` is that of the directory if it changed, else 0. Of work that is due only the others hear.
        """
        topics: list[AccountId | str] = [*accounts]
        if epoch:
            topics.append(DIRECTORY)
            self._epoch = max(self._epoch, epoch)
            self._news.add(DIRECTORY)
        if leaves_due:
            self._news.add(DUE)
        self._watchers.tell(topics)
        if len(self._changed) < MAX_WAITING:
            self._changed |= accounts
        self._something.set()

    def broadcast(self, topic: str, text: str) -> None:
        """For all other nodes, with the next hint; the oldest are lost when none can be sent."""
        self._words.append(f"{self._node} {topic} {text}")
        self._something.set()

    def listen(self, topic: str, heard: Callable[[str], None]) -> None:
        self._listeners.setdefault(topic, []).append(heard)

    async def _run(self, units: Units) -> None:
        """For ever: a session; when it breaks, another one."""
        is_told = False
        while True:
            try:
                connection = await self._connect()
                try:
                    await self._serve(connection, units)
                finally:
                    self.is_connected.clear()
                    connection.terminate()
            except Exception as error:  # noqa: BLE001  whatever it was, the next session is another try
                cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                if not is_told:
                    self._journal.note("hints.interrupted", Level.WARNING, reason=told(cause))
                is_told = True
            await asyncio.sleep(AGAIN_SECONDS)

    async def _serve(self, connection: Connection, units: Units) -> None:
        gone = asyncio.Event()
        connection.session.add_termination_listener(lambda _session: gone.set())
        await connection.session.add_listener(CHANNEL, self._hear)
        await connection.session.add_listener(WORDS, self._hear_words)
        self.is_connected.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_raise_when(gone))
            tasks.create_task(self._poll_now_and_then(units))
            tasks.create_task(self._send(connection))

    async def _send(self, connection: Connection) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            words = [*sorted(self._news), *[f"{account:x}" for account in sorted(self._changed)]]
            self._changed.clear()
            self._news.clear()
            while self._words:
                await connection.session.execute(NOTIFY, WORDS, self._words.popleft())
            for start in range(0, len(words), WORDS_AT_ONCE):
                some = words[start : start + WORDS_AT_ONCE]
                await connection.session.execute(NOTIFY, CHANNEL, " ".join((self._node, *some)))
            await asyncio.sleep(GATHER_SECONDS)

    def _hear(self, _session: Any, _pid: int, _channel: str, payload: str) -> None:
        node, *words = payload.split(" ")
        if node == self._node:
            return
        self._watchers.tell([topic for word in words if (topic := _topic(word)) is not None])

    def _hear_words(self, _session: Any, _pid: int, _channel: str, payload: str) -> None:
        node, topic, text = payload.split(" ", 2)
        if node != self._node:
            for heard in self._listeners.get(topic, ()):
                heard(text)

    async def _poll_now_and_then(self, units: Units) -> None:
        while True:
            try:
                await self.poll(units)
            except StorageError as error:
                self._journal.note("hints.unpolled", Level.DEBUG, reason=str(error))
            await asyncio.sleep(self._poll_seconds)

    async def poll(self, units: Units) -> None:
        """Tell our watchers of whatever moved since the last time, hinted or not."""
        watched = [topic for topic in self._watchers.topics if isinstance(topic, int)]

        async def question(tx: Tx) -> tuple[int, dict[AccountId, int]]:
            rows = await tx.rows(MODSEQS, watched) if watched else []
            return await read_epoch(tx), {row[0]: row[1] for row in rows}

        epoch, known = await units.read(question)
        moved: list[AccountId | str] = [
            account for account, modseq in known.items() if self._known.get(account) != modseq
        ]
        if epoch > self._epoch:
            moved.append(DIRECTORY)
        self._known, self._epoch = known, max(epoch, self._epoch)
        self._watchers.tell(moved)

    async def close(self) -> None:
        """Send what waits, if that can be done at once."""
        if self._task is None:
            return
        if self.is_connected.is_set() and (self._changed or self._something.is_set()):
            await asyncio.sleep(GATHER_SECONDS * 2)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _raise_when(gone: asyncio.Event) -> None:
    await gone.wait()
    raise ConnectionError("the server closed the session")


def _topic(word: str) -> AccountId | str | None:
    """None: a word of another release."""
    if word in {DIRECTORY, DUE}:
        return word
    try:
        return AccountId(int(word, 16))
    except ValueError:
        return None
