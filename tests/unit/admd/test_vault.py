"""What is sealed opens for whoever has the master key and knows what it is for, and for nobody else."""

import asyncio

import pytest

from posthouse.admd.vault import KEY_OCTETS, Vault, VaultLocked, forget, make_master_key, unlock
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

KEY = bytes(range(KEY_OCTETS))


@pytest.fixture
async def store(tmp_path):
    store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    yield store
    await store.close()


def test_what_is_sealed_opens_again():
    vault = Vault(KEY)
    sealed = vault.seal(b"secret", "a key")
    assert b"secret" not in sealed
    assert vault.open(sealed, "a key") == b"secret"


def test_two_seals_of_one_secret_differ():
    vault = Vault(KEY)
    assert vault.seal(b"secret", "a key") != vault.seal(b"secret", "a key")


def test_moved_to_another_name_it_does_not_open():
    sealed = Vault(KEY).seal(b"secret", "DKIM key r1 of office.test")
    with pytest.raises(VaultLocked, match="DKIM key r1 of victim"):
        Vault(KEY).open(sealed, "DKIM key r1 of victim.test")


def test_with_another_master_key_it_does_not_open():
    with pytest.raises(VaultLocked, match="another master key"):
        Vault(make_master_key()).open(Vault(KEY).seal(b"secret", "a key"), "a key")


@pytest.mark.parametrize("bit", range(8 * (1 + 12 + 6 + 16)))
def test_a_changed_bit_is_noticed(bit):
    sealed = bytearray(Vault(KEY).seal(b"secret", "a key"))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VaultLocked):
        Vault(KEY).open(bytes(sealed), "a key")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 13, b"\x02" + bytes(40)])
def test_what_is_no_seal_does_not_open(sealed):
    with pytest.raises(VaultLocked):
        Vault(KEY).open(sealed, "a key")


def test_a_locked_vault_says_why():
    vault = Vault(None, "the file is lost")
    assert vault.is_locked
    for use in (lambda: vault.seal(b"x", "y"), lambda: vault.open(b"x", "y")):
        with pytest.raises(VaultLocked, match="the file is lost"):
            use()


def test_a_master_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 octets, not 5"):
        Vault(b"short")


def nothing_made() -> bytes:
    raise AssertionError("no master key may be made")


async def test_the_first_use_makes_a_master_key(store):
    vault = await unlock(store, None, lambda: KEY, "master.key")
    assert Vault(KEY).open(vault.seal(b"x", "y"), "y") == b"x"


async def test_the_same_master_key_opens_it_again(store):
    await unlock(store, KEY, nothing_made, "master.key")
    assert not (await unlock(store, KEY, nothing_made, "master.key")).is_locked


async def test_a_lost_master_key_is_said_and_never_replaced(store):
    await unlock(store, KEY, nothing_made, "/x/master.key")
    vault = await unlock(store, None, nothing_made, "/x/master.key")
    assert vault.why == "the master key /x/master.key is lost: put the file back, from a copy or from another node"


async def test_a_wrong_master_key_is_said(store):
    await unlock(store, KEY, nothing_made, "/x/master.key")
    vault = await unlock(store, make_master_key(), nothing_made, "/x/master.key")
    assert vault.why.startswith("/x/master.key is not the master key")


async def test_of_two_that_begin_at_the_same_moment_one_is_told_that_its_key_is_another(store):
    keys = [make_master_key(), make_master_key()]
    vaults = await asyncio.gather(*[unlock(store, key, nothing_made, "/x/master.key") for key in keys])
    assert sorted(vault.is_locked for vault in vaults) == [False, True]
    assert "not the master key" in "".join(vault.why for vault in vaults)
    for key, vault in zip(keys, vaults, strict=True):  # as after a restart
        assert (await unlock(store, key, nothing_made, "/x/master.key")).is_locked is vault.is_locked


async def test_who_lost_it_for_good_begins_anew(store):
    await unlock(store, KEY, nothing_made, "master.key")
    other = make_master_key()
    await forget(store, lambda: other)
    assert not (await unlock(store, other, nothing_made, "master.key")).is_locked
    assert (await unlock(store, KEY, nothing_made, "master.key")).is_locked
