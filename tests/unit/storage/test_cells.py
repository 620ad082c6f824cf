"""Several databases as one store: mail between them, moves, and one of them dead."""

import asyncio
import hashlib
from dataclasses import replace

import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.cells import moving, queue, transit
from posthouse.storage.cells.desk import Desk
from posthouse.storage.cells.moving import FREEZE
from posthouse.storage.cells.opening import first_number, found, open_cells
from posthouse.storage.cells.places import CELLS, HOME, Place
from posthouse.storage.cells.transit import Carrier
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import Conflict, Missing, Moved, StorageError
from posthouse.storage.mailbox import Change, Role
from posthouse.storage.postgresql.engine import open_store
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.queue import Posting, QueueFilter, Settlement
from posthouse.storage.sql import turns
from posthouse.supervisor.ports import RandomIds
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock

PATIENCE = 90.0
ROOM = 10**9


@pytest.fixture
async def open_house(two_databases, tmp_path):
    """Opens a node on two cells."""
    opened, ids = [], RandomIds()

    async def open_one(address, number):
        spool = tmp_path / f"spool{len(opened)}-{number}"
        return await open_store(
            address, spool=spool, clock=ManualClock(), ids=ids, journal=KeptJournal(), first_number=number,
            hold_seconds=PATIENCE,
        )  # fmt: skip

    async def make(*, founding=False):
        home = await open_one(two_databases[0], first_number(HOME))
        if founding:
            await found(home, two_databases[1], open_one)
        store = await open_cells(home, open_one, KeptJournal(), ids)
        store.desk = Desk(home, store, open_one)
        opened.append(store)
        return store

    yield make
    for one in opened:
        await one.close()


@pytest.fixture
async def house(open_house):
    made = await open_house(founding=True)
    await made.put_domain(DomainRow("office.test"))
    return made


async def people(house, count=2):
    return [await house.create_account(f"p{n}@office.test", "", (), quota=ROOM) for n in range(count)]


def letter(trace, *accounts, octets=b"Subject: x\r\n\r\n", **more):
    blob = Blob(hashlib.sha256(octets).hexdigest(), len(octets), octets)
    filings = tuple(Filing(account, Role.INBOX, b"P: 1\r\n", key=trace, received_at=9) for account in accounts)
    return Acceptance(trace, blob, filings, record=b"r", at=5, **more)


async def inbox(house, account):
    return next(box for box in await house.mailboxes(account) if box.role is Role.INBOX)


async def uids(house, account):
    view = await house.view(account, (await inbox(house, account)).mailbox)
    return [message.uid for message in view.messages]


async def until(question, wanted):
    async with asyncio.timeout(PATIENCE):
        while await question() != wanted:
            await asyncio.sleep(0.02)


async def test_accounts_are_made_where_there_are_fewest(house):
    made = await people(house, 4)
    assert sorted(house.places.of(one).cell for one in made) == [0, 0, 1, 1]
    assert [(row["cell"], row["accounts"]) for row in await house.desk.list_cells()] == [(0, 2), (1, 2)]
    await house.desk.drain_cell(1, draining=True)
    await house.places.refresh()
    account = await house.create_account("late@office.test", "", (), quota=ROOM)
    assert house.places.of(account).cell == 0
    assert "cells.invalid" not in str((await house.directory()).accounts)


async def test_a_message_for_two_cells_is_taken_once_and_arrives_in_both(house):
    first, second = await people(house)
    accepted = await house.accept(letter("t1", first, second))
    assert [placed.account for placed in accepted.placed] == [first, second]
    await house.accept(letter("t1", first, second))  # whoever did not hear us says it again
    for account in (first, second):
        await until(lambda account=account: uids(house, account), [1])
        (stored,) = await house.read(account, (await inbox(house, account)).mailbox, [1])
        assert stored.content.prefix == b"P: 1\r\n"
        assert stored.received_at == 9
        assert await house.blobs.read(stored.content.blob.blob_id) == b"Subject: x\r\n\r\n"
    await until(lambda: transit_of(house), 0)
    assert await house.record("t1") == b"r"
    assert [row[0] for row in await house.records()] == ["t1"]


