"""A copy from one engine to another: whole, resumable, compared, and only of what nobody serves."""

import hashlib
import itertools
import os
from pathlib import Path

import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.copy import TABLES, Different, compare, copy
from posthouse.storage.directory import AliasRow, DomainRow
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Change, Facts, Role
from posthouse.storage.postgresql import engine as postgresql
from posthouse.storage.postgresql import side as postgresql_side
from posthouse.storage.queue import Fate, Posting, QueueFilter, Settlement
from posthouse.storage.shelf import Note, Tally
from posthouse.storage.sqlite import side as sqlite_side
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

NOW = int(ManualClock().now() * 1000)
LARGE = bytes(range(256)) * 3000
STRANGE = 'a\0b"\U0010fffe'


def ports():
    return {"clock": ManualClock(), "ids": CountedIds(), "journal": KeptJournal()}


async def open_any(where):
    if isinstance(where, Path):
        return await open_store(where, **ports())
    return await postgresql.open_store(where, spool=Path("/tmp") / "posthouse-test-spool", **ports())


async def open_side(where):
    if isinstance(where, Path):
        return await sqlite_side.open_side(where, ids=CountedIds(), at=NOW)
    return await postgresql_side.open_side(where, at=NOW, journal=KeptJournal())


def small(octets):
    return Blob(hashlib.sha256(octets).hexdigest(), len(octets), octets)


async def furnish(where):
    """Some of everything."""
    store = await open_any(where)
    await store.put_domain(DomainRow("office.test", created_at=3))
    account = await store.create_account("alice@office.test", "Älice", ("v",), quota=10**9)
    await store.put_alias(AliasRow("all@office.test", ("alice@office.test",), 4))
    for number in range(30):
        filing = Filing(
            account, Role.INBOX, b"prefix", f"k{number}", facts=Facts(subject=STRANGE, message_id=f"<{number}>")
        )
        await store.accept(Acceptance(f"t{number}", small(b"%d" % (number % 7)), (filing,), record=b"why", at=number))
    writer = store.blobs.open()
    writer.write(LARGE)
    await store.accept(Acceptance("large", await writer.finish(), (Filing(account, Role.INBOX, b""),), at=5))
    writer.discard()
    await store.change_flags(account, 1, [1, 2], Change.ADD, frozenset({"\\Seen", "Wörk"}))
    await store.remove(account, 1, [3])
    people = tuple(Recipient(Address(name, "far.test")) for name in "ab")
    posting = Posting("q", "me@office.test", b"", people, 50, 100, 10**15)
    await store.accept(Acceptance("q", small(b"q"), (), (posting,), b"{}", 50))
    first, _ = await store.claim(owner="w", now=200, lease_until=300, limit=2)
    await store.settle([Settlement(first.item, first.token, fate=Fate("q", first.item, b"fate"))])
    await store.put_notes([Note("kind", f"key{number:03}", b"\0value", 7) for number in range(3)])
    await store.add_tallies([Tally("kind", "key", 2, 3)])
    await store.put("thing", b"\xff")
    await store.subscribe(account, "Elsewhere", True)
    await store.accept(Acceptance("late", small(b"1"), (Filing(account, Role.JUNK, b""),), at=6))  # counted late
    await store.close()


async def transfer(source, target, tell=lambda _table, _rows: None):
    here, there = await open_side(source), await open_side(target)
    try:
        await copy(here, there, tell=tell)
        return await compare(here, there)
    finally:
        await there.close()
        await here.close()


async def look(where):
    """What a user sees, and that life goes on."""
    store = await open_any(where)
    (account,) = (await store.directory()).accounts
    boxes = await store.mailboxes(account.account)
    view = await store.view(account.account, boxes[0].mailbox)
    whole = await store.read(account.account, boxes[0].mailbox, [message.uid for message in view.messages])
    contents = [await store.blobs.read(one.content.blob.blob_id) for one in whole]
    queued = await store.queued(QueueFilter())
    fates, notes = await store.fates("q"), await store.list_notes("kind")
    tallies, thing = await store.tallies("kind", ["key"]), await store.get("thing")
    repeated = await store.accept(
        Acceptance("t5", small(b"5"), (Filing(account.account, Role.INBOX, b"prefix", "k5"),), at=5)
    )
    assert repeated.placed[0].repeated
    seen = (account, boxes, view, whole, contents, queued, fates, notes, tallies, thing)
    new = await store.accept(Acceptance("new", small(b"new"), (Filing(account.account, Role.INBOX, b""),), at=9))
    assert new.placed[0].uid == boxes[0].uidnext
    await store.close()
    return seen


