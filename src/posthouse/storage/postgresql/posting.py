"""The queue: items that wait, are claimed under a lease, and leave when they are settled."""

from collections.abc import Sequence
from typing import Any

from posthouse.mail.address import Address
from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.mail.ids import AccountId, BlobId, QueueId
from posthouse.storage.postgresql.text import keep_text, plain_text
from posthouse.storage.postgresql.tx import Row, Tx
from posthouse.storage.queue import Fate, Item, Posting, QueueFilter, Settlement, State
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.walking import SLICE, Place

ADD_POSTINGS = """WITH postings AS (INSERT INTO posting (posting_no, queue_id, reverse_path, blob_no, body, utf8, ret,
    envid, submitter, require_tls, is_report, created_at, expires_at, prefix)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::text[],
    $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bytea[]))
    INSERT INTO item (item_no, posting_no, local, domain, notify, original_kind, original, due_at, owner,
    token, state, last, attempts, warned, last_host)
    SELECT v.*, 0, 0, '' FROM unnest($15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::bigint[],
    $20::text[], $21::text[], $22::bigint[], $23::text[], $24::bigint[], $25::bigint[], $26::text[]) v"""
CLAIM = {
    upto: f"""WITH due AS MATERIALIZED ({sql.DUE_ITEMS.format(upto=upto, wanted="domain <> ALL($6::text[])")}
    FOR UPDATE SKIP LOCKED),
    claimed AS (UPDATE item SET owner = $7, due_at = $8, token = token + 1
    WHERE item_no = ANY(ARRAY(SELECT item_no FROM due)) RETURNING item_no)
    SELECT due.item_no FROM due JOIN claimed USING (item_no) ORDER BY due.due_at, due.domain, due.item_no"""  # noqa: S608  ours
    for upto in ("<", "<=")
}
CLAIMED_ITEMS = f"{sql.ITEMS} WHERE i.item_no = ANY($1::bigint[])"
LOCK_ITEMS = "SELECT item_no FROM item WHERE item_no = ANY($1::bigint[]) ORDER BY item_no FOR UPDATE"
FINISH = """DELETE FROM item USING unnest($1::bigint[], $2::bigint[]) v(number, held)
    WHERE item.item_no = ANY(ARRAY[v.number]) AND item.token = v.held AND item.owner IS NOT NULL
    RETURNING item.item_no, item.posting_no"""
DEFER = """UPDATE item SET due_at = v.due, owner = NULL, attempts = attempts + v.tried, last = v.why,
    last_host = v.host, warned = CASE WHEN v.warn = 1 THEN 1 ELSE warned END
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[])
    v(number, held, due, tried, why, host, warn)
    WHERE item.item_no = ANY(ARRAY[v.number]) AND item.token = v.held AND item.owner IS NOT NULL
    RETURNING item.item_no"""
ENDED_BEFORE = """SELECT v.number FROM unnest($1::bigint[], $2::text[], $3::bytea[]) v(number, trace, record)
    JOIN fate ON fate.trace = v.trace AND fate.item_no = v.number AND fate.record = v.record"""
DEFERRED_BEFORE = """SELECT v.number FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) v(number, held, due)
    JOIN item ON item.item_no = v.number AND item.token = v.held AND item.due_at = v.due AND item.owner IS NULL"""
RENEW = """UPDATE item SET due_at = $3 FROM unnest($1::bigint[], $2::bigint[]) v(number, held)
    WHERE item.item_no = ANY(ARRAY[v.number]) AND item.token = v.held AND item.owner IS NOT NULL
    RETURNING item.item_no, item.token"""
DROP = "DELETE FROM item WHERE item_no = ANY($1::bigint[]) RETURNING item_no, posting_no"
HOLD = "UPDATE item SET state = 1 WHERE item_no = ANY($1::bigint[]) AND state = 0 AND (owner IS NULL OR due_at <= $2)"
RELEASE = """UPDATE item SET state = 0, owner = NULL, due_at = $2
    WHERE item_no = ANY($1::bigint[]) AND (state = 1 OR owner IS NULL OR due_at <= $3)"""
END_POSTINGS = """DELETE FROM posting WHERE posting_no = ANY($1::bigint[])
    AND NOT EXISTS (SELECT 1 FROM item WHERE item.posting_no = posting.posting_no) RETURNING blob_no"""
LOCK_POSTINGS = "SELECT posting_no FROM posting WHERE posting_no = ANY($1::bigint[]) ORDER BY posting_no FOR UPDATE"
MAY_BE_ORPHANS = "INSERT INTO orphan (blob_no) SELECT unnest($1::bigint[]) ON CONFLICT (blob_no) DO NOTHING"
ADD_FATES = """INSERT INTO fate (trace, item_no, record)
    SELECT t, i, r FROM unnest($1::text[], $2::bigint[], $3::bytea[]) v(t, i, r)
    WHERE EXISTS (SELECT 1 FROM ledger WHERE trace = t) ON CONFLICT (trace, item_no) DO NOTHING"""

