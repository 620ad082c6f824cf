"""Messages in mailboxes: flags, copies, moves, removals; and what mailboxes do to their messages."""

from collections.abc import Sequence

from posthouse.mail.ids import AccountId, MailboxId, ModSeq, Uid
from posthouse.storage.acceptance import Placed
from posthouse.storage.errors import Conflict, Missing, QuotaExceeded
from posthouse.storage.mailbox import Change, Message, Role
from posthouse.storage.postgresql.mailboxes import canonical, make_mailbox, make_parents
from posthouse.storage.postgresql.posting import MAY_BE_ORPHANS
from posthouse.storage.postgresql.tx import Row, Tx
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.flags import changed_flags, format_flags, parse_flags
from posthouse.storage.sql.rows import placed

ADD_MESSAGES = """INSERT INTO message (account_id, mailbox_id, uid, modseq, born, flags, size, saved_at, letter_no)
    SELECT a, m, u, s, s, f, z, t, l FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
    $6::bigint[], $7::bigint[], $8::bigint[]) v(a, m, u, s, f, z, t, l)"""

SOME_MESSAGES = sql.EVERY_MESSAGE + " AND uid = ANY($3::bigint[]) ORDER BY uid"
CHANGE_FLAGS = """UPDATE message SET flags = v.flags, modseq = $3
    FROM unnest($4::bigint[], $5::text[]) v(uid, flags)
    WHERE message.account_id = $1 AND message.mailbox_id = $2 AND message.uid = v.uid"""
LOG_CHANGES = """INSERT INTO change (account_id, mailbox_id, uid, modseq, gone, at)
    SELECT $1, $2, unnest($3::bigint[]), $4, $5, $6
    ON CONFLICT (account_id, mailbox_id, uid) DO UPDATE SET modseq = excluded.modseq, gone = excluded.gone,
    at = excluded.at"""
DELETE_SOME = "DELETE FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid = ANY($3::bigint[])"
END_LETTERS = """DELETE FROM letter WHERE letter_no = ANY($1::bigint[])
    AND NOT EXISTS (SELECT 1 FROM message WHERE message.letter_no = letter.letter_no) RETURNING blob_no"""
LETTER_EMAILS = "SELECT letter_no, email FROM letter WHERE letter_no = ANY($1::bigint[])"


