"""Many readers of one mailbox do at once whatever people do: each can follow from what it is told alone.

Message numbers are never wrong, UIDs ascend and name one message for ever, flags are in the end what each was told,
and who comes back with a cache (RFC 7162 section 3.2.5) has the mailbox as it is.
"""

import asyncio
import random
import re
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from posthouse.storage.postgresql.engine import open_store as open_postgresql
from posthouse.storage.sqlite.engine import open_store as open_sqlite
from posthouse.testing.journal import KeptJournal
from posthouse.testing.mailreader import MailReader, open_house
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock

pytestmark = pytest.mark.timeout(600)
FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work", "$Home")
KINDS = ("", "CONDSTORE", "QRESYNC", "IMAP4rev2", "IMAP4rev2 QRESYNC")
STEPS = {
    "append": 5, "store": 5, "remove": 2, "replace": 2, "silent": 5, "unchanged": 2, "uid store": 3, "expunge": 3,
    "uid expunge": 2, "move": 2, "copy": 2, "back": 1, "fetch": 3, "uid fetch": 3, "changed": 2, "search": 2,
    "noop": 3, "idle": 4, "reselect": 2,
}  # fmt: skip
EXISTS = re.compile(r"\* (\d+) EXISTS")
EXPUNGE = re.compile(r"\* (\d+) EXPUNGE")
VANISHED = re.compile(r"\* VANISHED (\(EARLIER\) )?(\S+)")
FETCH = re.compile(r"\* (\d+) FETCH \((.*)\)$")
HIGHEST = re.compile(r"OK \[HIGHESTMODSEQ (\d+)\]")
SUBJECT = re.compile(r'ENVELOPE \(NIL "(\d+)"')


def numbers_of(text):
    for one in text.split(","):
        low, _, high = one.partition(":")
        yield from range(int(low), int(high or low) + 1)


class Message:
    """What a reader knows of one: None is what it was not told."""

    def __init__(self, uid=None, flags=None):
        self.uid, self.flags, self.modseq = uid, flags, 0


class Crowd:
    """What all readers must agree about."""

    def __init__(self):
        self.subjects = {}
        self.appended = 0

    def is_about(self, uid, subject):
        assert self.subjects.setdefault(uid, subject) == subject, "a UID names one message for ever"


