"""The office of ``posthouse localserve``: what it is made of, and what it says of its passwords."""

import json
from types import SimpleNamespace

import pytest

from posthouse.admd.credentials import make_verifiers
from posthouse.admd.limits import Limits
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.load import Misconfigured
from posthouse.supervisor.localserve import HOSTNAME, Office, Wishes, open_office
from posthouse.supervisor.works import Tools
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

LIMITS = Limits(scram_iterations=4096)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def wishes(tmp_path, said) -> Wishes:
    return Wishes(directory=tmp_path / "office", say=said.append)


@pytest.fixture
async def store(tmp_path):
    store = await open_store(tmp_path / "store", clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    yield store
    await store.close()


async def move_in(office: Office, store) -> dict:
    """Start once; gives what programs are told."""
    await office.settle_in(store, Tools(ManualClock(), CountedIds(), KeptJournal(), None, LIMITS))
    office.announce(SimpleNamespace(listeners=[]))
    return json.loads((office.wishes.directory / "endpoints.json").read_text())


def setting_of(tmp_path, text: str):
    file = tmp_path / "part.toml"
    file.write_text(text)
    return open_office(Wishes(directory=tmp_path / "office", config=file)).setting()


def test_a_file_that_says_only_a_limit_is_enough(tmp_path) -> None:
    setting = setting_of(tmp_path, '[limits]\nmessage_octets = "1MiB"\n')
    assert setting.configuration.hostname == HOSTNAME
    assert setting.configuration.effective_limits.message_octets == 2**20


def test_doors_of_the_file_need_no_certificate_when_we_bring_our_own(tmp_path) -> None:
    setting = setting_of(tmp_path, '[[listener]]\nservice = "submission"\nport = 587\n')
    assert len(setting.configuration.listener) == 9


def test_other_rules_of_the_file_hold(tmp_path) -> None:
    with pytest.raises(Misconfigured, match=r"part\.toml:1: limit: there is no such key"):
        setting_of(tmp_path, "[limit]\n")


async def test_a_password_that_was_changed_is_not_told_again(wishes, store, said) -> None:
    first = await move_in(open_office(wishes), store)
    bob = next(row for row in (await store.directory()).accounts if row.address == "bob@office.test")
    await store.change_account(bob.account, verifiers=make_verifiers("another long passphrase", iterations=4096))
    said.clear()
    second = await move_in(open_office(wishes), store)
    assert second["accounts"][1] == {"address": "bob@office.test", "password": None}
    assert (second["accounts"][0], second["admin"]) == (first["accounts"][0], first["admin"])
    assert "  bob@office.test      (changed)" in said
    assert not any(first["accounts"][1]["password"] in line for line in said)


async def test_a_password_that_was_changed_back_is_told_again(wishes, store, said) -> None:
    first = await move_in(open_office(wishes), store)
    bob = next(row for row in (await store.directory()).accounts if row.address == "bob@office.test")
    for password in ("another long passphrase", first["accounts"][1]["password"]):
        await store.change_account(bob.account, verifiers=make_verifiers(password, iterations=4096))
    assert await move_in(open_office(wishes), store) == first
