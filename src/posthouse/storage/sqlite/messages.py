"""Messages in mailboxes: flags, copies, moves, removals; and what mailboxes do to their messages."""

from collections.abc import Iterable, Sequence
from itertools import count

import msgspec

from posthouse.mail.ids import AccountId, MailboxId, ModSeq, Uid
from posthouse.storage.acceptance import Placed
from posthouse.storage.errors import Conflict, Missing, QuotaExceeded
from posthouse.storage.mailbox import Change, Message, Role
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.flags import changed_flags, format_flags, parse_flags
from posthouse.storage.sql.rows import placed
from posthouse.storage.sqlite.mailboxes import (
    DELETE_MAILBOX,
    FAMILY,
    FORGET_CHANGES,
    MAILBOX_NAME,
    MAILBOX_NAMED,
    RENAME_MAILBOX,
    canonical,
    make_mailbox,
    make_parents,
)
from posthouse.storage.sqlite.readers import pack
from posthouse.storage.sqlite.tx import Tx

_render = SQLITE.render
_CHOSEN = " AND uid IN (SELECT value FROM json_each(?3))"
"""The statements below are about many messages at once: one by one, 65,000 of them took a second."""
EVERY_MESSAGE = pack(_render(sql.EVERY_MESSAGE), 5)
SOME_MESSAGES = pack(_render(sql.EVERY_MESSAGE) + _CHOSEN, 5)
MAYBE_DELETED = pack(_render(sql.MAYBE_DELETED), 5)
CHANGE_FLAGS = "UPDATE message SET flags = ?4, modseq = ?5 WHERE account_id = ?1 AND mailbox_id = ?2" + _CHOSEN  # noqa: S608  ours
LOG_CHANGES = """INSERT INTO change (account_id, mailbox_id, uid, modseq, gone, at)
    SELECT ?1, ?2, value, ?4, ?5, ?6 FROM json_each(?3) WHERE true
    ON CONFLICT (account_id, mailbox_id, uid) DO UPDATE SET modseq = excluded.modseq, gone = excluded.gone,
    at = excluded.at"""
COPY_MESSAGES = f"""INSERT INTO message (account_id, mailbox_id, uid, modseq, born, flags, size, saved_at, letter_no)
    SELECT ?1, ?4, ?5 + place, ?6 + place, ?6 + place, flags, size, ?7, letter_no FROM
    (SELECT flags, size, letter_no, row_number() OVER (ORDER BY uid) AS place FROM message
    WHERE account_id = ?1 AND mailbox_id = ?2{_CHOSEN})"""  # noqa: S608  all of it is ours
DELETE_SOME = "DELETE FROM message WHERE account_id = ?1 AND mailbox_id = ?2" + _CHOSEN  # noqa: S608  ours
_LETTERS = "SELECT value FROM json_each(?1)"
LETTER_EMAILS = pack(f"SELECT letter_no, email FROM letter WHERE letter_no IN ({_LETTERS})", 2)  # noqa: S608  ours
DELETE_MESSAGES = _render(sql.DELETE_MESSAGES)
LETTERS_IN = pack(_render(sql.LETTERS_IN), 1)
_UNUSED = "AND NOT EXISTS (SELECT 1 FROM message WHERE message.letter_no = letter.letter_no)"
LETTERS_MAY_BE_ORPHANS = f"""INSERT INTO orphan (blob_no) SELECT DISTINCT blob_no FROM letter
    WHERE letter_no IN ({_LETTERS}) {_UNUSED} ON CONFLICT (blob_no) DO NOTHING"""  # noqa: S608  all of it is ours
END_LETTERS = _render(sql.END_LETTERS).replace("{letters}", _LETTERS)

MessageRow = tuple[int, int, str, int, int]
"""UID, mod-sequence, flags, size, letter."""

_message_rows = msgspec.json.Decoder(list[MessageRow])
_pairs = msgspec.json.Decoder(list[tuple[int, int]])
_numbers = msgspec.json.Decoder(list[tuple[int]])


