"""Mailboxes as things with a name: made, renamed, deleted, subscribed."""

from posthouse.mail.ids import AccountId, MailboxId
from posthouse.storage.errors import Conflict, Missing
from posthouse.storage.mailbox import Mailbox, Role
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.rows import parse_mailbox

INBOX = Role.INBOX.value


def canonical(name: str) -> str:
    """INBOX is one name in any case, also as the parent of others (RFC 9051 section 5.1)."""
    first, slash, rest = name.partition("/")
    return f"{INBOX}{slash}{rest}" if first.upper() == INBOX else name


async def make_mailbox(tx: Tx, account: AccountId, name: str, role: Role | None, at: int) -> MailboxId:
    """A new mailbox; UIDVALIDITY only ever grows within an account, so a name used again is a new mailbox."""
    tally = await tx.tally(account)
    tally.mailboxes += 1
    tally.uidvalidity = max(tally.uidvalidity + 1, at // 1000)
    modseq = tally.next_modseq()
    role_name = role.name if role else None
    await tx.run(sql.ADD_MAILBOX, account, tally.mailboxes, name, role_name, tally.uidvalidity, modseq)
    tx.changed.add(account)
    return MailboxId(tally.mailboxes)


async def create_mailbox(tx: Tx, account: AccountId, name: str, role: Role | None, at: int) -> Mailbox:
    name = canonical(name)
    await tx.tally(account)
    if await _named(tx, account, name) is not None:
        raise Conflict(name)
    await make_parents(tx, account, name, at)
    mailbox = await make_mailbox(tx, account, name, role, at)
    row = await tx.row(sql.MAILBOX, account, mailbox)
    if row is None:
        raise Missing(name)
    return parse_mailbox(row)


async def _named(tx: Tx, account: AccountId, name: str) -> MailboxId | None:
    row = await tx.row(sql.MAILBOX_NAMED, account, name)
    return row[0] if row else None


async def make_parents(tx: Tx, account: AccountId, name: str, at: int) -> None:
    levels = name.split("/")
    for depth in range(1, len(levels)):
        parent = "/".join(levels[:depth])
        if await _named(tx, account, parent) is None:
            await make_mailbox(tx, account, parent, None, at)


async def subscribe(tx: Tx, account: AccountId, name: str, *, wanted: bool) -> None:
    await tx.run(sql.SUBSCRIBE if wanted else sql.UNSUBSCRIBE, account, canonical(name))
    tx.changed.add(account)
