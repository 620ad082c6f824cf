"""Mailboxes as things with a name: made, renamed, deleted, subscribed."""

from posthouse.mail.ids import AccountId, MailboxId
from posthouse.storage.errors import Conflict, Missing
from posthouse.storage.mailbox import Mailbox, Role
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.rows import parse_mailbox
from posthouse.storage.sqlite.tx import Tx

_render = SQLITE.render
ADD_MAILBOX = _render(sql.ADD_MAILBOX)
MAILBOX = _render(sql.MAILBOX)
MAILBOX_NAME = _render(sql.MAILBOX_NAME)
MAILBOX_NAMED = _render(sql.MAILBOX_NAMED)
FAMILY = _render(sql.FAMILY)
RENAME_MAILBOX = _render(sql.RENAME_MAILBOX)
DELETE_MAILBOX = _render(sql.DELETE_MAILBOX)
FORGET_CHANGES = _render(sql.FORGET_CHANGES)
SUBSCRIBE = _render(sql.SUBSCRIBE)
UNSUBSCRIBE = _render(sql.UNSUBSCRIBE)

INBOX = Role.INBOX.value


def canonical(name: str) -> str:
    """INBOX is one name in any case, also as the parent of others (RFC 9051 section 5.1)."""
    first, slash, rest = name.partition("/")
    return f"{INBOX}{slash}{rest}" if first.upper() == INBOX else name


def make_mailbox(tx: Tx, account: AccountId, name: str, role: Role | None, at: int) -> MailboxId:
    """A new mailbox; UIDVALIDITY only ever grows within an account, so a name used again is a new mailbox."""
    tally = tx.tally(account)
    tally.mailboxes += 1
    tally.uidvalidity = max(tally.uidvalidity + 1, at // 1000)
    modseq = tally.next_modseq()
    role_name = role.name if role else None
    tx.execute(ADD_MAILBOX, (account, tally.mailboxes, name, role_name, tally.uidvalidity, modseq))
    tx.changed.add(account)
    return MailboxId(tally.mailboxes)


def create_mailbox(tx: Tx, account: AccountId, name: str, role: Role | None, at: int) -> Mailbox:
    name = canonical(name)
    if _named(tx, account, name) is not None:
        raise Conflict(name)
    make_parents(tx, account, name, at)
    mailbox = make_mailbox(tx, account, name, role, at)
    tx.flush()
    row = tx.row(MAILBOX, account, mailbox)
    if row is None:
        raise Missing(name)
    return parse_mailbox(row)


def _named(tx: Tx, account: AccountId, name: str) -> MailboxId | None:
    row = tx.row(MAILBOX_NAMED, account, name)
    return row[0] if row else None


def make_parents(tx: Tx, account: AccountId, name: str, at: int) -> None:
    levels = name.split("/")
    for depth in range(1, len(levels)):
        parent = "/".join(levels[:depth])
        if _named(tx, account, parent) is None:
            make_mailbox(tx, account, parent, None, at)


def subscribe(tx: Tx, account: AccountId, name: str, *, wanted: bool) -> None:
    tx.execute(SUBSCRIBE if wanted else UNSUBSCRIBE, (account, canonical(name)))
    tx.changed.add(account)