async def transit_of(house):
    return sum(row["transit"] or 0 for row in await house.desk.list_cells())


async def test_what_nobody_can_read_holds_nothing_up(house):
    first, second = await people(house)
    blob = Blob(hashlib.sha256(b"x").hexdigest(), 1, b"x")
    strange = Filing(house.places.transit(0), Role.INBOX, b"no bill of ours\n", key="strange")
    await house.store(0).accept(Acceptance("t0", blob, (strange,), at=5))
    await house.accept(letter("t1", first, second))
    for account in (first, second):
        await until(lambda account=account: uids(house, account), [1])
    await until(lambda: transit_of(house), 1)  # it stays for somebody to look at


async def test_what_waits_for_a_cell_is_not_read_again_with_each_message(house, monkeypatch):
    first, second = await people(house)
    home, account = house.store(HOME), house.places.transit(HOME)
    monkeypatch.setattr(house.cells, "usable", lambda: [HOME])
    asked = []
    read = home.read

    async def counting(account, mailbox, wanted):
        asked.extend(wanted)
        return await read(account, mailbox, wanted)

    monkeypatch.setattr(home, "read", counting)
    monkeypatch.setattr(transit, "PAUSE_SECONDS", 10.0**6)
    carrier = Carrier(house.cells, house.places, KeptJournal())
    for number in range(20):
        await home.accept(house.acceptor.seen_from(HOME, letter(f"t{number}", first, second)))
        assert await carrier.carry(HOME) == 0
    waiting = (await inbox(home, account)).messages
    assert waiting == 20
    assert len(asked) <= 2 * waiting, "by this carrier, and by that of the house"


async def test_large_content_is_carried_too(house):
    first, second = await people(house)
    writer = house.blobs.open()
    octets = b"0123456789abcdef" * 20_000
    writer.write(octets)
    blob = await writer.finish()
    filings = tuple(Filing(account, Role.INBOX, b"", key="t1") for account in (first, second))
    await house.accept(Acceptance("t1", blob, filings, record=b"r", at=5))
    writer.discard()
    for account in (first, second):
        await until(lambda account=account: uids(house, account), [1])
        (stored,) = await house.read(account, (await inbox(house, account)).mailbox, [1])
        assert await house.blobs.read(stored.content.blob.blob_id, 100, 16) == octets[100:116]


async def test_the_queue_is_in_any_cell_and_one_to_its_workers(house):
    recipient = Recipient(Address("friend", "elsewhere.test"))
    for number, cell in enumerate((0, 1)):
        posting = Posting(f"q{cell}", "a@office.test", b"", (recipient,), 0, 5, 10**15)
        await house.store(cell).accept(letter(f"t{number}", postings=(posting,)))
    items = await house.claim(owner="me", now=10, lease_until=10**15, limit=10)
    assert len({item.item for item in items}) == 2
    assert await house.renew([(item.item, item.token) for item in items], 10**15) == [True, True]
    assert await house.settle([Settlement(item.item, item.token) for item in items]) == [True, True]
    assert await house.queued(QueueFilter()) == []


async def test_a_cell_that_is_away_holds_up_no_results_and_lengthens_no_lease(house, monkeypatch):
    """Nobody says that what is in it is still ours; and what was sent from the others is settled, not sent again."""
    recipient = Recipient(Address("friend", "elsewhere.test"))
    for cell in (0, 1):
        posting = Posting(f"q{cell}", "a@office.test", b"", (recipient,), 0, 5, 10**15)
        await house.store(cell).accept(letter(f"t{cell}", postings=(posting,)))
    items = sorted(await house.claim(owner="me", now=10, lease_until=10**15, limit=10), key=lambda item: item.queue_id)
    wanted, done = [(one.item, one.token) for one in items], [Settlement(one.item, one.token) for one in items]

    async def fail(*_, **__):
        raise StorageError("it was away")

    for word in ("renew", "settle", "claim"):
        monkeypatch.setattr(house.store(0), word, fail)
    assert await house.renew(wanted, 10**15) == [None, True]
    assert await house.claim(owner="me", now=10, lease_until=10**15, limit=10) == []
    assert await house.settle(done) == [None, True]
    assert [item.queue_id for item in await house.queued(QueueFilter())] == ["q0"]
    with pytest.raises(StorageError, match="it was away"):
        await house.settle(done[:1])
    monkeypatch.undo()
    assert await house.settle(done[:1]) == [True]


