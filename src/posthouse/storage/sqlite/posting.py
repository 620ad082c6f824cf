"""The queue: items that wait, are claimed under a lease, and leave when they are settled."""

from collections.abc import Sequence
from typing import Any

import msgspec

from posthouse.mail.address import Address
from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.mail.ids import AccountId, BlobId, QueueId
from posthouse.storage.queue import Fate, Item, Posting, QueueFilter, Settlement, State
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.walking import SLICE, Place
from posthouse.storage.sqlite.readers import Snapshot, pack
from posthouse.storage.sqlite.tx import Tx

_render = SQLITE.render
ADD_POSTING = _render(sql.ADD_POSTING)
ADD_ITEM = _render(sql.ADD_ITEM)
SLICE_OF_DUE = _render(sql.SLICE_OF_DUE)
_WANTED = "domain NOT IN (SELECT value FROM json_each($6))"
DUE_ITEMS = _render(sql.DUE_ITEMS.format(upto="<=", wanted=_WANTED))
DUE_SLICE = f"""SELECT item_no FROM (SELECT item_no, due_at, domain FROM item WHERE state = 0
    AND (due_at, domain) > (?1, ?2) AND due_at <= ?3 ORDER BY due_at, domain, item_no LIMIT ?4)
    WHERE {_WANTED.replace("$", "?")} ORDER BY due_at, domain, item_no LIMIT ?5"""  # noqa: S608  ours
"""The same, of so many that are due."""
BEHIND = "\1"
"""What no domain has in it: a search for pairs begins with all that are equal, and there may be a million of them."""
CLAIM = _render(sql.CLAIM.replace("{claimed}", "SELECT value FROM json_each($3)"))
ITEMS = _render(sql.ITEMS)
RENEW = _render(sql.RENEW)
DEFER = _render(sql.DEFER)
FINISH = _render(sql.FINISH)
DROP = _render(sql.DROP)
HOLD = _render(sql.HOLD)
RELEASE = _render(sql.RELEASE)
RECLAIM = _render(sql.RECLAIM)
NEXT_DUE = _render(sql.NEXT_DUE)
END_POSTING = _render(sql.END_POSTING)
MAY_BE_ORPHAN = _render(sql.MAY_BE_ORPHAN)
ADD_FATE = _render(sql.ADD_FATE)

_COLUMNS = 28
_OCTETS = frozenset({18, 19})
CLAIMED_ITEMS = pack(
    f"{ITEMS} WHERE i.item_no IN (SELECT value FROM json_each(?1))",  # noqa: S608  ours
    _COLUMNS,
    octets=_OCTETS,
)
_item_rows = msgspec.json.Decoder(list[list[Any]])

_STATES = (State.WAITING, State.HELD)


def enqueue(tx: Tx, posting: Posting, blob: Blob, blob_no: int) -> list[Item]:
    """Write a posting and its items; the items, if they are born claimed."""
    number = tx.number("posting", "posting_no")
    ret = posting.ret.value if posting.ret else None
    tx.execute(
        ADD_POSTING,
        (number, posting.queue_id, posting.reverse_path, blob_no, posting.body.value, posting.utf8, ret, posting.envid,
         posting.submitter, posting.require_tls, posting.is_report, posting.created_at, posting.expires_at,
         posting.prefix),
    )  # fmt: skip
    owner = posting.owner if posting.state is State.WAITING else None
    due_at = posting.due_at if owner is None else posting.lease_until
    state = _STATES.index(posting.state)
    content = Content(posting.prefix, Blob(blob.blob_id, blob.size, blob.octets))
    items = []
    for recipient in posting.recipients:
        item = tx.number("item", "item_no")
        address, notify, original = recipient.address, recipient.notify, recipient.original
        tx.execute(
            ADD_ITEM,
            (item, number, address.local, address.domain, None if notify is None else notify.value,
             original and original.kind, original and original.text, due_at, owner, posting.token, state,
             posting.last),
        )  # fmt: skip
        if owner is not None:
            items.append(_newborn(item, posting, recipient, content))
    return items


def _newborn(item: int, posting: Posting, recipient: Recipient, content: Content) -> Item:
    return Item(
        item, posting.queue_id, posting.token, recipient, recipient.address.domain, 0, posting.created_at,
        posting.lease_until, posting.expires_at, State.WAITING, True, False, "", "", posting.reverse_path, content,
        posting.body, posting.utf8, posting.ret, posting.envid, posting.submitter, posting.require_tls,
        posting.is_report,
    )  # fmt: skip


def claim(
    tx: Tx, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str], after: Place
) -> tuple[list[Item], Place | None]:
    """Oldest first, and where the slice ended."""
    start = (after[0], after[1] + BEHIND)
    row = tx.row(SLICE_OF_DUE, *start, now, SLICE - 1) if avoid else None
    ended = None if row is None else (row[0], row[1])
    domains = msgspec.json.encode(sorted(avoid)).decode()
    if ended is None or ended[1] in avoid:  # all that are due at the same time for the same domain are avoided with it
        rows = tx.rows(DUE_SLICE, *start, now, SLICE, limit, domains)
    else:
        rows = tx.rows(DUE_ITEMS, *start, *ended, limit, domains)
    return _take(tx, owner, now, lease_until, [row[0] for row in rows]), ended


