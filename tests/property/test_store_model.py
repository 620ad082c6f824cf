"""Mailboxes and queue agree with a dict, whatever is done in whatever order, restarts included."""

import asyncio
import hashlib
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.storage.acceptance import Acceptance, Filing, Overquota
from posthouse.storage.errors import Missing, QuotaExceeded
from posthouse.storage.mailbox import Change
from posthouse.storage.queue import Posting, QueueFilter, Settlement
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

BOXES = (1, 2, 5)  # INBOX, Drafts and Junk of a new account
FLAGS = ("\\Seen", "\\Deleted", "$Work", "\\Flagged")
QUOTA = 5000

boxes = st.sampled_from(BOXES)
flag_sets = st.frozensets(st.sampled_from(FLAGS), max_size=3)
uid_lists = st.lists(st.integers(1, 6), min_size=1, max_size=4)


class Model:
    """What a reader of the port would expect to find: per mailbox UID -> (flags, size)."""

    def __init__(self):
        self.messages = {box: {} for box in BOXES}
        self.next = dict.fromkeys(BOXES, 1)
        self.delivered = {}
        self.traces = set()

    @property
    def used(self):
        return sum(size for found in self.messages.values() for _, size in found.values())

    def add(self, box, flags, size):
        uid = self.next[box]
        self.next[box] += 1
        self.messages[box][uid] = (flags, size)
        return uid


