"""Domains, accounts and aliases in the operator's hands."""

from dataclasses import replace

import pytest

from posthouse.admd.credentials import verify_password
from posthouse.admd.directory import Directory
from posthouse.ops.control import perform
from posthouse.ops.house import CannotDo
from posthouse.storage.directory import AliasRow
from posthouse.storage.sql import turns


async def test_an_account_is_made_with_a_password_that_works_and_is_kept_nowhere(office) -> None:
    directory = await office.house.store.directory()
    (account,) = directory.accounts
    assert verify_password(account.verifiers, "correct horse battery")
    assert "battery" not in str(directory)


async def test_without_a_password_one_is_made_and_shown_once(office) -> None:
    (row,) = await office.do("account add", address="bob@office.test")
    directory = await office.house.store.directory()
    bob = next(account for account in directory.accounts if account.address == "bob@office.test")
    assert verify_password(bob.verifiers, row["password"])
    assert all("password" not in row for row in await office.do("account list"))


async def test_a_given_password_is_not_shown(office) -> None:
    (row,) = await office.do("account password", address="alice@office.test", password="another long passphrase")
    assert row == {"address": "alice@office.test", "changed": True}


@pytest.mark.parametrize("password", ["password", "alice2024", "short", "nul\0nul nul nul nul"])
async def test_a_weak_password_is_refused_and_changes_nothing(office, password) -> None:
    """Threat A05, L41."""
    before = await office.house.store.directory()
    with pytest.raises(CannotDo, match="will not do"):
        await office.do("account password", address="alice@office.test", password=password)
    assert before == await office.house.store.directory()


async def test_show_tells_mailboxes_and_aliases(office) -> None:
    await office.do("alias add", address="sales@office.test", targets=["alice@office.test"])
    (row,) = await office.do("account show", address="ALICE@office.test")
    assert row["aliases"] == ["sales@office.test"]
    assert {"INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive"} == {box["name"] for box in row["mailboxes"]}


async def test_a_disabled_account_is_shown_as_such_until_it_is_enabled(office) -> None:
    await office.do("account disable", address="alice@office.test")
    assert [row["enabled"] for row in await office.do("account list")] == [False]
    await office.do("account enable", address="alice@office.test")
    assert [row["enabled"] for row in await office.do("account list")] == [True]


async def test_an_account_goes_only_when_that_is_meant(office) -> None:
    with pytest.raises(CannotDo, match="all its mail"):
        await office.do("account remove", address="alice@office.test")
    await office.do("account remove", address="alice@office.test", yes=True)
    assert not await office.do("account list")


async def test_who_is_removed_is_told_what_still_leads_there(office) -> None:
    await office.do("account add", address="bob@office.test")
    await office.do("alias add", address="sales@office.test", targets=["bob@office.test", "alice@office.test"])
    (row,) = await office.do("account remove", address="bob@office.test", yes=True)
    assert row == {"address": "bob@office.test", "removed": True, "aliases": ["sales@office.test"]}


async def test_what_is_taken_is_said_with_what_took_it(office) -> None:
    await office.do("alias add", address="sales@office.test", targets=["alice@office.test"])
    for address, noun in (("alice@office.test", "account"), ("Sales@office.test", "alias")):
        with pytest.raises(CannotDo, match="exists already") as problem:
            await office.do("account add", address=address)
        assert problem.value.hint.startswith(f"posthouse {noun} ")


async def test_a_domain_in_use_stays(office) -> None:
    with pytest.raises(CannotDo, match=r"office\.test is in use: accounts 1, aliases 0"):
        await office.do("domain remove", name="office.test")
    await office.do("account remove", address="alice@office.test", yes=True)
    await office.do("domain remove", name="office.test")
    assert not await office.do("domain list")


async def test_domains_are_kept_as_a_labels(operator) -> None:
    (row,) = await operator.do("domain add", name="Bücher.Example")
    assert row["domain"] == "xn--bcher-kva.example"


async def test_a_domain_keeps_its_age_when_it_is_changed(operator) -> None:
    await operator.do("domain add", name="office.test")
    operator.house.clock.pass_time(60)
    await operator.do("domain add", name="office.test", catch_all="alice@office.test")
    (row,) = await operator.do("domain list")
    assert row["catch_all"] == "alice@office.test"
    assert row["created_at"] == operator.house.now - 60_000