def _take(tx: Tx, owner: str, now: int, lease_until: int, numbers: list[int]) -> list[Item]:
    if not numbers:
        return []
    claimed = f"[{','.join(map(str, numbers))}]"
    tx.execute(CLAIM, (owner, lease_until, claimed))
    rows = _item_rows.decode(tx.rows(CLAIMED_ITEMS, claimed)[0][0])
    items = {row[0]: parse_item(row, now) for row in rows}
    return [items[number] for number in numbers]


def parse_item(row: Sequence[Any], now: int) -> Item:
    (item, queue_id, token, local, domain, notify, kind, original, attempts, created_at, due_at, expires_at, state,
     owner, warned, last, last_host, reverse_path, prefix, blob, size, body, utf8, ret, envid, submitter, require_tls,
     is_report) = row  # fmt: skip
    recipient = Recipient(
        Address(local, domain),
        None if notify is None else Notify(notify),
        None if kind is None else OriginalRecipient(kind, original),
    )
    return Item(
        item, QueueId(queue_id), token, recipient, domain, attempts, created_at, due_at, expires_at, _STATES[state],
        owner is not None and due_at > now, bool(warned), last, last_host, reverse_path,
        Content(bytes.fromhex(prefix), Blob(BlobId(blob.lower()), size)), Body(body), bool(utf8),
        Return(ret) if ret else None, envid,
        None if submitter is None else AccountId(submitter), bool(require_tls), bool(is_report),
    )  # fmt: skip


def renew(tx: Tx, items: Sequence[tuple[int, int]], lease_until: int) -> list[bool]:
    return [bool(tx.run(RENEW, item, token, lease_until)) for item, token in items]


def settle(tx: Tx, settlements: Sequence[Settlement]) -> list[bool]:
    return [_settle(tx, settlement) for settlement in settlements]


def _settle(tx: Tx, settlement: Settlement) -> bool:
    item, token = settlement.item, settlement.token
    if settlement.due_at is None:
        row = tx.row(FINISH, item, token)
        if row is not None:
            _end_posting(tx, row[0])
            if settlement.fate is not None:
                _keep(tx, settlement.fate)
        return row is not None
    attempted, warned = int(settlement.attempted), int(settlement.warned)
    return bool(tx.run(DEFER, item, token, settlement.due_at, attempted, settlement.last, settlement.last_host, warned))


def _end_posting(tx: Tx, posting: int) -> None:
    """With its last item a posting goes too, and perhaps its blob."""
    row = tx.row(END_POSTING, posting)
    if row is not None:
        tx.execute(MAY_BE_ORPHAN, (row[0],))


def _keep(tx: Tx, fate: Fate) -> None:
    tx.execute(ADD_FATE, (fate.trace, fate.item, fate.record))


def drop(tx: Tx, items: Sequence[int], fates: Sequence[Fate] = ()) -> int:
    dropped = 0
    known = {fate.item: fate for fate in fates}
    for item in items:
        row = tx.row(DROP, item)
        if row is not None:
            dropped += 1
            _end_posting(tx, row[0])
            if item in known:
                _keep(tx, known[item])
    return dropped


def hold(tx: Tx, items: Sequence[int], now: int) -> int:
    return sum(tx.run(HOLD, item, now) for item in items)


def release(tx: Tx, items: Sequence[int], due_at: int, now: int) -> int:
    return sum(tx.run(RELEASE, item, due_at, now) for item in items)


def reclaim(tx: Tx, owner: str) -> int:
    return tx.run(RECLAIM, owner)


def next_due(snapshot: Snapshot) -> int | None:
    row = snapshot.row(NEXT_DUE)
    return row[0] if row else None


def queued(snapshot: Snapshot, which: QueueFilter, now: int) -> list[Item]:
    """Oldest first."""
    wanted = {
        "p.queue_id": which.queue_id,
        "p.reverse_path": which.sender,
        "p.submitter": "" if which.submitter is None else which.submitter,
        "i.domain": which.domain,
        "i.state": _STATES.index(which.state) if which.state else "",
    }
    tests = [(f"{column} = ?", value) for column, value in wanted.items() if value != ""]
    if which.recipient:
        local, _, domain = which.recipient.rpartition("@")
        tests += [("i.local = ?", local), ("i.domain = ?", domain)]
    where = " AND ".join(test for test, _ in tests) or "1 = 1"
    statement = f"{ITEMS} WHERE {where} ORDER BY p.created_at, i.item_no LIMIT ?"
    packed = pack(statement, _COLUMNS, octets=_OCTETS)
    rows = snapshot.gather(packed, _item_rows, *(value for _, value in tests), which.limit)
    return [parse_item(row, now) for row in rows]