def change_flags(
    tx: Tx,
    account: AccountId,
    mailbox: MailboxId,
    uids: Sequence[Uid],
    change: Change,
    flags: frozenset[str],
    unchanged_since: ModSeq | None,
    now: int,
) -> tuple[list[Message], list[Uid]]:
    """One mod-sequence for all that changes; a message whose flags are the same already keeps its own."""
    rows = _rows(tx, account, mailbox, uids)
    refused = [Uid(row[0]) for row in rows if unchanged_since is not None and row[1] > unchanged_since]
    allowed = [row for row in rows if unchanged_since is None or row[1] <= unchanged_since]
    box, modseq = tx.box(account, mailbox), 0
    messages: list[Message] = []
    changed: dict[str, list[int]] = {}
    for uid, before_modseq, before, _, _ in allowed:
        after = format_flags(changed_flags(parse_flags(before), change, flags))
        if after == before:
            messages.append(Message(Uid(uid), ModSeq(before_modseq), parse_flags(before)))
            continue
        modseq = modseq or tx.tally(account).next_modseq()
        box.reflag(before, after, modseq)
        changed.setdefault(after, []).append(uid)
        messages.append(Message(Uid(uid), ModSeq(modseq), parse_flags(after)))
    for after, those in changed.items():
        chosen = _packed(those)
        tx.execute(CHANGE_FLAGS, (account, mailbox, chosen, after, modseq))
        tx.execute(LOG_CHANGES, (account, mailbox, chosen, modseq, 0, now))
        tx.changed.add(account)
    return messages, refused


