"""What an operator does to accounts, without a server."""

import pytest

from posthouse.admd.standing import WEAK, note_standing, read_standing
from posthouse.ops.house import CannotDo

ALICE = "alice@office.test"


async def account(office) -> dict:
    (row,) = await office.do("account list")
    return row


async def test_a_held_account_is_listed_with_its_reason_and_released(office) -> None:
    (row,) = await office.do("account hold", address=ALICE, reason="looks stolen")
    assert row == {"address": ALICE, "held": "looks stolen", "waiting": 0}
    assert (await account(office))["held"] == "looks stolen"
    await office.do("account release", address=ALICE)
    assert (await account(office))["held"] == ""
    with pytest.raises(CannotDo, match="not held"):
        await office.do("account release", address=ALICE)


async def test_revoking_makes_a_new_password_unless_the_old_one_is_kept(office) -> None:
    before = (await office.house.store.directory()).accounts[0].verifiers
    await office.do("account app-password add", address=ALICE, name="phone", scopes=["imap"])
    (row,) = await office.do("account revoke-sessions", address=ALICE, keep_password=True)
    assert row == {"address": ALICE, "app_passwords": 1, "generation": 1}
    assert (await office.house.store.directory()).accounts[0].verifiers == before
    (row,) = await office.do("account revoke-sessions", address=ALICE)
    assert len(row["password"]) > 20
    assert row["generation"] == 2
    assert (await office.house.store.directory()).accounts[0].verifiers != before


async def test_a_domain_is_granted_and_taken_back(office) -> None:
    await office.do("account grant", address=ALICE, domain="Project.test")
    assert (await account(office))["grants"] == ["project.test"]
    await office.do("account ungrant", address=ALICE, domain="project.test")
    assert (await account(office))["grants"] == []
    with pytest.raises(CannotDo, match="not granted"):
        await office.do("account ungrant", address=ALICE, domain="project.test")


async def test_an_app_password_is_shown_once(office) -> None:
    (made,) = await office.do(
        "account app-password add", address=ALICE, name="phone", scopes=["smtp", "imap"], seconds=3600
    )
    assert made["scopes"] == ["imap", "smtp"]
    (listed,) = await office.do("account app-password list", address=ALICE)
    assert "password" not in listed
    assert made["password"] not in str(listed)
    assert (listed["id"], listed["name"], listed["used_at"]) == (made["id"], "phone", 0)
    (gone,) = await office.do("account app-password revoke", address=ALICE, which=made["id"])
    assert gone["ids"] == [made["id"]]
    assert await office.do("account app-password list", address=ALICE) == []


@pytest.mark.parametrize(
    "given", [{"name": "", "scopes": []}, {"name": "x\ty", "scopes": []}, {"name": "x", "scopes": ["http"]}]
)
async def test_an_app_password_that_cannot_be_is_refused(office, given) -> None:
    with pytest.raises(CannotDo):
        await office.do("account app-password add", address=ALICE, **given)


async def test_one_that_is_not_there_is_not_taken_back(office) -> None:
    with pytest.raises(CannotDo, match="no app password"):
        await office.do("account app-password revoke", address=ALICE, which="phone")


async def test_a_new_password_ends_sessions_and_the_remark_about_the_old_one(office) -> None:
    row = (await office.house.store.directory()).accounts[0]
    await note_standing(office.house.store, row, WEAK, "easy", 1)
    await office.do("account password", address=ALICE)
    standing = await read_standing(office.house.store, row.account)
    assert (standing.weak, standing.generation) == ("", 1)


async def test_nothing_is_left_of_a_removed_account(office) -> None:
    await office.do("account hold", address=ALICE)
    await office.do("account app-password add", address=ALICE, name="phone", scopes=[])
    await office.do("account remove", address=ALICE, yes=True)
    assert not await office.house.store.list_notes("account.standing")
    assert not await office.house.store.list_notes("app.password")