class Client:
    """Believes what it is told, and notices what cannot be."""

    def __init__(self, reader, crowd, kind, seed):
        self.reader, self.crowd, self.kind = reader, crowd, kind
        self.chance = random.Random(seed)
        self.messages = []
        self.highest = 0
        self.uidvalidity = ""
        self.said = []

    async def enter(self):
        if self.kind:
            await self.reader.says(f"ENABLE {self.kind}")
        self.hear(await self.says("SELECT INBOX"))

    async def says(self, *said):
        self.said = [*self.said[-60:], said[0] if isinstance(said[0], str) else "APPEND"]
        lines = await self.reader.says(*said)
        self.said += lines
        assert lines, "an answer"
        assert not lines[-1].startswith(("BAD", "* BYE")), lines
        return lines

    # -- hearing

    def hear(self, lines, *, still=False):
        for line in lines:
            if found := EXISTS.match(line):
                assert int(found[1]) >= len(self.messages), "EXISTS never shrinks"
                self.messages += [Message() for _ in range(int(found[1]) - len(self.messages))]
            elif found := EXPUNGE.match(line):
                assert "QRESYNC" not in self.kind
                assert not still, "no number may shift while numbers are in use"
                del self.messages[int(found[1]) - 1]
            elif found := VANISHED.match(line):
                assert "QRESYNC" in self.kind
                assert found[1] or not still, "no number may shift while numbers are in use"
                if not found[1]:
                    self.forget(numbers_of(found[2]))
            elif found := FETCH.match(line):
                self.learn(self.messages[int(found[1]) - 1], found[2])
            elif found := re.search(r"\[UIDVALIDITY (\d+)\]", line):
                self.uidvalidity = found[1]
            if found := HIGHEST.search(line):
                assert int(found[1]) >= self.highest
                self.highest = int(found[1])
        self.check()

    def forget(self, uids):
        for uid in uids:
            places = [at for at, message in enumerate(self.messages) if message.uid == uid]
            del self.messages[places[0] if places else self.place_of_unknown(uid)]

    def place_of_unknown(self, uid):
        """Of those whose UIDs it has not been told (an idling client cannot ask) one that stands where ``uid`` must."""
        lower = [at for at, message in enumerate(self.messages) if (message.uid or uid) < uid]
        place = lower[-1] + 1 if lower else 0
        assert place < len(self.messages), "VANISHED names what is here"
        assert self.messages[place].uid is None, "VANISHED names what is here"
        return place

    def learn(self, message, text):
        if found := re.search(r"UID (\d+)", text):
            assert message.uid in {None, int(found[1])}, "a number names one message"
            message.uid = int(found[1])
        if found := re.search(r"FLAGS \(([^)]*)\)", text):
            message.flags = frozenset(found[1].split())
        if found := re.search(r"MODSEQ \((\d+)\)", text):
            assert int(found[1]) >= message.modseq, "mod-sequences only grow"
            message.modseq = int(found[1])
        if found := SUBJECT.search(text):
            self.crowd.is_about(message.uid, found[1])

    def check(self):
        known = [message.uid for message in self.messages if message.uid is not None]
        assert all(one < other for one, other in pairwise(known)), "UIDs ascend"

    # -- doing

    async def does(self, command):
        lines = await self.says(command)
        self.hear(lines, still=command.startswith(("FETCH", "STORE", "SEARCH")))
        return lines

    async def live(self, steps):
        names, weights = list(STEPS), list(STEPS.values())
        for _ in range(steps):
            await self.step(self.chance.choices(names, weights)[0])
            if "QRESYNC" in self.kind:
                await self.ask_for_uids()
            await asyncio.sleep(0)

    async def ask_for_uids(self):
        known = 0
        for message in self.messages:
            if message.uid is None:
                await self.does(f"UID FETCH {known + 1}:* (FLAGS)")
                return
            known = message.uid

    async def step(self, what):
        if what == "append" and len(self.messages) < 40:
            await self.append()
        elif what == "idle":
            await self.idle()
        elif what in {"noop", "expunge"}:
            await self.does(what.upper())
        elif what == "back":
            await self.back()
        elif what == "reselect":
            await self.reselect()
        elif what == "silent" and self.messages:
            await self.store_silently()
        elif self.messages and what != "append":
            await self.does(self.command(what))

    def some(self):
        """A set of numbers."""
        low = self.chance.randint(1, len(self.messages))
        return f"{low}:{self.chance.randint(low, min(low + 3, len(self.messages)))}"

    def some_flags(self):
        return " ".join(self.chance.sample(FLAGS, self.chance.randint(1, 2)))

    def command(self, what):
        numbers, flags = self.some(), self.some_flags()
        uids = [message.uid for message in self.messages if message.uid is not None] or [1]
        uid = self.chance.choice(uids)
        vanished = " VANISHED" if "QRESYNC" in self.kind else ""
        return {
            "store": f"STORE {numbers} +FLAGS ({flags})",
            "remove": f"STORE {numbers} -FLAGS ({flags})",
            "replace": f"STORE {numbers} FLAGS ({flags})",
            "unchanged": f"STORE {numbers} (UNCHANGEDSINCE {max(1, self.highest)}) +FLAGS ({flags})",
            "uid store": f"UID STORE {uid}:* +FLAGS ({flags})",
            "uid expunge": f"UID EXPUNGE {uid}:{uid + 5}",
            "move": f"MOVE {numbers.partition(':')[0]} Archive",
            "copy": f"COPY {numbers} INBOX",
            "fetch": f"FETCH {numbers} (UID FLAGS ENVELOPE)",
            "uid fetch": f"UID FETCH {uid}:* (FLAGS ENVELOPE)",
            "changed": f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {max(1, self.highest)}{vanished})",
            "search": f"SEARCH {numbers} NOT DELETED",
        }[what]

    async def append(self):
        self.crowd.appended += 1
        octets = f"Subject: {self.crowd.appended}\r\n\r\n".encode()
        head = f"APPEND INBOX ({self.some_flags()}) {{{len(octets)}+}}\r\n".encode()
        subject = str(self.crowd.appended)
        lines = await self.says(head + octets)
        self.crowd.is_about(int(re.search(r"APPENDUID \d+ (\d+)", lines[-1])[1]), subject)
        self.hear(lines)

    async def idle(self):
        await self.does("IDLE")
        for _ in range(self.chance.randint(0, 5)):
            await asyncio.sleep(0.001)
            self.hear(await self.reader.pushed())
        self.hear(await self.reader.plain(b"DONE\r\n"))

    async def back(self):
        """What was moved away comes back as another message."""
        await self.says("UNSELECT")
        await self.says("SELECT Archive")
        await self.says("UID MOVE 1:* INBOX")
        await self.says("UNSELECT")
        await self.begin_anew()

    async def begin_anew(self):
        self.messages = []
        self.hear(await self.says("SELECT INBOX"))

    async def store_silently(self):
        """Without an answer it reckons itself; others' changes it must be told (RFC 9051 section 6.4.6)."""
        numbers, flags, sign = self.some(), frozenset(self.some_flags().split()), self.chance.choice("+-")
        lines = await self.says(f"STORE {numbers} {sign}FLAGS.SILENT ({' '.join(flags)})")
        for number in numbers_of(numbers):
            message = self.messages[number - 1]
            if message.flags is not None:
                message.flags = message.flags | flags if sign == "+" else message.flags - flags
        self.hear(lines, still=True)

    async def reselect(self):
        """It goes, and comes back with what it knows (RFC 7162 section 3.2.5)."""
        if "QRESYNC" not in self.kind:
            await self.says("UNSELECT")
            await self.begin_anew()
            return
        while any(None in {message.uid, message.flags} for message in self.messages):
            await self.does("UID FETCH 1:* (FLAGS)")
        cache = {message.uid: message.flags for message in self.messages}
        known = f" {min(cache)}:{max(cache)}" if cache and self.chance.random() < 0.3 else ""
        await self.says("UNSELECT")
        await asyncio.sleep(self.chance.random() * 0.01)
        lines = await self.says(f"SELECT INBOX (QRESYNC ({self.uidvalidity} {max(1, self.highest)}{known}))")
        (count,) = [int(found[1]) for line in lines if (found := EXISTS.match(line))]
        for line in lines:
            if found := VANISHED.match(line):
                assert found[1], "earlier"
                for uid in numbers_of(found[2]):
                    cache.pop(uid, None)
            elif found := FETCH.match(line):
                cache[int(re.search(r"UID (\d+)", found[2])[1])] = frozenset(
                    re.search(r"FLAGS \(([^)]*)\)", found[2])[1].split()
                )
        self.messages = [Message(uid, cache[uid]) for uid in sorted(cache)]
        if known:
            self.messages += [Message() for _ in range(count - len(cache))]
        assert len(self.messages) == count, "the cache with what it was told is the mailbox"
        self.hear([line for line in lines if not VANISHED.match(line)])

    async def ends(self):
        """What it believes, with what it never asked for filled in; all of it true."""
        await self.does("NOOP")
        believed = [(message.uid, message.flags) for message in self.messages]
        if believed:
            await self.does("FETCH 1:* (UID FLAGS ENVELOPE)")
        found = [(message.uid, message.flags) for message in self.messages]
        for (uid, flags), (true_uid, true_flags) in zip(believed, found, strict=True):
            assert uid in {None, true_uid}
            assert flags is None or flags == true_flags, (self.kind, uid, flags, true_flags, self.said)
        return found


