"""What is said of accounts beside their rows, at all nodes (threats A05, A06)."""

import pytest

from posthouse.admd.directory import Directory
from posthouse.admd.sessions import Sessions
from posthouse.admd.standing import (
    GRANT,
    HELD,
    WEAK,
    end_sessions,
    forget_standing,
    note_standing,
    read_standing,
    read_standings,
)
from posthouse.mail.address import Address
from posthouse.storage.directory import DomainRow
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


@pytest.fixture
async def store(tmp_path):
    store = await open_store(tmp_path / "store", clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    await store.put_domain(DomainRow("office.test"))
    for name in ("alice", "bob"):
        await store.create_account(f"{name}@office.test", "", ("x",), quota=10**6)
    yield store
    await store.close()


async def directory_of(store) -> Directory:
    directory = Directory()
    await directory.refresh(store)
    return directory


async def test_each_aspect_is_its_own_and_another_node_sees_all(store) -> None:
    alice, bob = (await store.directory()).accounts
    await note_standing(store, alice, HELD, "spam", 5)
    await note_standing(store, alice, WEAK, "easy", 6)
    await note_standing(store, alice, f"{GRANT}project.test", "1", 7)
    await note_standing(store, alice, HELD, "", 8)
    standing = (await directory_of(store)).standing(alice.account)
    assert (standing.held, standing.weak, standing.weak_at, standing.grants) == ("", "easy", 6, ("project.test",))
    assert (await directory_of(store)).standing(bob.account) == (await read_standing(store, bob.account))


async def test_a_change_turns_the_epoch_so_that_others_read_it(store) -> None:
    (alice, _bob) = (await store.directory()).accounts
    before = (await store.directory()).epoch
    await note_standing(store, alice, HELD, "spam", 5)
    assert (await store.directory()).epoch > before
    assert (await store.directory()).accounts[0] == alice


async def test_ended_sessions_are_over_and_woken_everywhere(store) -> None:
    (alice, bob) = (await store.directory()).accounts
    nodes = [await directory_of(store) for _ in range(2)]
    insides = [Sessions(node) for node in nodes]
    woken = []
    leaves = []
    for number, (node, inside) in enumerate(zip(nodes, insides, strict=True)):
        for row in (alice, bob):
            now = node.account(row.account)
            leaves.append(inside.enter(now, lambda who=(number, row.address): woken.append(who)))
    await end_sessions(store, alice.account, 9)
    for node in nodes:
        await node.refresh(store)
    assert woken == [(0, alice.address), (1, alice.address)]
    assert not insides[0].is_good(alice)
    assert insides[0].is_good(nodes[0].account(alice.account))
    assert insides[0].is_good(bob)
    for leave in leaves:
        leave()
    assert len(insides[0]) == len(insides[1]) == 0


async def test_a_disabled_and_a_removed_account_end_too(store) -> None:
    (alice, bob) = (await store.directory()).accounts
    node = await directory_of(store)
    inside = Sessions(node)
    await store.change_account(alice.account, enabled=False)
    await store.remove_account(bob.account)
    await node.refresh(store)
    assert not inside.is_good(alice)
    assert not inside.is_good(bob)


async def test_a_granted_domain_is_the_accounts_to_write_for_and_nobody_elses(store) -> None:
    (alice, bob) = (await store.directory()).accounts
    node = await directory_of(store)
    theirs = Address("anybody", "project.test")
    assert not node.owns(alice.account, theirs)
    await note_standing(store, alice, f"{GRANT}project.test", "1", 1)
    await node.refresh(store)
    assert node.owns(alice.account, theirs)
    assert not node.owns(alice.account, Address("anybody", "sub.project.test"))
    assert not node.owns(bob.account, theirs)
    assert not node.owns(alice.account, Address("bob", "office.test"))


async def test_nothing_is_left_of_an_account_that_is_gone(store) -> None:
    (alice, _bob) = (await store.directory()).accounts
    await note_standing(store, alice, HELD, "spam", 5)
    await end_sessions(store, alice.account, 6)
    await forget_standing(store, alice.account)
    assert await read_standings(store) == {}
