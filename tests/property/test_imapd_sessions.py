"""Two sessions do at random what people do; each can follow from what it is told alone, and in the end both see the same."""

import asyncio
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.mailreader import MailReader, open_house
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock

pytestmark = pytest.mark.timeout(300)
LETTER = b"Subject: x\r\n\r\ny\r\n"
EXISTS = re.compile(r"\* (\d+) EXISTS")
EXPUNGE = re.compile(r"\* (\d+) EXPUNGE")
FETCH = re.compile(r"\* (\d+) FETCH \((.*)\)")
WHO = st.integers(0, 1)
WHICH = st.integers(1, 8)
FLAG = st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted", "$Work"])
STEPS = st.one_of(
    st.tuples(st.just("append"), WHO, WHICH, FLAG),
    st.tuples(st.sampled_from(["store", "remove", "silent", "uid store"]), WHO, WHICH, FLAG),
    st.tuples(st.sampled_from(["expunge", "move", "fetch", "uid fetch", "search", "noop", "idle"]), WHO, WHICH, FLAG),
)


class Client:
    """A mail reader that believes what it is told: the flags of each message by number, None where it was not told."""

    def __init__(self, reader):
        self.reader = reader
        self.messages = []

    def hear(self, lines, *, still=False):
        for line in lines:
            if found := EXISTS.match(line):
                count = int(found[1])
                assert count >= len(self.messages), "EXISTS never shrinks"
                self.messages += [None] * (count - len(self.messages))
            elif found := EXPUNGE.match(line):
                assert not still, "no number may shift while numbers are in use"
                del self.messages[int(found[1]) - 1]
            elif found := FETCH.match(line):
                flags = re.search(r"FLAGS \(([^)]*)\)", found[2])
                if flags:
                    self.messages[int(found[1]) - 1] = frozenset(flags[1].split())

    async def does(self, command):
        still = command.startswith(("FETCH", "STORE", "SEARCH"))
        lines = await self.reader.says(command)
        self.hear(lines, still=still)
        assert not lines[-1].startswith("* BYE"), lines
        return lines

    async def step(self, what, which, flag):
        number = min(which, len(self.messages))
        if what == "append":
            self.hear(await self.reader.says(f"APPEND INBOX ({flag}) {{{len(LETTER)}+}}\r\n".encode() + LETTER))
        elif what == "idle":
            await self.does("IDLE")
            self.hear(await self.reader.plain(b"DONE\r\n"))
        elif what in {"expunge", "noop"}:
            await self.does(what.upper())
        elif number:
            await self.does(self._command(what, number, flag))
            if what == "silent" and self.messages[number - 1] is not None:
                # Without an answer a client may only guess; this one asks.
                await self.does(f"FETCH {number} FLAGS")

    def _command(self, what, number, flag):
        return {
            "store": f"STORE {number} +FLAGS ({flag})",
            "remove": f"STORE {number} -FLAGS ({flag})",
            "silent": f"STORE {number} +FLAGS.SILENT ({flag})",
            "uid store": f"UID STORE {number}:* FLAGS ({flag})",
            "move": f"MOVE {number} Archive",
            "fetch": f"FETCH {number} (FLAGS)",
            "uid fetch": f"UID FETCH {number}:* (FLAGS)",
            "search": f"SEARCH {number}:* KEYWORD $Work",
        }[what]


async def live(directory, steps):
    store = await open_store(Path(directory) / "store", clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    office = await Office(store).furnish(aliases=())
    house = open_house(office)
    clients = [Client(await MailReader.enter(office, "alice", house)) for _ in range(2)]
    for client in clients:
        await client.does("SELECT INBOX")
    for what, who, which, flag in steps:
        await clients[who].step(what, which, flag)
        await asyncio.sleep(0)
    for client in clients:
        await client.does("NOOP")
    seen = []
    for client in clients:
        believed = list(client.messages)
        await client.does("FETCH 1:* (FLAGS)" if believed else "NOOP")
        for before, after in zip(believed, client.messages, strict=True):
            assert before is None or before == after
        seen.append(client.messages)
    assert seen[0] == seen[1]
    (line, _) = await clients[0].reader.says("STATUS INBOX (MESSAGES)")
    assert line.endswith(f"(MESSAGES {len(seen[0])})")
    for client in clients:
        client.reader.leave()
    await store.close()


@settings(max_examples=25)
@given(st.lists(STEPS, max_size=25))
def test_sessions_follow_each_other(steps):
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(live(directory, steps))