async def change_flags(
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
    rows = await _rows(tx, account, mailbox, uids)
    refused = [Uid(row[0]) for row in rows if unchanged_since is not None and row[1] > unchanged_since]
    allowed = [row for row in rows if unchanged_since is None or row[1] <= unchanged_since]
    box, modseq = await tx.box(account, mailbox), 0
    messages: list[Message] = []
    changed: list[tuple[int, str]] = []
    for uid, before_modseq, before, _, _ in allowed:
        after = format_flags(changed_flags(parse_flags(before), change, flags))
        if after == before:
            messages.append(Message(uid, before_modseq, parse_flags(before)))
            continue
        if not changed:
            modseq = (await tx.tally(account)).next_modseq()
        box.reflag(before, after, modseq)
        changed.append((uid, after))
        messages.append(Message(uid, ModSeq(modseq), parse_flags(after)))
    if changed:
        numbers, texts = map(list, zip(*changed, strict=True))
        await tx.run(CHANGE_FLAGS, account, mailbox, modseq, numbers, texts)
        await tx.run(LOG_CHANGES, account, mailbox, numbers, modseq, 0, now)
        tx.changed.add(account)
    return messages, refused


async def _rows(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> list[Row]:
    """Those of ``uids`` that exist, ascending, their account held; ``Missing`` if the mailbox is not there."""
    await tx.box(account, mailbox)
    return await tx.rows(SOME_MESSAGES, account, mailbox, sorted(set(uids)))


async def copy(
    tx: Tx, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId, now: int
) -> list[tuple[Uid, Placed]]:
    rows = await _rows(tx, account, source, uids)
    tally = await tx.tally(account)
    octets = sum(row[3] for row in rows)
    if rows and (await tx.box(account, target)).is_counted and not tally.has_room(octets):
        raise QuotaExceeded(f"account {account}")
    return await _place(tx, account, rows, target, now)


async def _place(tx: Tx, account: AccountId, rows: list[Row], target: MailboxId, now: int) -> list[tuple[Uid, Placed]]:
    box, tally = await tx.box(account, target), await tx.tally(account)
    tx.changed.add(account)
    if not rows:
        return []
    letters = sorted({row[4] for row in rows})
    emails = {row[0]: row[1] for row in await tx.rows(LETTER_EMAILS, letters)}
    copies, added = [], []
    for uid, _, flags, size, letter in rows:
        modseq = tally.next_modseq()
        new = box.add(flags, size, modseq)
        tally.used += size if box.is_counted else 0
        added.append((account, target, new, modseq, flags, size, now, letter))
        copies.append((Uid(uid), placed(account, target, box.uidvalidity, new, modseq, emails[letter])))
    await tx.rows(ADD_MESSAGES, *map(list, zip(*added, strict=True)))
    return copies


async def move(
    tx: Tx, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId, now: int
) -> list[tuple[Uid, Placed]]:
    """Copies first, then removals, so that no letter is ever without a message; quota does not matter."""
    rows = await _rows(tx, account, source, uids)
    moved = await _place(tx, account, rows, target, now)
    await _remove(tx, account, source, rows, now)
    return moved


async def expunge(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None, now: int) -> list[Uid]:
    if uids is None:
        box = await tx.box(account, mailbox)
        rows = [] if not box.deleted else await tx.rows(sql.MAYBE_DELETED + " ORDER BY uid", account, mailbox)
    else:
        rows = await _rows(tx, account, mailbox, uids)
    return await _remove(tx, account, mailbox, [row for row in rows if "\\Deleted" in parse_flags(row[2])], now)


async def remove(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid], now: int) -> list[Uid]:
    return await _remove(tx, account, mailbox, await _rows(tx, account, mailbox, uids), now)


async def _remove(tx: Tx, account: AccountId, mailbox: MailboxId, rows: list[Row], now: int) -> list[Uid]:
    """Messages go and leave a tombstone; a letter goes with its last message, its blob waits for the sweep."""
    if not rows:
        return []
    tally, box = await tx.tally(account), await tx.box(account, mailbox)
    modseq = tally.next_modseq()
    uids = [row[0] for row in rows]
    await tx.run(DELETE_SOME, account, mailbox, uids)
    await tx.run(LOG_CHANGES, account, mailbox, uids, modseq, 1, now)
    await _end_letters(tx, {row[4] for row in rows})
    for _, _, flags, size, _ in rows:
        box.take(flags, size, modseq)
        tally.used -= size if box.is_counted else 0
    tx.changed.add(account)
    return [Uid(uid) for uid in uids]


async def _end_letters(tx: Tx, letters: set[int]) -> None:
    """Letters belong to one account, whose row is held: nobody copies them meanwhile."""
    blobs = sorted({row[0] for row in await tx.rows(END_LETTERS, sorted(letters))})
    if blobs:
        await tx.run(MAY_BE_ORPHANS, blobs)


async def rename_mailbox(tx: Tx, account: AccountId, mailbox: MailboxId, name: str, now: int) -> None:
    """Renaming INBOX moves its messages to a new mailbox and leaves it empty (RFC 9051 section 6.3.6)."""
    old, role = await _name(tx, account, mailbox)
    new = canonical(name)
    if await tx.row(sql.MAILBOX_NAMED, account, new) is not None:
        raise Conflict(new)
    if role == Role.INBOX.name:
        await make_parents(tx, account, new, now)
        target = await make_mailbox(tx, account, new, None, now)
        rows = await tx.rows(sql.EVERY_MESSAGE, account, mailbox)
        await move(tx, account, mailbox, [row[0] for row in rows], target, now)
        return
    if new.startswith(f"{old}/"):
        raise Conflict(f"{new} is inside {old}")
    await make_parents(tx, account, new, now)
    for child, child_name in await tx.rows(sql.FAMILY, account, old):
        moved = new + child_name[len(old) :]
        if await tx.row(sql.MAILBOX_NAMED, account, moved) is not None:
            raise Conflict(moved)
        await tx.run(sql.RENAME_MAILBOX, account, child, moved)
    tx.changed.add(account)


async def _name(tx: Tx, account: AccountId, mailbox: MailboxId) -> tuple[str, str | None]:
    """The name and role of a mailbox whose account is held from now on."""
    await tx.tally(account)
    row = await tx.row(sql.MAILBOX_NAME, account, mailbox)
    if row is None:
        raise Missing(f"mailbox {mailbox}")
    return row[0], row[1]


async def delete_mailbox(tx: Tx, account: AccountId, mailbox: MailboxId) -> None:
    _, role = await _name(tx, account, mailbox)
    if role == Role.INBOX.name:
        raise Conflict("INBOX stays")
    tally, box = await tx.tally(account), await tx.box(account, mailbox)
    tally.used -= box.size if box.is_counted else 0
    letters = {row[0] for row in await tx.rows(sql.LETTERS_IN, account, mailbox)}
    await tx.run(sql.DELETE_MESSAGES, account, mailbox)
    await _end_letters(tx, letters)
    await tx.run(sql.FORGET_CHANGES, account, mailbox)
    tally.next_modseq()
    await tx.flush()
    await tx.run(sql.DELETE_MAILBOX, account, mailbox)
    tx.forget()
    tx.changed.add(account)
