"""App passwords: shown once, for some doors, with an end (threat A09)."""

import pytest

from posthouse.admd.apppasswords import MOST, AppPasswords, generate_app_password, parse_app_password
from posthouse.mail.ids import AccountId
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

ALICE, BOB = AccountId(1), AccountId(2)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def passwords(tmp_path, clock):
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    yield AppPasswords(store, bytes(32), clock, KeptJournal())
    await store.close()


def letters(shown: str) -> str:
    found = parse_app_password(shown)
    assert found is not None
    return found


def test_each_has_130_bits_and_is_told_by_its_look() -> None:
    shown = generate_app_password()
    assert len(letters(shown)) * 5 == 130
    assert letters(shown) == letters(shown.upper().replace("-", " "))


@pytest.mark.parametrize("other", ["", "app", "correct horse battery", "app-" + "0" * 26, "app-" + "a" * 25, "a" * 900])
def test_other_passwords_are_none(other: str) -> None:
    assert parse_app_password(other) is None


async def test_it_is_found_by_its_letters_alone_in_its_own_account(passwords) -> None:
    made, shown = await passwords.add(ALICE, "phone", ["imap", "smtp"], seconds=None)
    assert await passwords.find(ALICE, letters(shown)) == made
    assert await passwords.find(BOB, letters(shown)) is None
    assert await passwords.find(None, letters(shown)) is None
    assert await passwords.find(ALICE, letters(generate_app_password())) is None


async def test_a_row_that_is_copied_to_another_account_is_worth_nothing(passwords) -> None:
    made, shown = await passwords.add(ALICE, "phone", ["imap"], seconds=None)
    row = (await passwords._store.notes("app.password", [made.key]))[0]
    await passwords._store.put_notes([type(row)("app.password", f"{BOB}/{made.id}", row.value)])
    assert await passwords.find(BOB, letters(shown)) is None


async def test_its_end_is_the_end(passwords, clock) -> None:
    _made, shown = await passwords.add(ALICE, "phone", ["imap"], seconds=3600)
    clock.pass_time(3599)
    assert await passwords.find(ALICE, letters(shown)) is not None
    clock.pass_time(1)
    assert await passwords.find(ALICE, letters(shown)) is None
    assert not await passwords.of(ALICE)


async def test_one_is_taken_back_and_the_others_stay(passwords) -> None:
    lost, _shown = await passwords.add(ALICE, "lost phone", ["imap"], seconds=None)
    kept, _shown = await passwords.add(ALICE, "laptop", ["imap"], seconds=None)
    assert await passwords.revoke(ALICE, [lost.id]) == 1
    assert await passwords.of(ALICE) == [kept]
    assert await passwords.revoke(ALICE) == 1
    assert await passwords.revoke(ALICE) == 0


async def test_scopes_are_doors_that_exist_and_there_is_an_end_to_how_many(passwords) -> None:
    for scopes in ([], ["http"], ["imap", "root"]):
        with pytest.raises(ValueError, match="scope"):
            await passwords.add(ALICE, "x", scopes, seconds=None)
    for number in range(MOST):
        await passwords.add(ALICE, f"device {number}", ["imap"], seconds=None)
    with pytest.raises(ValueError, match="already"):
        await passwords.add(ALICE, "one more", ["imap"], seconds=None)


async def test_when_it_was_last_used_is_written_once_an_hour(passwords, clock) -> None:
    made, _shown = await passwords.add(ALICE, "phone", ["imap"], seconds=None)
    assert await passwords.uses([made]) == {}
    began = int(clock.now() * 1000)
    passwords.note_use(made, "192.0.2.1")
    await passwords.flush()
    clock.pass_time(60)
    passwords.note_use(made, "192.0.2.2")
    await passwords.flush()
    use = (await passwords.uses([made]))[made.id]
    assert (use.at, use.peer) == (began, "192.0.2.1")
    clock.pass_time(3600)
    passwords.note_use(made, "192.0.2.2")
    await passwords.flush()
    assert (await passwords.uses([made]))[made.id].peer == "192.0.2.2"