async def test_a_cell_that_stands_still_is_not_waited_for(house, monkeypatch):
    monkeypatch.setattr(queue, "ANSWER_SECONDS", 0.01)
    still = asyncio.Event()

    async def stand_still(*_, **__):
        await still.wait()
        return [True]

    monkeypatch.setattr(house.store(0), "renew", stand_still)
    with pytest.raises(StorageError, match="cell 0 has not answered"):
        await house.renew([(1, 1)], 10**15)
    still.set()
    monkeypatch.setattr(house.cells, "usable", lambda: [1])
    with pytest.raises(StorageError, match="cell 0 is away"):
        await house.renew([(1, 1)], 10**15)


async def test_where_much_is_due_it_leaves_room_for_other_cells(house):
    recipients = tuple(Recipient(Address(f"friend{n}", "elsewhere.test")) for n in range(20))
    for cell in (0, 1):
        posting = Posting(f"q{cell}", "a@office.test", b"", recipients, 0, 5, 10**15)
        await house.store(cell).accept(letter(f"t{cell}", postings=(posting,)))
    claimed = [await house.claim(owner="me", now=10, lease_until=10**15, limit=5) for _ in range(2)]
    assert {item.queue_id for items in claimed for item in items} == {"q0", "q1"}


async def test_an_account_moves_with_everything_and_its_readers_go_on(house, open_house):
    account, _ = await people(house)
    other = await open_house()  # a node that does not hear of it at once
    for number in range(30):
        await house.accept(letter(f"t{number}", account, octets=b"S: %d\r\n\r\n" % number))
    box = await inbox(house, account)
    await house.change_flags(account, box.mailbox, [3], Change.ADD, frozenset({"\\Seen"}))
    await house.expunge(account, box.mailbox, None)
    before = await house.view(account, box.mailbox)
    heard = asyncio.Event()
    house.watch(account, heard.set)
    source = house.places.of(account).cell
    await house.desk.move_account(account, 1 - source)
    assert house.places.of(account).cell == 1 - source
    assert await house.view(account, box.mailbox) == before
    assert heard.is_set()
    assert await other.view(account, box.mailbox) == before or other.places.of(account).cell == source
    await other.accept(letter("after", account))
    await until(lambda: uids(house, account), list(range(1, 32)))
    used = {row.account: row.used for row in (await house.directory()).accounts}[account]
    assert used == (await inbox(house, account)).size > 0
    await house.desk.move_account(account, source)  # and back
    assert await uids(house, account) == list(range(1, 32))
    await house.remove_account(account)


async def test_a_stale_node_writes_nothing_into_a_cell_that_an_account_has_left(house):
    account, _ = await people(house)
    source = house.places.of(account).cell
    stale = house.store(source)
    await house.desk.move_account(account, 1 - source)
    with pytest.raises(Moved):
        await stale.accept(letter("t1", account))
    with pytest.raises(StorageError):
        await stale.create_mailbox(account, "new")


