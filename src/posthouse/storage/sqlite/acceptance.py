"""Promise point 1: what becomes true when a message is accepted, as statements of one unit."""

import hashlib
from collections.abc import Callable

from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId
from posthouse.storage.acceptance import Acceptance, Accepted, Filing, Overquota, Placed
from posthouse.storage.bodies import TRASH_KEPT
from posthouse.storage.errors import Missing
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.queue import Item
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.counters import Box
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.flags import format_flags
from posthouse.storage.sql.rows import placed
from posthouse.storage.sqlite.mailboxes import make_mailbox
from posthouse.storage.sqlite.posting import MAY_BE_ORPHAN, enqueue
from posthouse.storage.sqlite.tx import Counters, Tx

_render = SQLITE.render
ENTER_TRACE = _render(sql.ENTER_TRACE)
TRACE_ACCEPTED = _render(sql.TRACE_ACCEPTED)
TRACE_BECOMES_ACCEPTED = _render(sql.TRACE_BECOMES_ACCEPTED)
TRACE_BECOMES_REFUSED = _render(sql.TRACE_BECOMES_REFUSED)
KEEP_BLOB = _render(sql.KEEP_BLOB)
FIND_BLOB = _render(sql.FIND_BLOB)
ADD_BODY = _render(sql.ADD_BODY)
BODY_OF = _render(sql.BODY_OF)
TRASH_BODY = _render(sql.TRASH_BODY)
ADD_LETTER = _render(sql.ADD_LETTER)
ADD_MESSAGE = _render(sql.ADD_MESSAGE)
ADD_DELIVERED = _render(sql.ADD_DELIVERED)
FIND_DELIVERED = _render(sql.FIND_DELIVERED)
ADD_THREAD = _render(sql.ADD_THREAD)
FIND_THREAD = _render(sql.FIND_THREAD)

MAX_THREAD_KEYS = 50

Whereabouts = Callable[[str], str | None]
"""Where content is that no row may name yet: in an object with this key, or (empty) in a file, which is synced and kept
from the sweep; None: nowhere."""


def accept(tx: Tx, acceptance: Acceptance, whereabouts: Whereabouts) -> Accepted:
    """Blob, filings, postings and ledger record; the same trace is accepted once."""
    if not _enter(tx, acceptance):
        return _repeat(tx, acceptance)
    if not acceptance.filings and not acceptance.postings:
        return Accepted(())
    blob_no = keep_blob(tx, acceptance.blob, whereabouts, acceptance.at)
    placed = tuple(
        _file(tx, acceptance, blob_no, filing, filing.key or f"{acceptance.trace}/{index}")
        for index, filing in enumerate(acceptance.filings)
    )
    if not (acceptance.postings or Placed in map(type, placed)):
        _let_go(tx, acceptance, blob_no)
    items: list[Item] = []
    for posting in acceptance.postings:
        items += enqueue(tx, posting, acceptance.blob, blob_no)
    return Accepted(placed, tuple(items))


def _let_go(tx: Tx, acceptance: Acceptance, blob_no: int) -> None:
    """Nobody had room: nothing was accepted, it may be tried again, and the sweep shall look at the content."""
    tx.execute(TRACE_BECOMES_REFUSED, (acceptance.trace,))
    tx.execute(MAY_BE_ORPHAN, (blob_no,))


def _enter(tx: Tx, acceptance: Acceptance) -> bool:
    """Write the ledger's record; False if the trace was accepted before."""
    arguments = (acceptance.trace, acceptance.at, acceptance.record)
    if tx.run(ENTER_TRACE, *arguments):
        return True
    noted = tx.row(TRACE_ACCEPTED, acceptance.trace)
    if noted is not None and noted[0]:
        return False
    tx.execute(TRACE_BECOMES_ACCEPTED, arguments)
    return True


def _repeat(tx: Tx, acceptance: Acceptance) -> Accepted:
    """What the first acceptance of this trace answered; claimed items are not handed out twice."""
    placed = [
        _delivered(tx, filing.account, filing.key or f"{acceptance.trace}/{index}")
        for index, filing in enumerate(acceptance.filings)
    ]
    pairs = zip(placed, acceptance.filings, strict=True)
    return Accepted(tuple(place or Overquota(filing.account) for place, filing in pairs))


