"""Promise point 1, for many messages at once: a statement a table, however many messages the batch has.

The order is that of the locks: the ledger by trace, blobs by name, the accounts
in ascending order. What depends on what is there (is it delivered already,
is there room, which thread) is asked once for the batch, under those locks,
and decided here.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId
from posthouse.storage.acceptance import Acceptance, Accepted, Filing, Overquota, Placed
from posthouse.storage.bodies import TRASH_KEPT
from posthouse.storage.errors import Missing
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.postgresql.grouping import MAX_BATCH
from posthouse.storage.postgresql.mailboxes import make_mailbox
from posthouse.storage.postgresql.posting import MAY_BE_ORPHANS, QueueRows
from posthouse.storage.postgresql.text import keep_text
from posthouse.storage.postgresql.troubles import Overtaken
from posthouse.storage.postgresql.tx import Arrivals, Tx
from posthouse.storage.queue import Item
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.counters import QUARANTINE, Box
from posthouse.storage.sql.flags import format_flags
from posthouse.storage.sql.rows import placed

ENTER_TRACES = """INSERT INTO ledger (trace, at, accepted, record)
    SELECT t, a, 1, r FROM unnest($1::text[], $2::bigint[], $3::bytea[]) v(t, a, r)
    ON CONFLICT (trace) DO NOTHING RETURNING trace"""
TRACE_BECOMES_ACCEPTED = """UPDATE ledger SET at = $2, accepted = 1, record = $3 WHERE trace = $1 AND accepted = 0
    RETURNING trace"""
TRACE_BECOMES_REFUSED = "UPDATE ledger SET accepted = 0 WHERE trace = $1"
KEEP_BLOBS = """INSERT INTO blob (blob_no, hash, size, octets)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[])
    ON CONFLICT (hash) DO NOTHING RETURNING hash, blob_no"""
LOOKS = 5
"""A blob that is there may be collected before it is locked, and must then be stored again: each time less likely."""
FIND_BLOBS = "SELECT hash, blob_no FROM blob WHERE hash = ANY($1::bytea[]) ORDER BY hash FOR KEY SHARE"
FIND_BEFORE = """SELECT w.delivery, w.account_id, NULL::bytea, d.*
    FROM unnest($1::text[], $2::bigint[]) w(delivery, account_id)
    CROSS JOIN LATERAL (SELECT mailbox_id, uidvalidity, uid, modseq, email FROM delivered
    WHERE delivered.delivery = w.delivery AND delivered.account_id = w.account_id OFFSET 0) d
    UNION ALL SELECT NULL, w.account_id, w.key, t.thread, 0, 0, 0, 0
    FROM unnest($3::bigint[], $4::bytea[]) w(account_id, key) CROSS JOIN LATERAL (SELECT thread FROM thread
    WHERE thread.account_id = w.account_id AND thread.key = w.key OFFSET 0) t"""
"""What was delivered, and threads. LATERAL and OFFSET: for each of ours one look into the index, whatever statistics
say. A plan that was made when the table had just been analysed and was empty read all of it for each batch: 5 ms a
message after 20,000 (measured)."""

FILED = (
    "letter bigint", "account bigint", "blob bigint", "size bigint", "received bigint", "modseq bigint",
    "thread bigint", "sent bigint", "message_id text", "subject text", "preview text", "prefix bytea",
    "envelope bytea", "structure bytea", "mailbox bigint", "uid bigint", "flags text", "at bigint", "delivery text",
    "uidvalidity bigint",
)  # fmt: skip
FILE = """WITH filed AS MATERIALIZED (SELECT * FROM (VALUES {rows}) v({names}) WHERE letter IS NOT NULL),
    threads AS (INSERT INTO thread (account_id, key, thread) SELECT * FROM unnest($1::bigint[], $2::bytea[],
    $3::bigint[])),
    letters AS (INSERT INTO letter (letter_no, account_id, blob_no, size, received_at, email, thread, sent_at,
    message_id, subject, preview, prefix, envelope, structure)
    SELECT letter, account, blob, size, received, modseq, thread, sent, message_id, subject, preview, prefix, envelope,
    structure FROM filed),
    messages AS (INSERT INTO message (account_id, mailbox_id, uid, modseq, born, flags, size, saved_at, letter_no)
    SELECT account, mailbox, uid, modseq, modseq, flags, size, at, letter FROM filed)
    INSERT INTO delivered (delivery, account_id, mailbox_id, uidvalidity, uid, modseq, email, at)
    SELECT delivery, account, mailbox, uidvalidity, uid, modseq, modseq, at FROM filed"""
"""All that a filing adds, in one statement: what its tables share is sent once, and sending is half of the cost. Each
cell is an argument, which costs the node half of what a list for each column does; rows without one are left out."""


def _file(rows: int) -> str:
    """``FILE`` for so many."""
    numbers = itertools.count(4)
    first = ", ".join(f"${next(numbers)}::{cell.split()[1]}" for cell in FILED)
    others = (", ".join(f"${next(numbers)}" for _ in FILED) for _ in range(rows - 1))
    return FILE.format(
        rows=", ".join(f"({row})" for row in (first, *others)), names=", ".join(cell.split()[0] for cell in FILED)
    )


FILE_UP_TO = {rows: _file(rows) for rows in (1, 10, MAX_BATCH)}

ADD_BODIES = "INSERT INTO body (object, blob_no) SELECT * FROM unnest($1::text[], $2::bigint[])"
BODIES_OF = "SELECT blob_no, object FROM body WHERE blob_no = ANY($1::bigint[])"

MAX_THREAD_KEYS = 50

KeyOf = Callable[[str], str | None]
"""The object that content of this name is in, if this process has stored it and it may still be linked."""

Place = tuple[int, int, int, int, int]
"""Mailbox, UIDVALIDITY, UID, mod-sequence, email."""


async def accept_batch(tx: Tx, acceptances: Sequence[Acceptance], key_of_body: KeyOf) -> list[Accepted]:
    """Blobs, filings, postings and ledger records of all; the same trace is accepted once."""
    fresh = await _enter(tx, acceptances)
    tx.finds_done = tx.finds_done or len(fresh) < len(acceptances)
    batch = _Batch(tx, key_of_body)
    await batch.prepare([(one, one.trace in fresh) for one in acceptances])
    answers: list[Accepted] = []
    for one in acceptances:
        if one.trace not in fresh:
            answers.append(batch.repeat(one))
        elif one.filings or one.postings:
            answers.append(await batch.accept(one))
        else:
            answers.append(Accepted(()))
    await batch.write()
    return answers


async def _enter(tx: Tx, acceptances: Sequence[Acceptance]) -> set[str]:
    """Write the ledger's records; the traces that were not accepted before."""
    ordered = sorted(acceptances, key=lambda one: one.trace)
    rows = await tx.rows(
        ENTER_TRACES, [one.trace for one in ordered], [one.at for one in ordered], [one.record for one in ordered]
    )
    fresh = {row[0] for row in rows}
    for one in ordered:
        if one.trace not in fresh and await tx.row(TRACE_BECOMES_ACCEPTED, one.trace, one.at, one.record):
            fresh.add(one.trace)
    return fresh