async def test_a_stale_node_reads_where_an_account_lives_now(house, open_house, monkeypatch):
    account, _ = await people(house)
    await house.accept(letter("t1", account))
    stale = await open_house()
    box = await inbox(house, account)

    async def deaf(**_):
        """As one who has not heard of it yet."""

    monkeypatch.setattr(stale.cells, "refresh", deaf)
    source = house.places.of(account).cell

    def forget():
        stale.places._places[account] = Place(source)

    await house.desk.move_account(account, 1 - source)
    for ask in (
        lambda: stale.mailboxes(account),
        lambda: stale.subscriptions(account),
        lambda: stale.read(account, box.mailbox, [1]),
        lambda: stale.view(account, box.mailbox),
    ):
        forget()
        assert await ask()


async def test_an_account_whose_cell_fails_is_made_at_home(house, monkeypatch):
    async def fail(*_, **__):
        raise StorageError("the cell went away")

    await people(house)
    monkeypatch.setattr(house.store(1).units, "write", fail)
    third, fourth = [await house.create_account(f"late{n}@office.test", "", (), quota=ROOM) for n in range(2)]
    assert {house.places.of(one).cell for one in (third, fourth)} == {HOME}
    await house.accept(letter("t1", third))
    await house.accept(letter("t2", fourth))
    assert await uids(house, third) == await uids(house, fourth) == [1]
    quotas = {row.account: row.quota for row in (await house.directory()).accounts}
    assert (quotas[third], quotas[fourth]) == (ROOM, ROOM)


async def test_what_was_promised_goes_to_the_inbox_if_its_mailbox_is_gone(house, monkeypatch):
    _, second = await people(house)
    box = await house.create_mailbox(second, "lists")
    home, blob = house.store(HOME), Blob(hashlib.sha256(b"x").hexdigest(), 1, b"x")
    usable = house.cells.usable
    monkeypatch.setattr(house.cells, "usable", lambda: [HOME])
    filing = Filing(second, box.mailbox, b"", key="t1")
    await home.accept(house.acceptor.seen_from(HOME, Acceptance("t1", blob, (filing,), at=5)))
    await house.store(1).delete_mailbox(second, box.mailbox)
    monkeypatch.setattr(house.cells, "usable", usable)
    await until(lambda: uids(house, second), [1])


async def test_one_node_carries_what_is_in_transit(house, open_house, monkeypatch):
    _, second = await people(house)
    nodes = [house, await open_house()]
    asked = []
    for node in nodes:
        monkeypatch.setattr(node.cells, "usable", lambda: [HOME])
        view = node.store(HOME).view

        async def counted(account, mailbox, node=node, view=view):
            asked.append(node)
            return await view(account, mailbox)

        monkeypatch.setattr(node.store(HOME), "view", counted)
    await house.store(HOME).accept(house.acceptor.seen_from(HOME, letter("t1", second)))
    for _ in range(3):
        for node in nodes:
            await node.carrier.carry(HOME)
    assert len({id(node) for node in asked}) == 1


async def test_a_removal_that_was_interrupted_is_finished(house):
    accounts = await people(house)
    account = next(one for one in accounts if house.places.of(one).cell == 1)
    await house.store(1).remove_account(account)  # and the node died
    await house.remove_account(account)
    assert account not in [row.account for row in (await house.directory()).accounts]


async def test_what_comes_during_a_move_waits_and_an_interrupted_move_is_finished(house):
    account, _ = await people(house)
    source = house.places.of(account).cell
    await house.accept(letter("t1", account))
    await house.store(source).units.write(lambda tx: tx.run(FREEZE, account))  # a move that died right after its start
    await house.accept(letter("t2", account))
    assert await transit_of(house) == 1
    await house.desk.move_account(account, 1 - source)
    await until(lambda: uids(house, account), [1, 2])


async def test_a_cell_is_an_empty_database_and_founded_once(house, two_databases):
    with pytest.raises(Conflict, match="already"):
        await house.desk.found_cell(two_databases[1])
    with pytest.raises(Missing):
        await house.move_account((await people(house))[0], 7)