def _packed(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()


def _gather(tx: Tx, packed: str, *arguments: object) -> list[MessageRow]:
    """Ascending by UID."""
    return sorted(_message_rows.decode(tx.rows(packed, *arguments)[0][0]))


def _rows(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> list[MessageRow]:
    """Those of ``uids`` that exist, ascending; ``Missing`` if the mailbox is not there."""
    tx.box(account, mailbox)
    return _gather(tx, SOME_MESSAGES, account, mailbox, _packed(uids))


def copy(
    tx: Tx, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId, now: int
) -> list[tuple[Uid, Placed]]:
    rows = _rows(tx, account, source, uids)
    tally = tx.tally(account)
    octets = sum(row[3] for row in rows)
    if rows and tx.box(account, target).is_counted and not tally.has_room(octets):
        raise QuotaExceeded(f"account {account}")
    return _place(tx, account, source, rows, target, now)


def _place(
    tx: Tx, account: AccountId, source: MailboxId, rows: list[MessageRow], target: MailboxId, now: int
) -> list[tuple[Uid, Placed]]:
    """Copies of ``rows`` behind what is in ``target``, in their order."""
    box, tally = tx.box(account, target), tx.tally(account)
    tx.changed.add(account)
    if not rows:
        return []
    chosen = _packed(row[0] for row in rows)
    tx.execute(COPY_MESSAGES, (account, source, chosen, target, box.uidnext - 1, tally.modseq, now))
    emails = dict(_pairs.decode(tx.rows(LETTER_EMAILS, _packed({row[4] for row in rows}))[0][0]))
    octets, modseqs = sum(row[3] for row in rows), range(tally.modseq + 1, tally.modseq + 1 + len(rows))
    tally.modseq += len(rows)
    tally.used += octets if box.is_counted else 0
    first = box.add_all([row[2] for row in rows], octets, tally.modseq)
    return [
        (Uid(row[0]), placed(account, target, box.uidvalidity, new, modseq, emails[row[4]]))
        for row, new, modseq in zip(rows, count(first), modseqs, strict=False)
    ]


def move(
    tx: Tx, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId, now: int
) -> list[tuple[Uid, Placed]]:
    """Copies first, then removals, so that no letter is ever without a message; quota does not matter."""
    rows = _rows(tx, account, source, uids)
    moved = _place(tx, account, source, rows, target, now)
    _take(tx, account, source, rows, now)
    return moved


def expunge(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None, now: int) -> list[Uid]:
    if uids is None:
        rows = [] if not tx.box(account, mailbox).deleted else _gather(tx, MAYBE_DELETED, account, mailbox)
    else:
        rows = _rows(tx, account, mailbox, uids)
    return _remove(tx, account, mailbox, [row for row in rows if "\\Deleted" in parse_flags(row[2])], now)


def remove(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid], now: int) -> list[Uid]:
    return _remove(tx, account, mailbox, _rows(tx, account, mailbox, uids), now)


def _remove(tx: Tx, account: AccountId, mailbox: MailboxId, rows: list[MessageRow], now: int) -> list[Uid]:
    """A letter goes with its last message, its blob waits for the sweep."""
    _take(tx, account, mailbox, rows, now)
    _end_letters(tx, _packed({row[4] for row in rows}))
    return [Uid(row[0]) for row in rows]


def _take(tx: Tx, account: AccountId, mailbox: MailboxId, rows: list[MessageRow], now: int) -> None:
    """Messages go and leave a tombstone."""
    if not rows:
        return
    tally, box = tx.tally(account), tx.box(account, mailbox)
    modseq, chosen = tally.next_modseq(), _packed(row[0] for row in rows)
    tx.execute(DELETE_SOME, (account, mailbox, chosen))
    tx.execute(LOG_CHANGES, (account, mailbox, chosen, modseq, 1, now))
    for _, _, flags, size, _ in rows:
        box.take(flags, size, modseq)
        tally.used -= size if box.is_counted else 0
    tx.changed.add(account)


def _end_letters(tx: Tx, letters: str) -> None:
    """Of ``letters``, packed, those that no message is left of."""
    tx.execute(LETTERS_MAY_BE_ORPHANS, (letters,))
    tx.execute(END_LETTERS, (letters,))


def rename_mailbox(tx: Tx, account: AccountId, mailbox: MailboxId, name: str, now: int) -> None:
    """Renaming INBOX moves its messages to a new mailbox and leaves it empty (RFC 9051 section 6.3.6)."""
    row = tx.row(MAILBOX_NAME, account, mailbox)
    if row is None:
        raise Missing(f"mailbox {mailbox}")
    old, role = row
    new = canonical(name)
    if tx.row(MAILBOX_NAMED, account, new) is not None:
        raise Conflict(new)
    if role == Role.INBOX.name:
        make_parents(tx, account, new, now)
        target = make_mailbox(tx, account, new, None, now)
        rows = _gather(tx, EVERY_MESSAGE, account, mailbox)
        move(tx, account, mailbox, [Uid(row[0]) for row in rows], target, now)
        return
    if new.startswith(f"{old}/"):
        raise Conflict(f"{new} is inside {old}")
    make_parents(tx, account, new, now)
    for child, child_name in tx.rows(FAMILY, account, old):
        moved = new + child_name[len(old) :]
        if tx.row(MAILBOX_NAMED, account, moved) is not None:
            raise Conflict(moved)
        tx.execute(RENAME_MAILBOX, (account, child, moved))
    tx.changed.add(account)


def delete_mailbox(tx: Tx, account: AccountId, mailbox: MailboxId) -> None:
    row = tx.row(MAILBOX_NAME, account, mailbox)
    if row is None:
        raise Missing(f"mailbox {mailbox}")
    if row[1] == Role.INBOX.name:
        raise Conflict("INBOX stays")
    tally, box = tx.tally(account), tx.box(account, mailbox)
    tally.used -= box.size if box.is_counted else 0
    tally.next_modseq()
    tx.flush()
    letters = _packed(row[0] for row in _numbers.decode(tx.rows(LETTERS_IN, account, mailbox)[0][0]))
    tx.execute(DELETE_MESSAGES, (account, mailbox))
    _end_letters(tx, letters)
    tx.execute(FORGET_CHANGES, (account, mailbox))
    tx.execute(DELETE_MAILBOX, (account, mailbox))
    tx.forget()
    tx.changed.add(account)