class StoreMachine(RuleBasedStateMachine):
    known_states = Bundle("known_states")

    @initialize()
    def open(self):
        self.loop = asyncio.new_event_loop()
        self.dir = Path(tempfile.mkdtemp())
        self.journal = KeptJournal()
        self.model = Model()
        self.queue = {}  # item -> [domain, due_at, token, attempts, owner, held]
        self.now = 1000
        self.traces = 0
        self.modseqs = set()
        self.store = self.wait(self._open())
        self.account = self.wait(self.store.create_account("a@office.test", "A", (), quota=QUOTA))

    def wait(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    async def _open(self):
        return await open_store(self.dir, clock=ManualClock(), ids=CountedIds(), journal=self.journal)

    def teardown(self):
        if hasattr(self, "loop"):
            self.wait(self.store.close())
            self.loop.close()
            shutil.rmtree(self.dir)
            assert self.journal.entries == []

    def blob(self, size):
        octets = b"x" * size
        return Blob(hashlib.sha256(octets).hexdigest(), size, octets)

    def trace(self):
        self.traces += 1
        return f"t{self.traces:05d}"

    # -- mailboxes

    @rule(box=boxes, flags=flag_sets, size=st.integers(0, 900), key=st.sampled_from([None, "k1", "k2"]))
    def accept(self, box, flags, size, key):
        filing = Filing(self.account, box, b"P: 1\r\n", key=key, flags=flags)
        answer = self.wait(self.store.accept(Acceptance(self.trace(), self.blob(size), (filing,))))
        (place,) = answer.placed
        if key in self.model.delivered:
            assert (place.mailbox, place.uid, place.repeated) == (*self.model.delivered[key], True)
        elif self.model.used + size + 6 > QUOTA:
            assert place == Overquota(self.account)
        else:
            assert (place.mailbox, place.uid, place.repeated) == (box, self.model.add(box, flags, size + 6), False)
            if key:
                self.model.delivered[key] = (box, place.uid)

    @rule(box=boxes, count=st.integers(2, 20), lost=st.booleans())
    def accept_many(self, box, count, lost):
        """In one batch; ``lost``: with one whose mailbox is not there, so that each goes alone."""

        async def all_at_once():
            filing = Filing(self.account, box, b"P: 1\r\n")
            good = [Acceptance(self.trace(), self.blob(1), (filing,)) for _ in range(count)]
            bad = [Acceptance(self.trace(), self.blob(1), (Filing(self.account, 99, b""),))] * lost
            return await asyncio.gather(*map(self.store.accept, [*good, *bad]), return_exceptions=True)

        answers = self.wait(all_at_once())
        assert [type(answer) for answer in answers[count:]] == [Missing] * lost
        modseqs = set()
        for answer in answers[:count]:
            (place,) = answer.placed
            if self.model.used + 7 > QUOTA:
                assert place == Overquota(self.account)
            else:
                assert place.uid == self.model.add(box, frozenset(), 7)
                modseqs.add(place.modseq)
        assert not modseqs & self.modseqs
        self.modseqs |= modseqs

    @rule(box=boxes, uids=uid_lists, change=st.sampled_from(Change), flags=flag_sets)
    def change_flags(self, box, uids, change, flags):
        since = self.wait(self.store.view(self.account, box)).highest
        changed, refused = self.wait(self.store.change_flags(self.account, box, uids, change, flags))
        delta = self.wait(self.store.delta(self.account, box, since))
        assert list(delta.changed) == [message for message in changed if message.modseq > since]
        assert refused == []
        found = self.model.messages[box]
        for uid in set(uids) & found.keys():
            before, size = found[uid]
            after = {Change.ADD: before | flags, Change.REMOVE: before - flags, Change.REPLACE: flags}[change]
            found[uid] = (after, size)
        assert {m.uid: m.flags for m in changed} == {uid: found[uid][0] for uid in set(uids) & found.keys()}

    @rule(source=boxes, into=boxes, uids=uid_lists)
    def copy(self, source, into, uids):
        chosen = {
            uid: self.model.messages[source][uid] for uid in sorted(set(uids) & self.model.messages[source].keys())
        }
        try:
            copies = self.wait(self.store.copy(self.account, source, uids, into))
        except QuotaExceeded:
            assert self.model.used + sum(size for _, size in chosen.values()) > QUOTA
            return
        expected = [(uid, self.model.add(into, flags, size)) for uid, (flags, size) in chosen.items()]
        assert [(uid, place.uid) for uid, place in copies] == expected
        assert self.model.used <= QUOTA

    @rule(source=boxes, into=boxes, uids=uid_lists)
    def move(self, source, into, uids):
        found = self.model.messages[source]
        chosen = {uid: found[uid] for uid in sorted(set(uids) & found.keys())}
        moved = self.wait(self.store.move(self.account, source, uids, into))
        expected = [(uid, self.model.add(into, flags, size)) for uid, (flags, size) in chosen.items()]
        for uid in chosen:
            del found[uid]
        assert [(uid, place.uid) for uid, place in moved] == expected

    @rule(box=boxes, uids=st.none() | uid_lists)
    def expunge(self, box, uids):
        found = self.model.messages[box]
        gone = [
            uid for uid, (flags, _) in sorted(found.items()) if "\\Deleted" in flags and (uids is None or uid in uids)
        ]
        assert self.wait(self.store.expunge(self.account, box, uids)) == gone
        for uid in gone:
            del found[uid]

    @rule(target=known_states, box=boxes)
    def remember(self, box):
        """A client goes away with what it has seen."""
        return box, dict(self.model.messages[box]), self.wait(self.store.view(self.account, box)).highest

    @rule(known=known_states)
    def catch_up(self, known):
        """With the delta it knows what is there now."""
        box, seen, since = known
        delta = self.wait(self.store.delta(self.account, box, since))
        state = {uid: flags for uid, (flags, _) in seen.items() if uid not in delta.vanished}
        state.update({message.uid: message.flags for message in delta.changed})
        assert state == {uid: flags for uid, (flags, _) in self.model.messages[box].items()}

    # -- the queue

    @rule(domains=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3), wait=st.integers(0, 50))
    def post(self, domains, wait):
        trace = self.trace()
        recipients = tuple(Recipient(Address("x", domain)) for domain in domains)
        posting = Posting(trace, "", b"", recipients, self.now, self.now + wait, 10**9)
        self.wait(self.store.accept(Acceptance(trace, self.blob(10), (), (posting,))))
        for item in self.wait(self.store.queued(QueueFilter(queue_id=trace))):
            self.queue[item.item] = [item.domain, self.now + wait, 0, 0, False]

    @rule(limit=st.integers(1, 4), avoid=st.frozensets(st.sampled_from(["a", "b"])))
    def claim(self, limit, avoid):
        due = sorted(
            (row[1], row[0], item) for item, row in self.queue.items() if row[1] <= self.now and row[0] not in avoid
        )
        items = self.wait(
            self.store.claim(owner="w", now=self.now, lease_until=self.now + 30, limit=limit, avoid=avoid)
        )
        assert [item.item for item in items] == [item for _, _, item in due[:limit]]
        for item in items:
            row = self.queue[item.item]
            row[1], row[2], row[4] = self.now + 30, row[2] + 1, True
            assert (item.token, item.attempts) == (row[2], row[3])

    @rule(data=st.data(), later=st.none() | st.integers(1, 60), stale=st.booleans())
    def settle(self, data, later, stale):
        if not self.queue:
            return
        item = data.draw(st.sampled_from(sorted(self.queue)))
        row = self.queue[item]
        due_at = None if later is None else self.now + later
        held = self.wait(self.store.settle([Settlement(item, row[2] - stale, due_at, "no")]))
        assert held == [row[4] and not stale]
        if held == [True]:
            if due_at is None:
                del self.queue[item]
            else:
                row[1], row[3], row[4] = due_at, row[3] + 1, False

    # -- time and life

    @rule(milliseconds=st.integers(1, 40))
    def pass_time(self, milliseconds):
        self.now += milliseconds

    @rule()
    def restart(self):
        self.wait(self.store.close())
        self.store = self.wait(self._open())

    @rule()
    def sweep(self):
        async def swept():
            return [line async for line in self.store.sweep(self.now)]

        self.wait(swept())

    @invariant()
    def agrees(self):
        if not hasattr(self, "store"):
            return
        for mailbox in self.wait(self.store.mailboxes(self.account)):
            found = self.model.messages.get(mailbox.mailbox, {})
            view = self.wait(self.store.view(self.account, mailbox.mailbox))
            assert {m.uid: m.flags for m in view.messages} == {uid: flags for uid, (flags, _) in found.items()}
            assert mailbox.messages == len(found)
            assert mailbox.unseen == sum("\\Seen" not in flags for flags, _ in found.values())
            assert mailbox.deleted == sum("\\Deleted" in flags for flags, _ in found.values())
            assert mailbox.size == sum(size for _, size in found.values())
            assert mailbox.uidnext == self.model.next.get(mailbox.mailbox, 1)
        assert self.wait(self.store.next_due()) == min((row[1] for row in self.queue.values()), default=None)
        assert (self.wait(self.store.directory())).accounts[0].used == self.model.used


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck), print_blob=True
)