async def test_a_copy_there_and_back_is_the_same_to_its_users(postgres, tmp_path):
    there, back = postgres, tmp_path / "back"
    await furnish(tmp_path / "home")
    copied = {one.table: one.rows for one in await transfer(tmp_path / "home", there)}
    assert (copied["message"], copied["blob"], copied["note"], copied["fate"]) == (31, 9, 6, 1)
    await transfer(there, back)
    home = await look(tmp_path / "home")
    assert home == await look(there) == await look(back)
    assert home[4][-1] == LARGE


async def test_a_house_that_began_on_postgresql_moves_into_files(postgres, tmp_path):
    await furnish(postgres)
    await transfer(postgres, tmp_path / "home")
    assert (await look(tmp_path / "home"))[4][-1] == LARGE


async def test_content_that_was_copied_into_files_is_nobody_elses(tmp_path):
    octets = bytes(range(250)) * 1200
    blobs = next(table for table in TABLES if table.name == "blob")

    async def pieces():
        for start in range(0, len(octets), 100_000):
            yield octets[start : start + 100_000]

    async def content():
        return pieces()

    side = await sqlite_side.open_side(tmp_path / "files", ids=CountedIds(), at=1)
    name = hashlib.sha256(octets).digest()
    before = os.umask(0)
    try:
        await side.put(blobs, [(1, name, len(octets), None)], lambda _row: content(), b"{}")
    finally:
        os.umask(before)
        await side.close()
    (kept,) = (one for one in (tmp_path / "files/blobs").rglob("*") if one.is_file())
    assert kept.read_bytes() == octets
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_an_empty_house_is_copied_too(postgres, tmp_path):
    await (await open_any(tmp_path / "home")).close()
    assert sum(one.rows for one in await transfer(tmp_path / "home", postgres)) == 0


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("backwards", [False, True])
async def test_an_interrupted_copy_goes_on_where_it_was(postgres, tmp_path, backwards):
    home, target = (postgres, tmp_path / "x") if backwards else (tmp_path / "home", postgres)
    await furnish(home)
    for stop in itertools.count(1):
        pages = itertools.count(1)

        def tell(_table, _rows, stop=stop, pages=pages):
            if next(pages) == 3:
                raise Interrupted

        try:
            await transfer(home, target, tell)
        except Interrupted:
            assert stop < 20
        else:
            break
    assert stop > 3
    assert await look(target) == await look(home)


async def test_a_target_with_data_of_its_own_is_refused(postgres, tmp_path):
    await furnish(postgres)
    await furnish(tmp_path / "home")
    with pytest.raises(StorageError, match="target has data"):
        await transfer(tmp_path / "home", postgres)
    with pytest.raises(StorageError, match="target has data"):
        await transfer(postgres, tmp_path / "home")


async def test_what_is_served_is_not_copied(postgres, tmp_path):
    store = await open_any(postgres)
    with pytest.raises(StorageError, match=f"served by {store.node}"):
        await open_side(postgres)
    await store.close()
    house = await open_any(tmp_path / "home")
    with pytest.raises(StorageError, match="in use"):
        await open_side(tmp_path / "home")
    await house.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE letter SET subject = 'other' WHERE letter_no = (SELECT min(letter_no) FROM letter)",
        "DELETE FROM note WHERE key = 'key001'",
        "UPDATE piece SET octets = set_byte(octets, 7, 9) WHERE start = 0",
        "UPDATE blob SET octets = 'x' WHERE octets = '5'",
    ],
)
async def test_the_comparison_finds_any_difference(postgres, postgres_server, tmp_path, damage):
    await furnish(tmp_path / "home")
    await transfer(tmp_path / "home", postgres)
    postgres_server.sql(damage)
    here, there = await open_side(tmp_path / "home"), await open_side(postgres)
    try:
        with pytest.raises(Different):
            await compare(here, there)
    finally:
        await there.close()
        await here.close()
