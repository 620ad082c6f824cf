"""Whose address is this."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from posthouse.admd import directory as directories
from posthouse.admd.directory import Alias, Directory, Foreign, Local, Unknown, stored_address
from posthouse.admd.standing import end_sessions
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.storage import directory as kept
from posthouse.storage.directory import AccountRow, AliasRow, DirectoryDelta, DomainRow
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.register import Register
from posthouse.storage.shelf import Note
from posthouse.storage.sql import turns
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

ALICE = Address("alice", "office.test")
BOB = Address("bob", "office.test")
ADMIN = Address("admin", "office.test")


def account(number: int, address: str, **changes: Any) -> AccountRow:
    return AccountRow(AccountId(number), address, "", (), 0, 0, **changes)


def snapshot(*aliases: AliasRow, catch_all: str = "", epoch: int = 1) -> kept.Directory:
    return kept.Directory(
        epoch,
        (DomainRow("office.test", catch_all, 1), DomainRow("site.test", "", 2)),
        (account(1, "alice@office.test"), account(2, "bob@office.test"), account(9, "admin@office.test", admin=True)),
        aliases,
    )


def directory(*aliases: AliasRow, catch_all: str = "") -> Directory:
    return Directory(snapshot(*aliases, catch_all=catch_all))


def test_an_account_lives_at_its_address_in_any_case() -> None:
    assert Local(AccountId(1), ALICE) == directory().resolve(Address("ALICE", "office.test"))


def test_an_accent_that_is_written_apart_is_the_same_name() -> None:
    """RFC 6530 section 10.1: some keyboards compose, others do not."""
    rows = kept.Directory(1, (DomainRow("office.test"),), (account(1, "d\u00f6rte@office.test"),), ())
    house = Directory(rows)
    for local in ("d\u00f6rte", "do\u0308rte", "DO\u0308RTE", "D\u00d6RTE"):
        assert isinstance(house.resolve(Address(local, "office.test")), Local), ascii(local)
        assert isinstance(house.resolve(Address(local + "+x", "office.test")), Local), ascii(local)
        assert house.login(f"{local}@office.test") is not None, ascii(local)


def test_a_subaddress_reaches_the_mailbox_and_keeps_its_detail() -> None:
    """RFC 5233 section 1."""
    assert Local(AccountId(1), ALICE, "Bills+2024") == directory().resolve(Address("alice+Bills+2024", "office.test"))


def test_a_name_that_begins_with_the_separator_is_no_subaddress() -> None:
    address = Address("+alice", "office.test")
    assert Unknown(address) == directory().resolve(address)


def test_an_unknown_name_of_ours_and_a_foreign_domain_are_told_apart() -> None:
    nobody = Address("nobody", "office.test")
    stranger = Address("alice", "elsewhere.test")
    assert Unknown(nobody) == directory().resolve(nobody)
    assert Foreign(stranger) == directory().resolve(stranger)


def test_a_group_gives_its_targets() -> None:
    sales = AliasRow("sales@office.test", ("alice@office.test", "bob@office.test"))
    assert Alias(Address("sales", "office.test"), (ALICE, BOB)) == directory(sales).resolve(
        Address("Sales", "office.test")
    )


def test_a_subaddress_of_an_alias_reaches_its_targets() -> None:
    sales = AliasRow("sales@office.test", ("alice@office.test",))
    address = Address("sales+fair", "office.test")
    assert Alias(address, (ALICE,)) == directory(sales).resolve(address)


def test_the_catch_all_takes_what_nobody_else_does() -> None:
    address = Address("anything", "office.test")
    assert Alias(address, (BOB,)) == directory(catch_all="bob@office.test").resolve(address)


def test_the_catch_all_of_one_domain_is_not_that_of_another() -> None:
    address = Address("anything", "site.test")
    assert Unknown(address) == directory(catch_all="bob@office.test").resolve(address)


def test_postmaster_of_every_domain_reaches_an_administrator() -> None:
    """RFC 5321 section 4.5.1."""
    for domain in ("office.test", "site.test"):
        address = Address("PostMaster", domain)
        assert Alias(address, (ADMIN,)) == directory().resolve(address)


def test_postmaster_needs_no_domain() -> None:
    """RFC 5321 section 4.1.1.3."""
    found = directory().resolve(Address("postmaster", ""))
    assert isinstance(found, Alias)
    assert found.targets == (ADMIN,)


def test_postmaster_of_the_host_itself_is_ours_and_nobody_else_lives_there() -> None:
    """RFC 5321 section 4.5.1; reports come from this address."""
    house = Directory(snapshot(), hostname="mx.office.test")
    assert house.resolve(Address("Postmaster", "mx.office.test")) == house.resolve(Address("postmaster", ""))
    assert isinstance(house.resolve(Address("alice", "mx.office.test")), Foreign)
    assert isinstance(Directory(snapshot()).resolve(Address("postmaster", "mx.office.test")), Foreign)


def test_a_postmaster_of_the_first_domain_serves_the_others_too() -> None:
    postmaster = AliasRow("postmaster@office.test", ("bob@office.test",))
    found = directory(postmaster).resolve(Address("postmaster", "site.test"))
    assert isinstance(found, Alias)
    assert found.targets == (BOB,)


def test_no_other_name_goes_without_a_domain() -> None:
    assert isinstance(directory().resolve(Address("alice", "")), Foreign)


def test_a_disabled_account_still_receives() -> None:
    rows = kept.Directory(1, (DomainRow("office.test"),), (account(1, "alice@office.test", enabled=False),), ())
    assert Local(AccountId(1), ALICE) == Directory(rows).resolve(ALICE)


def test_an_owner_may_use_his_address_its_subaddresses_and_his_aliases() -> None:
    ours = directory(
        AliasRow("sales@office.test", ("help@office.test",)), AliasRow("help@office.test", ("alice@office.test",))
    )
    for local in ("alice", "alice+lists", "sales", "help"):
        assert ours.owns(AccountId(1), Address(local, "office.test"))


def test_nobody_owns_the_address_of_another_or_of_a_stranger() -> None:
    ours = directory(AliasRow("help@office.test", ("alice@office.test",)))
    assert not ours.owns(AccountId(2), ALICE)
    assert not ours.owns(AccountId(2), Address("help", "office.test"))
    assert not ours.owns(AccountId(1), Address("alice", "elsewhere.test"))


def test_aliases_in_a_circle_end() -> None:
    ours = directory(
        AliasRow("one@office.test", ("two@office.test",)), AliasRow("two@office.test", ("one@office.test",))
    )
    assert not ours.owns(AccountId(1), Address("one", "office.test"))


def test_a_login_is_the_address_in_any_case() -> None:
    row = directory().login("Alice@Office.Test")
    assert row is not None
    assert AccountId(1) == row.account


def test_a_login_without_domain_works_where_there_is_only_one() -> None:
    rows = kept.Directory(1, (DomainRow("office.test"),), (account(1, "alice@office.test"),), ())
    assert Directory(rows).login("alice") is not None
    assert directory().login("alice") is None


def test_stored_addresses_come_back_as_they_were() -> None:
    for address in (ALICE, Address("a b", "office.test"), Address('q"\\', "office.test"), Address("älice", "x.test")):
        assert address == stored_address(str(address))


class _Journal:
    def note(self, event: str, *_: Any, **__: Any) -> None: ...
    def bug(self, event: str, error: BaseException, /, **_: Any) -> None: ...
    def bind(self, **_: Any) -> "_Journal":
        return self


class _Clock:
    def now(self) -> float:
        return 0.0

    monotonic = now


class _Store:
    """The methods that a directory needs."""

    def __init__(self) -> None:
        self.rows = snapshot()
        self.hint: Any = None

    async def directory_pages(self) -> AsyncIterator[kept.Directory]:
        yield self.rows

    async def directory_since(self, _epoch: int) -> None:
        return None

    async def list_notes(self, *_: Any, **__: Any) -> list[Note]:
        return []

    def watch_directory(self, hint: Any) -> Any:
        self.hint = hint
        return lambda: setattr(self, "hint", None)


async def test_a_change_in_the_store_is_followed() -> None:
    store: Any = _Store()
    ours = Directory()
    task = asyncio.create_task(ours.follow(store, clock=_Clock(), journal=_Journal()))
    while ours.epoch != 1:
        await asyncio.sleep(0)
    store.rows = snapshot(AliasRow("new@office.test", ("alice@office.test",)), epoch=2)
    store.hint()
    while ours.epoch != 2:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ours.resolve(Address("new", "office.test")), Alias)
    assert store.hint is None


async def test_who_read_earlier_and_is_done_later_takes_nothing_back() -> None:
    """Several read at once: whoever holds an account, and whoever follows. No further hint would put it right."""

    class Slow(_Store):
        async def list_notes(self, *given: Any, **more: Any) -> Any:
            if self.rows.epoch == 1:
                self.rows = snapshot(AliasRow("new@office.test", ("alice@office.test",)), epoch=2)
                await ours.refresh(store)
            return await super().list_notes(*given, **more)

    store: Any = Slow()
    ours = Directory()
    await ours.refresh(store)
    assert ours.epoch == 2
    assert isinstance(ours.resolve(Address("new", "office.test")), Alias)


async def test_what_is_known_stays_in_force_while_the_store_cannot_be_read() -> None:
    class Broken(_Store):
        async def directory_pages(self) -> AsyncIterator[kept.Directory]:
            raise StorageError("disk on fire")
            yield

    store: Any = Broken()
    ours = directory()
    task = asyncio.create_task(ours.follow(store, clock=_Clock(), journal=_Journal()))
    while store.hint is None:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert Local(AccountId(1), ALICE) == ours.resolve(ALICE)


@pytest.fixture
async def house(tmp_path: Any) -> AsyncIterator[tuple[Store, Directory]]:
    """A store with Alice, and a directory in a file."""
    store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    await store.put_domain(DomainRow("office.test"))
    await store.create_account("alice@office.test", "", ("v1",), quota=9)
    ours = Directory(register=Register(tmp_path / "register"))
    await ours.refresh(store)
    yield store, ours
    await store.close()


async def test_only_what_changed_is_read_again(house: tuple[Store, Directory], monkeypatch: pytest.MonkeyPatch) -> None:
    store, ours = house
    assert isinstance(ours.resolve(BOB), Unknown)
    heard: list[Any] = []
    ours.changed = heard.append
    monkeypatch.setattr(store, "directory_pages", None)
    bob = await store.create_account("bob@office.test", "", (), quota=9)
    await store.put_alias(AliasRow("team@office.test", ("alice@office.test",)))
    await ours.refresh(store)
    assert heard == [{bob}]
    assert ours.resolve(BOB) == Local(bob, BOB)
    assert ours.resolve(Address("team", "office.test")) == Alias(Address("team", "office.test"), (ALICE,))
    await store.remove_account(bob)
    await store.remove_alias("team@office.test")
    await ours.refresh(store)
    assert (type(ours.resolve(BOB)), ours.account(bob)) == (Unknown, None)
    assert isinstance(ours.resolve(Address("team", "office.test")), Unknown)


async def test_an_account_that_changes_is_known_anew(house: tuple[Store, Directory]) -> None:
    store, ours = house
    alice = ours.login("ALICE")
    assert alice is not None
    await end_sessions(store, alice.account, 1)
    await store.change_account(alice.account, verifiers=("v2",), admin=True)
    await ours.refresh(store)
    now = ours.account(alice.account)
    assert now is not None
    assert (now.verifiers, now.generation, ours.admins) == (("v2",), 1, (ALICE,))


async def test_a_change_that_left_no_note_has_all_read_again(house: tuple[Store, Directory]) -> None:
    """Nodes of an earlier release turn the epoch and say nothing of why."""
    store, ours = house
    await store.create_account("bob@office.test", "", (), quota=9)
    await store.drop_notes(turns.KIND, (turns.format_turn((await store.directory()).epoch),))
    await ours.refresh(store)
    assert isinstance(ours.resolve(BOB), Local)


async def test_those_who_are_remembered_are_bounded_and_strangers_are_among_them(
    house: tuple[Store, Directory], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ours = house
    monkeypatch.setattr(directories, "MOST_REMEMBERED", 10)
    for number in range(100):
        assert isinstance(ours.resolve(Address(f"nobody{number}", "office.test")), Unknown)
        assert ours.account(AccountId(1000 + number)) is None
    assert isinstance(ours.resolve(ALICE), Local)
    assert (len(ours._residences), len(ours._people)) == (10, 10)


async def test_the_register_has_no_name(house: tuple[Store, Directory], tmp_path: Any) -> None:
    """Nobody else reads it, and nothing is left of it."""
    assert house[1].login("alice") is not None
    assert not list(tmp_path.glob("register*"))


@pytest.fixture
def full_disk() -> Iterator[Callable[[], None]]:
    """No file may grow any more, once it is called."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_no_reason_to_know_nobody(tmp_path: Any, full_disk: Callable[[], None]) -> None:
    """Who is unknown is refused for good."""
    store: Any = _Store()
    ours = Directory(register=Register(tmp_path / "register"))
    full_disk()
    await ours.refresh(store)
    assert Local(AccountId(1), ALICE) == ours.resolve(ALICE)


async def test_a_disk_that_is_full_later_is_none_either(tmp_path: Any, full_disk: Callable[[], None]) -> None:
    store: Any = _Store()
    ours = Directory(register=Register(tmp_path / "register"))
    await ours.refresh(store)
    full_disk()
    more = [account(number, f"p{number}@office.test") for number in range(10, 500)]
    news = kept.Directory(2, store.rows.domains, tuple(more), ())

    async def since(_epoch: int) -> DirectoryDelta:
        return DirectoryDelta(news, (), ())

    store.directory_since = since
    store.rows = kept.Directory(2, store.rows.domains, (*store.rows.accounts, *more), ())
    await ours.refresh(store)
    assert (ours.epoch, type(ours.resolve(Address("p499", "office.test")))) == (2, Local)
    assert Local(AccountId(1), ALICE) == ours.resolve(ALICE)