_STATES = (State.WAITING, State.HELD)


class QueueRows:
    """Postings and items of a batch, written at its end."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._postings: list[tuple[Any, ...]] = []
        self._items: list[tuple[Any, ...]] = []

    async def add(self, posting: Posting, blob: Blob, blob_no: int) -> list[Item]:
        """The items, if they are born claimed."""
        numbers = await self._tx.some_numbers(1 + len(posting.recipients))
        number = numbers[0]
        is_waiting = posting.state is State.WAITING
        if is_waiting and posting.owner is None and posting.due_at <= posting.created_at:
            self._tx.leaves_due = True
        self._postings.append(
            (number, posting.queue_id, posting.reverse_path, blob_no, posting.body.value, int(posting.utf8),
             posting.ret.value if posting.ret else None, posting.envid, posting.submitter, int(posting.require_tls),
             int(posting.is_report), posting.created_at, posting.expires_at, posting.prefix)
        )  # fmt: skip
        owner = posting.owner if is_waiting else None
        due_at = posting.due_at if owner is None else posting.lease_until
        state, last = _STATES.index(posting.state), keep_text(posting.last)
        content = Content(posting.prefix, Blob(blob.blob_id, blob.size, blob.octets))
        items = []
        for item, recipient in zip(numbers[1:], posting.recipients, strict=True):
            address, notify, original = recipient.address, recipient.notify, recipient.original
            self._items.append(
                (item, number, address.local, address.domain, None if notify is None else notify.value,
                 original and original.kind, original and keep_text(original.text), due_at, owner, posting.token,
                 state, last)
            )  # fmt: skip
            if owner is not None:
                items.append(_newborn(item, posting, recipient, content))
        return items

    async def write(self) -> None:
        if self._items:
            postings, items = zip(*self._postings, strict=True), zip(*self._items, strict=True)
            await self._tx.rows(ADD_POSTINGS, *map(list, postings), *map(list, items))


def _newborn(item: int, posting: Posting, recipient: Recipient, content: Content) -> Item:
    return Item(
        item, posting.queue_id, posting.token, recipient, recipient.address.domain, 0, posting.created_at,
        posting.lease_until, posting.expires_at, State.WAITING, True, False, posting.last, "", posting.reverse_path,
        content, posting.body, posting.utf8, posting.ret, posting.envid, posting.submitter, posting.require_tls,
        posting.is_report,
    )  # fmt: skip


async def claim(
    tx: Tx, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str], after: Place
) -> tuple[list[Item], Place | None]:
    """Oldest first, and where the slice ended; what another node is claiming in this moment is passed over."""
    row = await tx.row(sql.SLICE_OF_DUE, *after, now, SLICE - 1) if avoid else None
    ended = None if row is None else (row[0], row[1])
    upto = "<" if ended is None or ended[1] in avoid else "<="  # all that are due at once for a domain are avoided
    last = ended or (now + 1, "")
    rows = await tx.rows(CLAIM[upto], *after, *last, limit, sorted(avoid), owner, lease_until)
    numbers = [row[0] for row in rows]
    if not numbers:
        return [], ended
    items = {row[0]: parse_item(row, now) for row in await tx.rows(CLAIMED_ITEMS, numbers)}
    return [items[number] for number in numbers], ended


def parse_item(row: Row, now: int) -> Item:
    (item, queue_id, token, local, domain, notify, kind, original, attempts, created_at, due_at, expires_at, state,
     owner, warned, last, last_host, reverse_path, prefix, blob, size, body, utf8, ret, envid, submitter, require_tls,
     is_report) = row  # fmt: skip
    recipient = Recipient(
        Address(local, domain),
        None if notify is None else Notify(notify),
        None if kind is None else OriginalRecipient(kind, plain_text(original)),
    )
    return Item(
        item, QueueId(queue_id), token, recipient, domain, attempts, created_at, due_at, expires_at, _STATES[state],
        owner is not None and due_at > now, bool(warned), plain_text(last), plain_text(last_host), reverse_path,
        Content(prefix, Blob(BlobId(blob.hex()), size)), Body(body), bool(utf8), Return(ret) if ret else None, envid,
        None if submitter is None else AccountId(submitter), bool(require_tls), bool(is_report),
    )  # fmt: skip


async def renew(tx: Tx, items: Sequence[tuple[int, int]], lease_until: int) -> list[bool]:
    if not items:
        return []
    numbers, tokens = map(list, zip(*items, strict=True))
    await tx.rows(LOCK_ITEMS, numbers)
    ours = {(row[0], row[1]) for row in await tx.rows(RENEW, numbers, tokens, lease_until)}
    return [pair in ours for pair in items]


async def settle(tx: Tx, settlements: Sequence[Settlement], now: int) -> list[bool]:
    """What is settled twice in one batch is settled by the first."""
    if not settlements:
        return []
    await tx.rows(LOCK_ITEMS, [one.item for one in settlements])
    first = {one.item: one for one in reversed(settlements)}
    done = [one for one in first.values() if one.due_at is None]
    later = [one for one in first.values() if one.due_at is not None]
    ours = await _finish(tx, done) if done else set()
    if later:
        ours |= await _defer(tx, later)
        tx.leaves_due |= any(one.due_at <= now for one in later if one.due_at is not None)
    if tx.is_second_look:
        ours |= await _settled_before(tx, [one for one in first.values() if one.item not in ours])
    return [one.item in ours and first[one.item] is one for one in settlements]


async def _finish(tx: Tx, done: Sequence[Settlement]) -> set[int]:
    rows = await tx.rows(FINISH, [one.item for one in done], [one.token for one in done])
    ours = {row[0] for row in rows}
    await _end_postings(tx, {row[1] for row in rows})
    await _keep(tx, [one.fate for one in done if one.fate is not None and one.item in ours])
    return ours


async def _defer(tx: Tx, later: Sequence[Settlement]) -> set[int]:
    rows = [
        (one.item, one.token, one.due_at, int(one.attempted), keep_text(one.last), keep_text(one.last_host),
         int(one.warned))
        for one in later
    ]  # fmt: skip
    return {row[0] for row in await tx.rows(DEFER, *map(list, zip(*rows, strict=True)))}


async def _settled_before(tx: Tx, settlements: Sequence[Settlement]) -> set[int]:
    """Those that an attempt whose outcome was unknown has settled after all: they are as only it left them."""
    fates = [one.fate for one in settlements if one.fate is not None]
    later = [one for one in settlements if one.due_at is not None]
    ended = [[fate.item for fate in fates], [fate.trace for fate in fates], [fate.record for fate in fates]]
    put_off = [[one.item for one in later], [one.token for one in later], [one.due_at for one in later]]
    rows = await tx.rows(ENDED_BEFORE, *ended) if fates else []
    rows += await tx.rows(DEFERRED_BEFORE, *put_off) if later else []
    return {row[0] for row in rows}


async def _end_postings(tx: Tx, postings: set[int]) -> None:
    """With its last item a posting goes too, and perhaps its blob.

    The rows are locked first: two nodes that settle the last two items at once would each see the other's.
    """
    if not postings:
        return
    numbers = sorted(postings)
    await tx.rows(LOCK_POSTINGS, numbers)
    blobs = sorted({row[0] for row in await tx.rows(END_POSTINGS, numbers)})
    if blobs:
        await tx.run(MAY_BE_ORPHANS, blobs)


async def _keep(tx: Tx, fates: Sequence[Fate]) -> None:
    if fates:
        await tx.run(
            ADD_FATES, [fate.trace for fate in fates], [fate.item for fate in fates], [fate.record for fate in fates]
        )


async def drop(tx: Tx, items: Sequence[int], fates: Sequence[Fate] = ()) -> int:
    await tx.rows(LOCK_ITEMS, list(items))
    rows = await tx.rows(DROP, list(items))
    await _end_postings(tx, {row[1] for row in rows})
    gone = {row[0] for row in rows}
    known = {fate.item: fate for fate in fates}
    await _keep(tx, [known[item] for item in gone if item in known])
    return len(gone)


async def hold(tx: Tx, items: Sequence[int], now: int) -> int:
    return await tx.run(HOLD, list(items), now)


async def release(tx: Tx, items: Sequence[int], due_at: int, now: int) -> int:
    released = await tx.run(RELEASE, list(items), due_at, now)
    tx.leaves_due |= bool(released) and due_at <= now
    return released


async def reclaim(tx: Tx, owner: str) -> int:
    reclaimed = await tx.run(sql.RECLAIM, owner)
    tx.leaves_due |= bool(reclaimed)
    return reclaimed


async def next_due(tx: Tx) -> int | None:
    row = await tx.row(sql.NEXT_DUE)
    return row[0] if row else None


async def queued(tx: Tx, which: QueueFilter, now: int) -> list[Item]:
    """Oldest first."""
    wanted = {
        "p.queue_id": which.queue_id,
        "p.reverse_path": which.sender,
        "p.submitter": "" if which.submitter is None else which.submitter,
        "i.domain": which.domain,
        "i.state": _STATES.index(which.state) if which.state else "",
    }
    tests = [(column, value) for column, value in wanted.items() if value != ""]
    if which.recipient:
        local, _, domain = which.recipient.rpartition("@")
        tests += [("i.local", local), ("i.domain", domain)]
    where = " AND ".join(f"{column} = ${number}" for number, (column, _) in enumerate(tests, 1)) or "1 = 1"
    statement = f"{sql.ITEMS} WHERE {where} ORDER BY p.created_at, i.item_no LIMIT ${len(tests) + 1}"
    return [parse_item(row, now) for row in await tx.rows(statement, *(value for _, value in tests), which.limit)]