def keep_blob(tx: Tx, blob: Blob, whereabouts: Whereabouts, at: int) -> int:
    """The number of the blob's row, made if it is new; ``Missing`` if nobody has its octets."""
    name = bytes.fromhex(blob.blob_id)
    key = whereabouts(blob.blob_id)
    if key is None and blob.octets is None:
        row = tx.row(FIND_BLOB, name)
        if row is None:
            raise Missing(f"blob {blob.blob_id}")
        return int(row[0])
    number = tx.number("blob", "blob_no")
    if tx.run(KEEP_BLOB, number, name, blob.size, None if key else blob.octets):
        if key:
            tx.execute(ADD_BODY, (key, number))
        return number
    known = int(tx.rows(FIND_BLOB, name)[0][0])
    if key and tx.row(BODY_OF, known) != (key,):
        tx.execute(TRASH_BODY, (key, at + TRASH_KEPT))
    return known


def _file(tx: Tx, acceptance: Acceptance, blob_no: int, filing: Filing, key: str) -> Placed | Overquota:
    account = filing.account
    size = len(filing.prefix) + acceptance.blob.size
    counters = tx.counters(account)
    box, tally = _box(tx, counters, filing, acceptance.at), counters.tally
    if filing.obey_quota and box.is_counted and not tally.has_room(size):
        return _delivered(tx, account, key) or Overquota(account)
    modseq = tally.modseq + 1
    claimed = (key, account, box.mailbox, box.uidvalidity, box.uidnext, modseq, modseq, acceptance.at)
    if not tx.run(ADD_DELIVERED, *claimed):
        repeated = _delivered(tx, account, key)
        if repeated is None:
            raise Missing(f"delivery {key}")
        return repeated
    tally.modseq = modseq
    if box.is_counted:
        tally.used += size
    flags = format_flags(filing.flags)
    uid = box.add(flags, size, modseq)
    facts = filing.facts
    letter = tx.number("letter", "letter_no")
    received_at = filing.received_at or acceptance.at
    thread = _thread(tx, account, facts, modseq)
    tx.execute(
        ADD_LETTER,
        (letter, account, blob_no, size, received_at, modseq, thread, facts.sent_at, facts.message_id, facts.subject,
         facts.preview, filing.prefix, facts.envelope, facts.structure),
    )  # fmt: skip
    tx.execute(ADD_MESSAGE, (account, box.mailbox, uid, modseq, flags, size, acceptance.at, letter))
    tx.note_born(counters, box)
    tx.changed.add(account)
    return placed(account, box.mailbox, box.uidvalidity, uid, modseq, modseq)


def _box(tx: Tx, counters: Counters, filing: Filing, at: int) -> Box:
    """The mailbox a filing means: a missing special one stands for INBOX, a missing numbered one is an error."""
    if not isinstance(filing.mailbox, Role):
        return tx.find_box(counters, filing.mailbox)
    box = tx.find_role(counters, filing.mailbox.name)
    if box is None and filing.mailbox is Role.QUARANTINE:
        make_mailbox(tx, filing.account, filing.mailbox.value, filing.mailbox, at)
        box = tx.find_role(counters, filing.mailbox.name)
    box = box or tx.find_role(counters, Role.INBOX.name)
    if box is None:
        raise Missing(f"mailbox {filing.mailbox.value} of account {filing.account}")
    return box


def _delivered(tx: Tx, account: AccountId, key: str) -> Placed | None:
    row = tx.row(FIND_DELIVERED, key, account)
    return placed(account, *row, repeated=True) if row else None


def _thread(tx: Tx, account: AccountId, facts: Facts, modseq: int) -> int:
    """The thread of the oldest message that shares a message-id, or a new one, named by its first mod-sequence."""
    texts = dict.fromkeys((facts.message_id, *facts.thread_keys[:MAX_THREAD_KEYS]))
    keys = [hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest() for text in texts if text]
    unknown = []
    thread = modseq
    if len(keys) == 1:
        if not tx.run(ADD_THREAD, account, keys[0], modseq):
            thread = tx.rows(FIND_THREAD, account, keys[0])[0][0]
        return thread
    for key in keys:
        row = tx.row(FIND_THREAD, account, key)
        if row is None:
            unknown.append(key)
        else:
            thread = min(thread, row[0])
    for key in unknown:
        tx.execute(ADD_THREAD, (account, key, thread))
    return thread
