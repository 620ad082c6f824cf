"""Reading mailboxes: views, what changed, and messages whole."""

from collections.abc import Sequence
from typing import Any

from posthouse.mail.content import Blob, Content
from posthouse.mail.ids import AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid
from posthouse.storage.errors import Missing
from posthouse.storage.mailbox import Delta, Facts, Mailbox, Quarantined, Role, Stored, View
from posthouse.storage.postgresql.text import plain_text
from posthouse.storage.postgresql.tx import Row, Tx
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.flags import parse_flags
from posthouse.storage.sql.rows import ENDLESS_UID, FIRST_LOOK, MOST_ACCOUNTS, parse_mailbox, parse_message

READ = (
    sql.STORED.replace("{more}", "")
    + " WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid = ANY($3::bigint[]) ORDER BY m.uid"
)


async def mailboxes(tx: Tx, account: AccountId) -> list[Mailbox]:
    """By name, INBOX first."""
    found = [parse_mailbox(row) for row in await tx.rows(sql.MAILBOXES, account)]
    return sorted(found, key=lambda mailbox: (mailbox.role is not Role.INBOX, mailbox.name))


async def _mailbox(tx: Tx, account: AccountId, mailbox: MailboxId) -> tuple[Mailbox, int]:
    row = await tx.row(sql.MAILBOX, account, mailbox)
    if row is None:
        raise Missing(f"mailbox {mailbox}")
    return parse_mailbox(row), row[11]


async def view(tx: Tx, account: AccountId, mailbox: MailboxId) -> View:
    found, _ = await _mailbox(tx, account, mailbox)
    rows = await tx.rows(sql.ALL_MESSAGES, account, mailbox)
    return View(found, tuple(map(parse_message, rows)), found.modseq)


async def delta(tx: Tx, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta:
    found, pruned = await _mailbox(tx, account, mailbox)
    if since >= found.modseq:
        return Delta((), (), found.modseq, found)
    changed = {row[0]: row for row in await tx.rows(sql.CHANGED_SINCE, account, mailbox, since)}
    for row in await _born_since(tx, account, mailbox, since):
        changed[row[0]] = row
    if since < pruned:
        gone = await _absent(tx, account, mailbox, found.uidnext)
    else:
        gone = [row[0] for row in await tx.rows(sql.GONE_SINCE, account, mailbox, since)]
    messages = tuple(parse_message(changed[uid]) for uid in sorted(changed))
    return Delta(messages, tuple(map(Uid, gone)), found.modseq, found)


async def _born_since(tx: Tx, account: AccountId, mailbox: MailboxId, since: ModSeq) -> list[Row]:
    """New messages are a suffix: birth mod-sequences ascend with the UIDs."""
    born: list[Row] = []
    below, look = ENDLESS_UID, FIRST_LOOK
    while True:
        rows = await tx.rows(sql.LAST_BORN, account, mailbox, below, look)
        born += [row[:3] for row in rows if row[3] > since]
        if len(rows) < look or rows[-1][3] <= since:
            return born
        below, look = rows[-1][0], look * 4


async def _absent(tx: Tx, account: AccountId, mailbox: MailboxId, uidnext: int) -> list[int]:
    """Every UID that is not there: what may be said when the tombstones are gone (RFC 7162 section 3.2.10.2)."""
    present = {row[0] for row in await tx.rows(sql.ALL_MESSAGES, account, mailbox)}
    return [uid for uid in range(1, uidnext) if uid not in present]


async def read(tx: Tx, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> list[Stored]:
    return [_stored(row) for row in await tx.rows(READ, account, mailbox, list(uids))]


def _stored(row: Sequence[Any]) -> Stored:
    (uid, modseq, flags, received_at, saved_at, prefix, blob, size, email, thread, envelope, structure, message_id,
     subject, preview, sent_at) = row  # fmt: skip
    return Stored(
        Uid(uid),
        ModSeq(modseq),
        parse_flags(flags),
        received_at,
        saved_at,
        Content(prefix, Blob(BlobId(blob.hex()), size)),
        EmailId(f"E{email:x}"),
        ThreadId(f"T{thread:x}"),
        Facts(envelope, structure, plain_text(message_id), (), plain_text(subject), plain_text(preview), sent_at),
    )


async def quarantined(tx: Tx, account: AccountId | None, after: tuple[int, int], limit: int) -> list[Quarantined]:
    behind, last = after, MOST_ACCOUNTS
    if account is not None:
        behind, last = max(after, (account, 0)), account
    rows = await tx.rows(sql.QUARANTINED.replace("{more}", ", m.account_id, m.mailbox_id"), *behind, last, limit)
    return [Quarantined(AccountId(row[16]), MailboxId(row[17]), _stored(row[:16])) for row in rows]


async def subscriptions(tx: Tx, account: AccountId) -> list[str]:
    return [row[0] for row in await tx.rows(sql.SUBSCRIPTIONS, account)]