INBOX = Role.INBOX.name


def _role(filing: Filing) -> str:
    """The name of the role that is meant, empty for a mailbox by number."""
    if filing.mailbox is Role.INBOX:  # an enumeration takes its time to tell a name
        return INBOX
    return filing.mailbox.name if isinstance(filing.mailbox, Role) else ""


def key_of(acceptance: Acceptance, index: int) -> str:
    return acceptance.filings[index].key or f"{acceptance.trace}/{index}"


class _Batch:
    """What is known and what will be written."""

    def __init__(self, tx: Tx, key_of_body: KeyOf) -> None:
        self._tx = tx
        self._key_of_body = key_of_body
        self._queue = QueueRows(tx)
        self._delivered: dict[tuple[str, int], Place] = {}
        self._keys: dict[tuple[str, int], Sequence[bytes]] = {}
        self._threads: dict[tuple[int, bytes], int] = {}
        self._blobs: dict[bytes, int] = {}
        self._new_threads: list[tuple[int, bytes, int]] = []
        self._new_letters: list[tuple[Any, ...]] = []
        self._let_go: list[tuple[str, int]] = []
        self._numbers: list[int] = []

    # -- asked once for all

    async def prepare(self, acceptances: Sequence[tuple[Acceptance, bool]]) -> None:
        tx = self._tx
        filings = [
            (one, index, filing) for one, _ in acceptances for index, filing in enumerate(one.filings)
        ]  # fmt: skip
        fresh = [one for one, is_fresh in acceptances if is_fresh]
        await self._keep_blobs([one for one in fresh if one.filings or one.postings])
        if not filings:
            return
        await self._hold_accounts(fresh)
        is_fresh = {one.trace for one in fresh}
        asked = [
            (key_of(one, index), filing.account)
            for one, index, filing in filings
            if filing.key is not None or one.trace not in is_fresh
        ]
        for one in fresh:
            for index, filing in enumerate(one.filings):
                self._keys[one.trace, index] = _thread_keys(filing.facts)
        threads = {
            (filing.account, key)
            for one in fresh
            for index, filing in enumerate(one.filings)
            for key in self._keys[one.trace, index]
        }
        if asked or threads:
            keys, accounts = map(list, zip(*asked, strict=True)) if asked else ([], [])
            owners, texts = map(list, zip(*threads, strict=True)) if threads else ([], [])
            for key, account, text, *place in await tx.rows(FIND_BEFORE, keys, accounts, owners, texts):
                if text is None:
                    self._delivered[key, account] = (place[0], place[1], place[2], place[3], place[4])
                else:
                    self._threads[account, text] = place[0]
        self._numbers = list(reversed(await tx.some_numbers(sum(len(one.filings) for one in fresh))))

    async def _hold_accounts(self, fresh: Sequence[Acceptance]) -> None:
        """Their counters and mailboxes; what goes to INBOX or the like, as nearly all does, is counted at once."""
        tx, arrivals = self._tx, dict[int, Arrivals]()
        for one in fresh:
            for filing in one.filings:
                account, role = filing.account, _role(filing)
                if account not in arrivals:
                    arrivals[account] = Arrivals("" if role == QUARANTINE else role)
                is_seen = bool(filing.flags) and "\\Seen" in format_flags(filing.flags)
                arrivals[account].add(role, len(filing.prefix) + one.blob.size, seen=is_seen)
        others = await tx.count_arrivals(arrivals)
        wanted = {(f.account, _role(f)) for one in fresh for f in one.filings if f.account in others} if others else ()
        unknown = {pair for pair in wanted if pair[1]}
        await tx.read_roles(sorted(unknown | {(account, INBOX) for account, _ in unknown}))

    async def _keep_blobs(self, acceptances: Sequence[Acceptance]) -> None:
        """The numbers of the blobs' rows, made where they are new; ``Missing`` if nobody has the octets."""
        known: dict[bytes, Blob] = {}
        at: dict[bytes, int] = {}
        for one in acceptances:
            name = bytes.fromhex(one.blob.blob_id)
            if name not in known or known[name].octets is None:
                known[name], at[name] = one.blob, one.at
        objects = {name: key for name, blob in known.items() if (key := self._key_of_body(blob.blob_id)) is not None}
        new = {name for name, blob in known.items() if blob.octets is not None or name in objects}
        added: set[bytes] = set()
        for _ in range(LOOKS):
            added |= await self._add_blobs([known[name] for name in sorted(new - self._blobs.keys())], objects)
            old = sorted(known.keys() - self._blobs.keys())
            if old:
                self._blobs.update([(name, number) for name, number in await self._tx.rows(FIND_BLOBS, old)])
            if new <= self._blobs.keys():
                break
        for name in known:
            if name not in self._blobs and name in new:
                raise Overtaken("the same content was there, and was collected before it was locked")
            if name not in self._blobs:
                raise Missing(f"blob {name.hex()}")
        lost = {name: key for name, key in objects.items() if name not in added}
        if lost:
            await self._trash(lost, at)

    async def _add_blobs(self, blobs: Sequence[Blob], objects: Mapping[bytes, str]) -> set[bytes]:
        """Those of them that are new from now on."""
        if not blobs:
            return set()
        names = [bytes.fromhex(blob.blob_id) for blob in blobs]
        numbers = list(await self._tx.some_numbers(len(blobs)))
        octets = [None if name in objects else blob.octets for name, blob in zip(names, blobs, strict=True)]
        rows = await self._tx.rows(KEEP_BLOBS, numbers, names, [blob.size for blob in blobs], octets)
        self._blobs.update((name, number) for name, number in rows)
        bodies = [(objects[name], number) for name, number in rows if name in objects]
        if bodies:
            await self._tx.run(ADD_BODIES, *map(list, zip(*bodies, strict=True)))
        return {name for name, _ in rows}

    async def _trash(self, lost: dict[bytes, str], at: dict[bytes, int]) -> None:
        """The content was there before: our object is not needed, unless it is the one that is referred to."""
        rows = await self._tx.rows(BODIES_OF, [self._blobs[name] for name in lost])
        kept = {row[1] for row in rows}
        for name, key in sorted(lost.items()):
            if key not in kept:
                await self._tx.run(sql.TRASH_BODY, key, at[name] + TRASH_KEPT)

    # -- decided one by one

    async def accept(self, acceptance: Acceptance) -> Accepted:
        blob_no = self._blobs[bytes.fromhex(acceptance.blob.blob_id)]
        placed = tuple(
            [await self._file(acceptance, blob_no, index, filing) for index, filing in enumerate(acceptance.filings)]
        )
        if not (acceptance.postings or Placed in map(type, placed)):
            self._let_go.append((acceptance.trace, blob_no))
        items: list[Item] = []
        for posting in acceptance.postings:
            items += await self._queue.add(posting, acceptance.blob, blob_no)
        return Accepted(placed, tuple(items))

    def repeat(self, acceptance: Acceptance) -> Accepted:
        """What the first acceptance of this trace answered; claimed items are not handed out twice."""
        answers: list[Placed | Overquota] = []
        for index, filing in enumerate(acceptance.filings):
            place = self._delivered.get((key_of(acceptance, index), filing.account))
            answers.append(
                Overquota(filing.account) if place is None else placed(filing.account, *place, repeated=True)
            )
        return Accepted(tuple(answers))

    async def _file(self, acceptance: Acceptance, blob_no: int, index: int, filing: Filing) -> Placed | Overquota:
        account, key = filing.account, key_of(acceptance, index)
        before = self._delivered.get((key, account))
        if before is not None:
            return placed(account, *before, repeated=True)
        size = len(filing.prefix) + acceptance.blob.size
        box, tally = await self._box(filing, acceptance.at), await self._tx.tally(account)
        if filing.obey_quota and box.is_counted and not tally.has_room(size):
            return Overquota(account)
        modseq = tally.next_modseq()
        if box.is_counted:
            tally.used += size
        flags = format_flags(filing.flags)
        uid = box.add(flags, size, modseq)
        place = (box.mailbox, box.uidvalidity, uid, modseq, modseq)
        self._delivered[key, account] = place
        facts, thread = filing.facts, self._thread(account, self._keys[acceptance.trace, index], modseq)
        self._new_letters.append(
            (self._numbers.pop(), account, blob_no, size, filing.received_at or acceptance.at, modseq, thread,
             facts.sent_at, keep_text(facts.message_id), keep_text(facts.subject), keep_text(facts.preview),
             filing.prefix, facts.envelope, facts.structure, box.mailbox, uid, flags, acceptance.at, key,
             box.uidvalidity)
        )  # fmt: skip
        self._tx.changed.add(account)
        return placed(account, *place)

    async def _box(self, filing: Filing, at: int) -> Box:
        """The mailbox a filing means: a missing special one stands for INBOX, a missing numbered one is an error."""
        tx, account = self._tx, filing.account
        if not isinstance(filing.mailbox, Role):
            return await tx.box(account, filing.mailbox)
        box = tx.known_role(account, _role(filing))
        if box is None and filing.mailbox is Role.QUARANTINE:
            await make_mailbox(tx, account, filing.mailbox.value, filing.mailbox, at)
            box = await tx.role(account, filing.mailbox.name)
        box = box or tx.known_role(account, INBOX)
        if box is None:
            raise Missing(f"mailbox {filing.mailbox.value} of account {account}")
        return box

    def _thread(self, account: AccountId, keys: Sequence[bytes], modseq: int) -> int:
        """The thread of the oldest message that shares a message-id, or a new one, named by its first mod-sequence."""
        thread = min((self._threads.get((account, key), modseq) for key in keys), default=modseq)
        for key in keys:
            if (account, key) not in self._threads:
                self._threads[account, key] = thread
                self._new_threads.append((account, key, thread))
        return thread

    # -- written once for all

    async def write(self) -> None:
        tx = self._tx
        threads = list(map(list, zip(*self._new_threads, strict=True))) or [[], [], []]
        for start in range(0, len(self._new_letters), MAX_BATCH):
            some = self._new_letters[start : start + MAX_BATCH]
            rows = next(rows for rows in FILE_UP_TO if len(some) <= rows)
            cells = [cell for letter in some for cell in letter] + [None] * (len(FILED) * (rows - len(some)))
            await tx.rows(FILE_UP_TO[rows], *threads, *cells)
            threads = [[], [], []]
        await self._queue.write()
        for trace, _ in self._let_go:  # nobody had room: nothing was accepted, it may be tried again
            await tx.run(TRACE_BECOMES_REFUSED, trace)
        if self._let_go:
            await tx.run(MAY_BE_ORPHANS, sorted({blob_no for _, blob_no in self._let_go}))


def _thread_keys(facts: Facts) -> list[bytes]:
    texts = dict.fromkeys((facts.message_id, *facts.thread_keys[:MAX_THREAD_KEYS]))
    return [hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest() for text in texts if text]