async def test_mail_is_taken_while_the_cell_of_its_recipient_is_away(house, monkeypatch):
    first, second = await people(house)
    away = house.places.of(second).cell
    assert away == 1
    units = house.store(1).units
    units._failing = True  # as while units are repeated
    accepted = await house.accept(letter("t1", second))
    assert accepted.placed[0].account == second
    await house.accept(letter("t2", first))
    assert await uids(house, first) == [1]
    await until(lambda: uids(house, second), [1])  # asked whether it is back, it was
    units._failing = True
    outside = Posting("q3", "a@office.test", b"", (Recipient(Address("friend", "elsewhere.test")),), 0, 5, 10**15)
    await house.accept(letter("t3", second, postings=(outside,)))
    assert await house.store(1).queued(QueueFilter()) == []  # nothing was asked of the cell that is away
    assert len(await house.queued(QueueFilter())) == 1
    await until(lambda: uids(house, second), [1, 2])


async def test_a_node_reads_only_the_places_that_were_changed(house, open_house, monkeypatch):
    account, _ = await people(house)
    other = await open_house()
    read = []
    for name in ("directory", "list_notes"):
        asked = getattr(house.store(HOME), name)

        async def counted(*given, name=name, asked=asked, **more):
            read.append((name, *given))
            return await asked(*given, **more)

        for node in (house, other):
            monkeypatch.setattr(node.store(HOME), name, counted)
    source = house.places.of(account).cell
    await house.desk.move_account(account, 1 - source)
    await other.cells.refresh()
    assert other.places.of(account).cell == 1 - source
    await house.create_account("late@office.test", "", (), quota=ROOM)
    await other.cells.refresh()
    assert {one for one in read if one != ("list_notes", CELLS)} == set(), "all there is, for one that changed"
    assert other.places.counts() != house.places.counts(), "who is new at home is counted now and then"
    await other.cells.refresh(whole=True)
    assert other.places.counts() == house.places.counts()
    assert sum(other.places.counts().values()) == 3


async def test_whoever_has_missed_too_much_reads_the_whole_map(house, open_house, monkeypatch):
    account, _ = await people(house)
    other = await open_house()
    monkeypatch.setattr(turns, "KEPT", 2)
    source = house.places.of(account).cell
    await house.desk.move_account(account, 1 - source)
    for number in range(4):
        await house.put_domain(DomainRow(f"d{number}.test"))
    await other.places.follow()
    assert other.places.of(account).cell == 1 - source


async def test_a_move_looks_once_at_what_was_delivered_to_others(house, monkeypatch):
    account, _ = await people(house)
    tables = [replace(table, at_once=3) if table.name in moving.MOVED else table for table in moving.TABLES]
    monkeypatch.setattr(moving, "TABLES", tables)
    for number in range(10):
        await house.accept(letter(f"t{number}", account, octets=b"S: %d\r\n\r\n" % number))
    source, asked = house.places.of(account).cell, []
    rows = Tx.rows

    async def recorded(tx, statement, *arguments):
        asked.append(statement)
        return await rows(tx, statement, *arguments)

    monkeypatch.setattr(Tx, "rows", recorded)
    await house.desk.move_account(account, 1 - source)
    read = [one for one in asked if "FROM delivered" in one and one.startswith("SELECT delivery")]
    assert [one for one in read if "ANY" not in one] == [moving.LISTED["delivered"]]
    assert len(read) == 1 + 4, "ten keys, three at once"
    for number in range(10):  # said again, nothing is filed twice
        await house.accept(letter(f"t{number}", account, octets=b"S: %d\r\n\r\n" % number))
    assert await uids(house, account) == list(range(1, 11))


async def test_mail_for_two_cells_is_taken_while_one_of_them_leaves(house, open_house):
    """A node that has not heard of it yet hears it from the cell."""
    first, second = await people(house)
    stale = await open_house()
    await house.places.put(first, Place(1, HOME))
    stale.places._places.pop(first, None)
    await house.store(HOME).units.write(lambda tx: tx.run(FREEZE, first))
    await stale.accept(letter("t1", first, second))
    await until(lambda: uids(house, second), [1])
    await house.desk.move_account(first, 1)
    await until(lambda: uids(house, first), [1])