async def meet(stores, ids, seed, clients, steps):
    """A crowd at the stores of one engine, one after the other in turn; each sees the same in the end."""
    office = await Office(stores[0], ids=ids).furnish(aliases=())
    houses = []
    for store in stores:
        twin = Office(store, ids=ids)
        twin.directory, twin.accounts = office.directory, office.accounts
        houses.append((twin, open_house(twin)))
    crowd, crew = Crowd(), []
    for number in range(clients):
        twin, house = houses[number % len(houses)]
        reader = await MailReader.enter(twin, "alice", house)
        crew.append(Client(reader, crowd, KINDS[number % len(KINDS)], f"{seed}/{number}"))
    for client in crew:
        await client.enter()
    async with asyncio.TaskGroup() as group:
        for client in crew:
            group.create_task(client.live(steps))
    seen = [await client.ends() for client in crew]
    assert all(one == seen[0] for one in seen)
    (line, _) = await crew[0].reader.says("STATUS INBOX (MESSAGES)")
    assert line.endswith(f"(MESSAGES {len(seen[0])})")
    for client in crew:
        client.reader.leave()


async def at_sqlite(tmp_path, **size):
    ids = CountedIds()
    store = await open_sqlite(tmp_path / "store", clock=ManualClock(), ids=ids, journal=KeptJournal())
    try:
        await meet([store], ids, **size)
    finally:
        await store.close()


async def at_postgresql(address, tmp_path, **size):
    async with AsyncExitStack() as stack:
        stores, ports = [], {"clock": ManualClock(), "ids": CountedIds(), "journal": KeptJournal()}
        for node in ("one", "two"):
            store = await open_postgresql(address, spool=tmp_path / node, node=node, **ports)
            stack.push_async_callback(store.close)
            stores.append(store)
        await meet(stores, ports["ids"], **size)


@pytest.mark.parametrize("seed", range(3))
async def test_a_crowd_of_readers_at_the_embedded_engine(tmp_path, seed):
    await at_sqlite(tmp_path, seed=seed, clients=5, steps=40)


async def test_a_crowd_of_readers_at_two_nodes(postgres, tmp_path):
    await at_postgresql(postgres, tmp_path, seed=1, clients=5, steps=30)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(10))
async def test_a_large_crowd_at_the_embedded_engine(tmp_path, seed):
    await at_sqlite(tmp_path, seed=f"large/{seed}", clients=15, steps=150)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(5))
async def test_a_large_crowd_at_two_nodes(postgres, tmp_path, seed):
    await at_postgresql(postgres, tmp_path, seed=f"large/{seed}", clients=15, steps=100)
