"""Reading mailboxes: views, what changed, and messages whole."""

from collections.abc import Sequence
from typing import Any

import msgspec

from posthouse.mail.content import Blob, Content
from posthouse.mail.ids import AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid
from posthouse.storage.errors import Missing
from posthouse.storage.mailbox import Delta, Facts, Mailbox, Quarantined, Role, Stored, View
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.flags import parse_flags
from posthouse.storage.sql.rows import ENDLESS_UID, FIRST_LOOK, MOST_ACCOUNTS, parse_mailbox, parse_message
from posthouse.storage.sqlite.late import as_is, with_late
from posthouse.storage.sqlite.readers import Snapshot, pack

_render = SQLITE.render
MAILBOXES = pack(_render(with_late(sql.MAILBOXES)), 13)
MAILBOX = _render(with_late(sql.MAILBOX))
ALL_MESSAGES = pack(_render(sql.ALL_MESSAGES), 3)
CHANGED_SINCE = pack(_render(sql.CHANGED_SINCE), 3)
LAST_BORN = pack(_render(sql.LAST_BORN), 4)
GONE_SINCE = pack(_render(sql.GONE_SINCE), 1)
SUBSCRIPTIONS = pack(_render(sql.SUBSCRIPTIONS), 1)
_STORED_OCTETS = frozenset({5, 6, 10, 11})
READ = pack(
    _render(sql.STORED).replace("{more}", "")  # noqa: S608  our own statement
    + """ WHERE m.account_id = ?1 AND m.mailbox_id = ?2 AND m.uid IN (SELECT value FROM json_each(?3))
    ORDER BY m.uid""",
    16,
    octets=_STORED_OCTETS,
)
QUARANTINED = pack(_render(sql.QUARANTINED), 18, octets=_STORED_OCTETS)

MessageRow = tuple[int, int, str]
MailboxRow = tuple[int, str, str | None, int, int, int, int, int, int, int, int, int, str | None]
StoredRow = tuple[int, int, str, int, int, str, str, int, int, int, str, str, str, str, str, int]

_mailbox_rows = msgspec.json.Decoder(list[MailboxRow])
_message_rows = msgspec.json.Decoder(list[MessageRow])
_born_rows = msgspec.json.Decoder(list[tuple[int, int, str, int]])
_stored_rows = msgspec.json.Decoder(list[StoredRow])
_quarantined_rows = msgspec.json.Decoder(list[tuple[Any, ...]])
_uids = msgspec.json.Decoder(list[tuple[int]])
_names = msgspec.json.Decoder(list[tuple[str]])


def mailboxes(snapshot: Snapshot, account: AccountId) -> list[Mailbox]:
    """By name, INBOX first."""
    found = [parse_mailbox(as_is(row)) for row in snapshot.gather(MAILBOXES, _mailbox_rows, account)]
    return sorted(found, key=lambda mailbox: (mailbox.role is not Role.INBOX, mailbox.name))


def _mailbox(snapshot: Snapshot, account: AccountId, mailbox: MailboxId) -> tuple[Mailbox, int]:
    row = snapshot.row(MAILBOX, account, mailbox)
    if row is None:
        raise Missing(f"mailbox {mailbox}")
    return parse_mailbox(as_is(row)), row[11]


def view(snapshot: Snapshot, account: AccountId, mailbox: MailboxId) -> View:
    found, _ = _mailbox(snapshot, account, mailbox)
    rows = snapshot.gather(ALL_MESSAGES, _message_rows, account, mailbox)
    return View(found, tuple(map(parse_message, rows)), found.modseq)


def delta(snapshot: Snapshot, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta:
    found, pruned = _mailbox(snapshot, account, mailbox)
    if since >= found.modseq:
        return Delta((), (), found.modseq, found)
    changed = {row[0]: row for row in snapshot.gather(CHANGED_SINCE, _message_rows, account, mailbox, since)}
    for row in _born_since(snapshot, account, mailbox, since):
        changed[row[0]] = row
    if since < pruned:
        gone = _absent(snapshot, account, mailbox, found.uidnext)
    else:
        gone = [row[0] for row in snapshot.gather(GONE_SINCE, _uids, account, mailbox, since)]
    messages = tuple(parse_message(changed[uid]) for uid in sorted(changed))
    return Delta(messages, tuple(map(Uid, gone)), found.modseq, found)


def _born_since(snapshot: Snapshot, account: AccountId, mailbox: MailboxId, since: ModSeq) -> list[MessageRow]:
    """New messages are a suffix: birth mod-sequences ascend with the UIDs."""
    born: list[MessageRow] = []
    below, look = ENDLESS_UID, FIRST_LOOK
    while True:
        rows = snapshot.gather(LAST_BORN, _born_rows, account, mailbox, below, look)
        born += [row[:3] for row in rows if row[3] > since]
        if len(rows) < look or rows[-1][3] <= since:
            return born
        below, look = rows[-1][0], look * 4


def _absent(snapshot: Snapshot, account: AccountId, mailbox: MailboxId, uidnext: int) -> list[int]:
    """Every UID that is not there: what may be said when the tombstones are gone (RFC 7162 section 3.2.10.2)."""
    present = {row[0] for row in snapshot.gather(ALL_MESSAGES, _message_rows, account, mailbox)}
    return [uid for uid in range(1, uidnext) if uid not in present]


def read(snapshot: Snapshot, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> list[Stored]:
    wanted = msgspec.json.encode(list(uids)).decode()
    return [_stored(row) for row in sorted(snapshot.gather(READ, _stored_rows, account, mailbox, wanted))]


def _stored(row: Sequence[Any]) -> Stored:
    (uid, modseq, flags, received_at, saved_at, prefix, blob, size, email, thread, envelope, structure, message_id,
     subject, preview, sent_at) = row  # fmt: skip
    return Stored(
        Uid(uid),
        ModSeq(modseq),
        parse_flags(flags),
        received_at,
        saved_at,
        Content(bytes.fromhex(prefix), Blob(BlobId(blob.lower()), size)),
        EmailId(f"E{email:x}"),
        ThreadId(f"T{thread:x}"),
        Facts(bytes.fromhex(envelope), bytes.fromhex(structure), message_id, (), subject, preview, sent_at),
    )


def quarantined(snapshot: Snapshot, account: AccountId | None, after: tuple[int, int], limit: int) -> list[Quarantined]:
    behind, last = after, MOST_ACCOUNTS
    if account is not None:
        behind, last = max(after, (account, 0)), account
    rows = snapshot.gather(QUARANTINED, _quarantined_rows, *behind, last, limit)
    return [Quarantined(AccountId(row[16]), MailboxId(row[17]), _stored(row[:16])) for row in rows]


def subscriptions(snapshot: Snapshot, account: AccountId) -> list[str]:
    return [row[0] for row in snapshot.gather(SUBSCRIPTIONS, _names, account)]
