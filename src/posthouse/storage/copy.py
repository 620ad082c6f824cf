"""Copying everything from one engine into another: page by page, resumable, and compared at the end.

Both engines have the same tables (``storage.sql.migrations``), so a copy is a
walk over them in the order of their keys. Each page is one durable transaction
of the target, together with the note how far the copy is: whoever starts it
again goes on behind the last page. Nobody may serve either side meanwhile.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from posthouse.storage.errors import StorageError
from posthouse.storage.sql.migrations import LEAST

Row = tuple[Any, ...]

PROGRESS = "copy.progress"
"""The thing in the target that says how far a copy is; gone when it is complete."""
ROWS_AT_ONCE = 500
CONTENTS_AT_ONCE = 50
"""Rows that may have 128 KiB each."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns, those of its key first."""

    name: str
    key: tuple[str, ...]
    others: tuple[str, ...]
    at_once: int = ROWS_AT_ONCE

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.key, *self.others)


def _table(name: str, key: str, others: str, at_once: int = ROWS_AT_ONCE) -> Table:
    return Table(name, tuple(key.split()), tuple(others.split()), at_once)


TABLES = (
    _table("domain", "name", "catch_all created_at"),
    _table("account", "account_id", "address domain name verifiers admin enabled created_at"),
    _table("alias", "address", "domain targets created_at"),
    _table("tally", "account_id", "modseq used quota mailboxes uidvalidity"),
    _table("mailbox", "account_id mailbox_id",
           "name role uidvalidity uidnext modseq messages unseen size deleted pruned"),
    _table("subscription", "account_id name", ""),
    _table("blob", "blob_no", "hash size octets", CONTENTS_AT_ONCE),
    _table("body", "object", "blob_no"),
    _table("body_trash", "object", "delete_after"),
    _table("orphan", "blob_no", ""),
    _table("letter", "letter_no", "account_id blob_no size received_at email thread sent_at message_id subject preview "
           "prefix envelope structure"),
    _table("message", "account_id mailbox_id uid", "modseq born flags size saved_at letter_no"),
    _table("change", "account_id mailbox_id uid", "modseq gone at"),
    _table("delivered", "delivery account_id", "mailbox_id uidvalidity uid modseq email at"),
    _table("thread", "account_id key", "thread"),
    _table("posting", "posting_no", "queue_id reverse_path blob_no body utf8 ret envid submitter require_tls is_report "
           "created_at expires_at prefix"),
    _table("item", "item_no", "posting_no local domain notify original_kind original state due_at owner token attempts "
           "warned last last_host"),
    _table("ledger", "trace", "at accepted record"),
    _table("fate", "trace item_no", "record"),
    _table("note", "kind key", "value at expires_at"),
    _table("score", "kind key", "a b at"),
    _table("thing", "name", "value"),
)  # fmt: skip
"""Parents before children. Left out is what belongs to an engine or its nodes: migrations, nodes, leases, rates."""

NUMBERED = {"account": "account_id", "blob": "blob_no", "letter": "letter_no", "posting": "posting_no",
            "item": "item_no"}  # fmt: skip


Content = Awaitable[AsyncIterator[bytes] | None]
"""Asked for only when it is needed."""


class Side(Protocol):
    """An engine that nobody serves, as the copy sees it. Text and octets are as they were given to it."""

    async def page(self, table: Table, after: Row | None) -> list[Row]:
        """The next rows by key. Content too large for a row is None there; ``content`` has it."""

    async def content(self, number: int, name: bytes) -> AsyncIterator[bytes] | None:
        """The octets of a blob whose row has none; None: they are in object storage."""

    async def put(self, table: Table, rows: Sequence[Row], contents: Callable[[Row], Content], progress: bytes) -> None:
        """**Durable.** Rows that are there already stay; ``progress`` is kept with them."""

    async def read_progress(self) -> bytes | None: ...

    async def is_empty(self) -> bool: ...

    async def finish(self) -> None:
        """**Durable.** All is there: numbers go on behind the highest, and the note of progress goes."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Copied:
    """One table, copied and compared."""

    table: str
    rows: int
    digest: str


class Different(StorageError):
    """The copy is not what was copied; ``str()`` names the table."""


async def copy(source: Side, target: Side, *, tell: Callable[[str, int], None] = lambda _table, _rows: None) -> None:
    """Everything from ``source`` that ``target`` does not have yet. ``tell`` hears of each page."""
    known = await target.read_progress()
    if known is None and not await target.is_empty():
        raise StorageError("the target has data, and not of a copy that was interrupted: name an empty one")
    done: dict[str, Row | None] = msgspec.json.decode(known, type=dict[str, Any]) if known else {}
    for table in TABLES:
        if done.get(table.name, ()) is None:
            continue
        after = _key(done.get(table.name))
        copied = 0
        while rows := [row for row in await source.page(table, after) if not _is_its_own(table, row)]:
            after = rows[-1][: len(table.key)]
            done[table.name] = after
            await target.put(table, rows, lambda row: source.content(row[0], row[1]), _progress(done))
            copied += len(rows)
            tell(table.name, copied)
        done[table.name] = None
    await target.finish()


def _is_its_own(table: Table, row: Row) -> bool:
    """What each side says of itself: how far a copy has come, and which releases may serve it."""
    return table.name == "thing" and row[0] in {PROGRESS, LEAST}


def _progress(done: dict[str, Row | None]) -> bytes:
    return msgspec.json.encode({name: key and [_plain(part) for part in key] for name, key in done.items()})


def _plain(part: Any) -> Any:
    return {"octets": part.hex()} if isinstance(part, bytes) else part


def _key(kept: Any) -> Row | None:
    if not kept:
        return None
    return tuple(bytes.fromhex(part["octets"]) if isinstance(part, dict) else part for part in kept)


async def compare(
    source: Side, target: Side, *, tell: Callable[[str, int], None] = lambda _table, _rows: None
) -> list[Copied]:
    """Every row and every octet of both sides; raises ``Different``. Content is also compared with its name."""
    found = []
    for table in TABLES:
        ours, theirs = await _digest(source, table), await _digest(target, table)
        if ours != theirs:
            raise Different(f"table {table.name}: {ours[0]} rows here, {theirs[0]} there, or other content")
        found.append(Copied(table.name, *ours))
        tell(table.name, ours[0])
    return found


async def _digest(side: Side, table: Table) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    after: Row | None = None
    while rows := await side.page(table, after):
        after = rows[-1][: len(table.key)]
        for row in rows:
            if _is_its_own(table, row):
                continue
            count += 1
            digest.update(msgspec.msgpack.encode(row))
            if table.name == "blob":
                await _check_content(side, row)
    return count, digest.hexdigest()


async def _check_content(side: Side, row: Row) -> None:
    number, name, _, octets = row
    digest = hashlib.sha256(octets or b"")
    if octets is None:
        pieces = await side.content(number, name)
        if pieces is None:
            return
        async for piece in pieces:
            digest.update(piece)
    if digest.digest() != name:
        raise Different(f"blob {name.hex()}: its octets are not what its name says")
