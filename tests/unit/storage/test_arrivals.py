"""What PostgreSQL counts while it locks accounts, before it is known what will be filed, comes out right."""

import asyncio
import hashlib

import asyncpg
import pytest

from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId
from posthouse.storage.acceptance import Acceptance, Filing, Overquota, Placed
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import Missing
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.postgresql import tx
from posthouse.storage.postgresql.connecting import SETTINGS
from posthouse.storage.postgresql.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

BODY = b"Subject: x\r\n\r\nHello\r\n"
SIZE = len(BODY)
ROOM = 10**9


@pytest.fixture
async def store(postgres, tmp_path):
    opened = await open_store(postgres, spool=tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    await opened.put_domain(DomainRow("office.test"))
    yield opened
    await opened.close()


async def an_account(store, name="alice", quota=ROOM):
    return await store.create_account(f"{name}@office.test", name, (), quota=quota)


def letter(trace, *filings):
    return Acceptance(trace, Blob(hashlib.sha256(BODY).hexdigest(), SIZE, BODY), filings, at=5)


def to(account, mailbox=Role.INBOX, **more):
    return Filing(account, mailbox, b"", **more)


async def at_once(store, *letters):
    """In one transaction: what is ready in one turn of the loop is one batch."""
    return [answer.placed for answer in await asyncio.gather(*map(store.accept, letters))]


async def counted(store, account):
    """Messages, unseen, UIDNEXT of each mailbox with mail, by role or name; all counters are those of its messages."""
    found, used = {}, 0
    for box in await store.mailboxes(account):
        view = await store.view(account, box.mailbox)
        assert box.messages == len(view.messages)
        assert box.size == SIZE * len(view.messages)
        assert box.unseen == sum("\\Seen" not in one.flags for one in view.messages)
        assert box.deleted == sum("\\Deleted" in one.flags for one in view.messages)
        assert box.modseq <= view.highest
        assert all(one.modseq <= box.modseq and one.uid < box.uidnext for one in view.messages)
        used += box.size
        if box.messages:
            found[box.name] = (box.messages, box.unseen, box.uidnext)
    assert (await store.accounts([account]))[0].used == used
    return found


async def test_what_comes_at_once_for_one_mailbox_is_counted_together(store):
    alice, bob = await an_account(store), await an_account(store, "bob")
    seen = frozenset({"\\Seen", "\\Deleted"})
    places = await at_once(
        store, letter("t1", to(alice)), letter("t2", to(bob), to(alice, flags=seen)), letter("t3", to(alice, Role.JUNK))
    )
    assert [[one.uid for one in some] for some in places] == [[1], [1, 2], [1]]
    assert await counted(store, alice) == {"INBOX": (2, 1, 3), "Junk": (1, 1, 2)}
    assert await counted(store, bob) == {"INBOX": (1, 1, 2)}
    assert [[one.uid for one in some] for some in await at_once(store, letter("t4", to(alice)))] == [[3]]


async def test_what_has_no_room_is_not_counted(store):
    alice = await an_account(store, quota=SIZE * 2)
    places = await at_once(store, *[letter(f"t{number}", to(alice)) for number in range(4)])
    assert [type(one) for [one] in places] == [Placed, Placed, Overquota, Overquota]
    assert await counted(store, alice) == {"INBOX": (2, 2, 3)}


async def test_what_was_delivered_before_is_not_counted(store):
    alice = await an_account(store)
    await at_once(store, letter("t1", to(alice, key="k")))
    before = (await store.mailboxes(alice))[0].modseq
    [[again], [fresh]] = await at_once(store, letter("t2", to(alice, key="k")), letter("t3", to(alice)))
    assert again.repeated
    assert (fresh.uid, fresh.modseq > before) == (2, True)
    assert await counted(store, alice) == {"INBOX": (2, 2, 3)}


async def test_mod_sequences_never_go_back(store):
    """Counted and not filed: a number may be left out, but is not told and then given to another message."""
    alice = await an_account(store)
    seen = 0
    for number in range(6):
        [[place]] = await at_once(store, letter(f"t{number}", to(alice, key=f"k{number // 2}")))
        told = (await store.view(alice, place.mailbox)).highest
        assert place.repeated or place.modseq > seen
        assert told >= seen
        seen = told
    assert await counted(store, alice) == {"INBOX": (3, 3, 4)}


async def test_mail_for_junk_that_is_not_there_is_counted_in_inbox(store):
    alice = await an_account(store)
    [junk] = [box for box in await store.mailboxes(alice) if box.role is Role.JUNK]
    await store.delete_mailbox(alice, junk.mailbox)
    await at_once(store, letter("t1", to(alice, Role.JUNK)), letter("t2", to(alice, Role.JUNK)))
    assert await counted(store, alice) == {"INBOX": (2, 2, 3)}


async def test_all_kinds_of_mailboxes_at_once(store):
    alice = await an_account(store)
    lists = await store.create_mailbox(alice, "Lists")
    await at_once(
        store,
        letter("t1", to(alice)),
        letter("t2", to(alice, lists.mailbox)),
        letter("t3", to(alice, Role.QUARANTINE)),
        letter("t4", to(alice, Role.JUNK)),
    )
    assert await counted(store, alice) == {"INBOX": (1, 1, 2), "Lists": (1, 1, 2), "Junk": (1, 1, 2)}
    assert len(await store.quarantined()) == 1


async def test_of_two_mailboxes_with_a_role_the_older_one_is_meant(store):
    alice = await an_account(store)
    await store.create_mailbox(alice, "Junk too", Role.JUNK)
    await at_once(store, letter("t1", to(alice, Role.JUNK)), letter("t2", to(alice, Role.JUNK)))
    assert await counted(store, alice) == {"Junk": (2, 2, 3)}


async def test_nothing_is_counted_for_those_beside_somebody_who_is_not_there(store):
    alice = await an_account(store)
    with pytest.raises(Missing):
        await store.accept(letter("t1", to(alice), to(AccountId(10**6))))
    assert await counted(store, alice) == {}


async def test_batches_that_share_people_wait_for_each_other_and_never_in_a_circle(store, postgres):
    """Accounts are locked in the order of the list, whoever is asked for."""
    people = [await an_account(store, f"u{number}") for number in range(30)]
    many = [letter(f"t{number}", *[to(one) for one in people[number % 7 :: 3]]) for number in range(200)]
    await asyncio.gather(*[at_once(store, *many[start : start + 5]) for start in range(0, 200, 5)])
    wanted = {one: sum(to(one) in each.filings for each in many) for one in people}
    assert {one: (await counted(store, one))["INBOX"][0] for one in people} == wanted


async def test_who_is_locked_is_asked_for_by_key_and_in_order(new_database):
    session = await asyncpg.connect(new_database, server_settings=SETTINGS)
    try:
        await session.execute("VACUUM ANALYZE")
        await session.execute(f"PREPARE it AS {tx.COUNT_ARRIVALS}")
        lines = [line for (line,) in await session.fetch("EXPLAIN EXECUTE it(NULL, NULL, NULL, NULL, NULL)")]
    finally:
        await session.close()
    order = [line.split(" on ")[1].split()[0] for line in lines if " Scan " in line]
    assert order == ["v", "tally", "tallies", "mailbox"], lines
    conditions = [line for line in lines if "Index Cond" in line]
    assert len(conditions) == 2, lines
    assert "role" in conditions[1], lines


async def test_one_message_for_more_people_than_a_statement_files(store):
    people = [await an_account(store, f"u{number}") for number in range(61)]
    facts = Facts(message_id="<1@x>", thread_keys=("<1@x>",), subject="Sübject")
    [places] = await at_once(store, letter("t1", *[to(one, facts=facts) for one in people]))
    [answers] = await at_once(store, letter("t2", *[to(one, facts=facts) for one in people]))
    for account, first, second in zip(people, places, answers, strict=True):
        one, other = await store.read(account, first.mailbox, [first.uid, second.uid])
        assert (one.facts.subject, other.thread_id) == ("Sübject", one.thread_id)
    assert await counted(store, people[-1]) == {"INBOX": (2, 2, 3)}
