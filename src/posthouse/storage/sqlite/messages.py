"""Messages in mailboxes: flags, copies, moves, removals; and what mailboxes do to their messages."""

from collections.abc import Sequence

from posthouse.mail.ids import AccountId, MailboxId, ModSeq, Uid
from posthouse.storage.ports import Change, Conflict, Message, Missing, Placed, QuotaExceeded, Role
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.flags import format_flags, parse_flags
from posthouse.storage.sqlite.acceptance import ADD_MESSAGE, placed
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
from posthouse.storage.sqlite.posting import MAY_BE_ORPHAN
from posthouse.storage.sqlite.readers import pack
from posthouse.storage.sqlite.tx import Row, Tx

_render = SQLITE.render
ONE_MESSAGE = _render(sql.ONE_MESSAGE)
EVERY_MESSAGE = _render(sql.EVERY_MESSAGE)
CHANGE_FLAGS = _render(sql.CHANGE_FLAGS)
DELETE_MESSAGE = _render(sql.DELETE_MESSAGE)
LOG_CHANGE = _render(sql.LOG_CHANGE)
END_LETTER = _render(sql.END_LETTER)
LETTER_EMAIL = _render(sql.LETTER_EMAIL)
MAYBE_DELETED = _render(sql.MAYBE_DELETED)
DELETE_MESSAGES = _render(sql.DELETE_MESSAGES)
LETTERS_IN = pack(_render(sql.LETTERS_IN), 1)
_PACKED = "SELECT json_extract(value, '$[0]') FROM json_each(?1)"
LETTERS_MAY_BE_ORPHANS = _render(sql.LETTERS_MAY_BE_ORPHANS).replace("{letters}", _PACKED)
END_LETTERS = _render(sql.END_LETTERS).replace("{letters}", _PACKED)


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
    modseq: int | None = None
    messages = []
    for uid, before_modseq, before, _, _ in allowed:
        after = format_flags(_changed(parse_flags(before), change, flags))
        if after == before:
            messages.append(Message(uid, before_modseq, parse_flags(before)))
            continue
        if modseq is None:
            modseq = tx.tally(account).next_modseq()
        tx.box(account, mailbox).reflag(before, after, modseq)
        tx.execute(CHANGE_FLAGS, (account, mailbox, uid, after, modseq))
        tx.execute(LOG_CHANGE, (account, mailbox, uid, modseq, 0, now))
        messages.append(Message(uid, ModSeq(modseq), parse_flags(after)))
    if modseq is not None:
        tx.changed.add(account)
    return messages, refused


def _changed(before: frozenset[str], change: Change, flags: frozenset[str]) -> frozenset[str]:
    """Keywords are the same in any case and stay as first written (RFC 9051 section 2.3.2)."""
    named = {flag.lower() for flag in flags}
    if change is Change.REMOVE:
        return frozenset(flag for flag in before if flag.lower() not in named)
    known = {flag.lower(): flag for flag in before}
    wanted = frozenset(known.get(flag.lower(), flag) for flag in flags)
    return wanted if change is Change.REPLACE else before | wanted


def _rows(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> list[Row]:
    """Those of ``uids`` that exist, ascending; ``Missing`` if the mailbox is not there."""
    tx.box(account, mailbox)
    found = (tx.row(ONE_MESSAGE, account, mailbox, uid) for uid in sorted(set(uids)))
    return [row for row in found if row is not None]


def copy(
    tx: Tx, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId, now: int
) -> list[tuple[Uid, Placed]]:
    rows = _rows(tx, account, source, uids)
    tally = tx.tally(account)
    octets = sum(row[3] for row in rows)
    if rows and tx.box(account, target).is_counted and not tally.has_room(octets):
        raise QuotaExceeded(f"account {account}")
    return _place(tx, account, rows, target, now)


def _place(tx: Tx, account: AccountId, rows: list[Row], target: MailboxId, now: int) -> list[tuple[Uid, Placed]]:
    box, tally = tx.box(account, target), tx.tally(account)
    copies = []
    for uid, _, flags, size, letter in rows:
        modseq = tally.next_modseq()
        new = box.add(flags, size, modseq)
        tally.used += size if box.is_counted else 0
        tx.execute(ADD_MESSAGE, (account, target, new, modseq, flags, size, now, letter))
        email = tx.rows(LETTER_EMAIL, letter)[0][0]
        copies.append((Uid(uid), placed(account, target, box.uidvalidity, new, modseq, email)))
    tx.changed.add(account)
    return copies


def move(
    tx: Tx, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId, now: int
) -> list[tuple[Uid, Placed]]:
    """Copies first, then removals, so that no letter is ever without a message; quota does not matter."""
    rows = _rows(tx, account, source, uids)
    moved = _place(tx, account, rows, target, now)
    _remove(tx, account, source, rows, now)
    return moved


def expunge(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None, now: int) -> list[Uid]:
    if uids is None:
        rows = [] if not tx.box(account, mailbox).deleted else tx.rows(MAYBE_DELETED, account, mailbox)
    else:
        rows = _rows(tx, account, mailbox, uids)
    return _remove(tx, account, mailbox, [row for row in rows if "\\Deleted" in parse_flags(row[2])], now)


def remove(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid], now: int) -> list[Uid]:
    return _remove(tx, account, mailbox, _rows(tx, account, mailbox, uids), now)


def _remove(tx: Tx, account: AccountId, mailbox: MailboxId, rows: list[Row], now: int) -> list[Uid]:
    """Messages go and leave a tombstone; a letter goes with its last message, its blob waits for the sweep."""
    if not rows:
        return []
    tally, box = tx.tally(account), tx.box(account, mailbox)
    modseq = tally.next_modseq()
    for uid, _, flags, size, letter in rows:
        tx.execute(DELETE_MESSAGE, (account, mailbox, uid))
        tx.execute(LOG_CHANGE, (account, mailbox, uid, modseq, 1, now))
        _end_letter(tx, letter)
        box.take(flags, size, modseq)
        tally.used -= size if box.is_counted else 0
    tx.changed.add(account)
    return [Uid(row[0]) for row in rows]


def _end_letter(tx: Tx, letter: int) -> None:
    row = tx.row(END_LETTER, letter)
    if row is not None:
        tx.execute(MAY_BE_ORPHAN, (row[0],))


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
        rows = tx.rows(EVERY_MESSAGE, account, mailbox)
        move(tx, account, mailbox, [row[0] for row in rows], target, now)
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
    tx.flush()
    letters = tx.rows(LETTERS_IN, account, mailbox)[0][0]
    tx.execute(DELETE_MESSAGES, (account, mailbox))
    tx.execute(LETTERS_MAY_BE_ORPHANS, (letters,))
    tx.execute(END_LETTERS, (letters,))
    tx.execute(FORGET_CHANGES, (account, mailbox))
    tx.execute(DELETE_MAILBOX, (account, mailbox))
    tally.next_modseq()
    tx.flush()
    tx.forget()
    tx.changed.add(account)