async def test_a_domain_keeps_its_catch_all_unless_it_is_told_another(office) -> None:
    await office.do("domain add", name="office.test", catch_all="alice@office.test")
    (row,) = await office.do("domain add", name="office.test")
    assert (row["catch_all"], row["changed"]) == ("alice@office.test", True)
    (row,) = await office.do("domain add", name="office.test", catch_all="")
    assert (await office.do("domain list"))[0]["catch_all"] == row["catch_all"] == ""


@pytest.mark.parametrize(
    ("operation", "given", "problem"),
    [
        ("account add", {"address": "bob"}, "not an address"),
        ("account add", {"address": "bob@elsewhere.test"}, "not a domain of ours"),
        ("account add", {"address": "Alice@office.test"}, "exists already"),
        ("account add", {"address": "bob@office.test", "quota": 0}, "never means unlimited"),
        ("account add", {}, "address is missing"),
        ("account show", {"address": "nobody@office.test"}, "no account"),
        ("account list", {"adress": "x"}, "unknown: adress"),
        ("alias add", {"address": "alice@office.test", "targets": ["b@office.test"]}, "is an account"),
        ("alias add", {"address": "x@office.test", "targets": []}, "at least one"),
        ("alias add", {"address": "x@office.test", "targets": ["nonsense"]}, "not an address"),
        ("alias remove", {"address": "x@office.test"}, "no alias"),
        ("domain add", {"name": "not a domain"}, "not a domain"),
        ("domain add", {"name": "bad_domain..x"}, r"^bad_domain\.\.x is not a domain$"),
        ("domain add", {"name": "[192.0.2.1]"}, "not a domain"),
        ("domain remove", {"name": "elsewhere.test"}, "no domain"),
        ("nonsense", {}, "no operation"),
    ],
)
async def test_what_cannot_be_done_is_said(office, operation, given, problem) -> None:
    with pytest.raises(CannotDo, match=problem):
        await office.do(operation, **given)


async def test_lists_are_read_page_by_page_in_the_order_of_people(office, monkeypatch) -> None:
    """A million accounts never are in memory at once: a page is read when the one before it has been told."""
    monkeypatch.setattr(turns, "PAGE", 3)
    store = office.house.store
    await office.do("domain add", name="a.test")
    for name in ("x@a.test", "c@office.test", "b@office.test", "a@a.test", "d@office.test", "e@office.test"):
        await store.create_account(name, "", (), quota=1, at=1)
        await store.put_alias(AliasRow(f"to-{name}", (name,)))
    office.house = replace(office.house, directory=Directory())
    pages = []
    walk = store.directory_pages

    async def counted(**given):
        async for page in walk(**given):
            pages.append(page)
            yield page

    people = ["a@a.test", "x@a.test", "alice@office.test", *(f"{name}@office.test" for name in "bcde")]
    await office.do("account show", address="alice@office.test")  # who lives here is known
    monkeypatch.setattr(store, "directory_pages", counted)
    for operation, wanted in (
        ("account list", people),
        ("alias list", [f"to-{one}" for one in people if one != people[2]]),
    ):
        pages.clear()
        seen = 0
        async for row in perform(office.house, operation, {}):
            assert row["address"] == wanted[seen]
            seen += 1
            assert seen > 3 * (len(pages) - 1), "a page was read before it was needed"
        assert seen == len(wanted)
        assert all(len(page.accounts) + len(page.aliases) <= 3 for page in pages)


EVERY_LIST = (
    ("account list", {}), ("alias list", {}), ("domain list", {}), ("status", {}), ("quarantine list", {}),
    ("account show", {"address": "alice@office.test"}), ("domain add", {"name": "office.test"}),
    ("alias add", {"address": "x@office.test", "targets": ["alice@office.test"]}),
    ("alias remove", {"address": "x@office.test"}), ("quarantine list", {"account": "alice@office.test"}),
    ("account remove", {"address": "alice@office.test", "yes": True}), ("domain remove", {"name": "office.test"}),
)  # fmt: skip


async def test_no_command_reads_all_there_is(office, monkeypatch) -> None:
    async def whole() -> None:
        raise AssertionError("the whole directory, for one command")

    monkeypatch.setattr(office.house.store, "directory", whole)
    for operation, given in EVERY_LIST:
        await office.do(operation, **given)
