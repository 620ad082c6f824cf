"""The keys of our domains on the shelf, in memory and in the DNS."""

import pytest

from posthouse.admd.directory import Directory
from posthouse.admd.keyring import JOB, KIND, KeyRing
from posthouse.admd.keys import DAY, State, parse_row
from posthouse.admd.vault import Vault, VaultLocked, make_master_key
from posthouse.standards.dkim.keypair import load_private
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import StorageError
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock
from posthouse.testing.zone import Zone

MASTER = make_master_key()


class Registry:
    """An office with two tenants, and the DNS."""

    def __init__(self, store, clock) -> None:
        self.store, self.clock = store, clock
        self.journal, self.directory, self.zone = KeptJournal(), Directory(), Zone()

    def ring(self, vault=None) -> KeyRing:
        return KeyRing(self.store, self.directory, vault or Vault(MASTER), clock=self.clock, journal=self.journal)

    def publish(self, ring: KeyRing) -> None:
        for row in ring.rows():
            self.zone.publish(row.name, row.record.encode())

    async def tended(self, ring=None) -> KeyRing:
        """A ring whose keys are in use."""
        ring = ring or self.ring()
        await ring.tend(self.zone, "here")
        self.publish(ring)
        await ring.tend(self.zone, "here")
        return ring


@pytest.fixture
async def registry(tmp_path):
    clock = ManualClock()
    store = await open_store(tmp_path, clock=clock, ids=CountedIds(), journal=KeptJournal())
    registry = Registry(store, clock)
    for name in ("office.test", "tenant.test"):
        await store.put_domain(DomainRow(name))
    await registry.directory.refresh(store)
    yield registry
    await store.close()


def selectors(ring: KeyRing, domain: str = "office.test") -> list[str]:
    return [key.selector for key in ring.keys_of(domain)]


async def test_keys_are_made_for_every_domain_and_sign_nothing_yet(registry):
    ring = registry.ring()
    await ring.tend(registry.zone, "here")
    assert {(row.domain, row.kind, row.state) for row in ring.rows()} == {
        (domain, kind, State.MADE) for domain in ("office.test", "tenant.test") for kind in ("rsa", "ed25519")
    }
    assert ring.keys_of("office.test") == ()


async def test_they_sign_once_the_dns_shows_them_rsa_first(registry):
    ring = await registry.tended()
    assert [key.algorithm for key in ring.keys_of("office.test")] == ["rsa-sha256", "ed25519-sha256"]


async def test_no_answer_of_the_dns_is_not_a_yes(registry):
    ring = registry.ring()
    await ring.tend(registry.zone, "here")
    registry.publish(ring)
    registry.zone.broken = frozenset(row.name for row in ring.rows())
    await ring.tend(registry.zone, "here")
    assert ring.keys_of("office.test") == ()


async def test_every_domain_has_keys_of_its_own(registry):
    ring = await registry.tended()
    ours, theirs = ring.keys_of("office.test"), ring.keys_of("tenant.test")
    assert {key.domain for key in ours} == {"office.test"}
    assert {key.domain for key in theirs} == {"tenant.test"}
    assert not {key.key.private_bytes_raw() for key in ours[1:]} & {key.key.private_bytes_raw() for key in theirs[1:]}


async def test_a_sealed_key_moved_to_another_tenant_does_not_sign_for_him(registry):
    """Threat A08: whoever can write into the store still cannot lend himself a key."""
    ring = await registry.tended()
    notes = {parse_row(note.value).domain: note for note in await registry.store.list_notes(KIND)}
    mine = parse_row(notes["tenant.test"].value)
    moved = type(mine)("office.test", mine.selector, mine.kind, State.ACTIVE, mine.record, mine.made_at, mine.sealed)
    await ring.forget("office.test")
    await ring.write([moved])
    assert ring.keys_of("office.test") == ()
    assert ring.trouble.startswith("the DKIM keys of office.test cannot be opened")


@pytest.mark.parametrize("domain", ["far.test", "sub.office.test", "", "OFFICE.TEST"])
async def test_a_domain_that_is_not_ours_has_no_keys(registry, domain):
    ring = await registry.tended()
    assert ring.keys_of(domain) == ()


async def test_a_domain_that_went_takes_its_keys_with_it(registry):
    ring = await registry.tended()
    await registry.store.remove_domain("tenant.test")
    await registry.directory.refresh(registry.store)
    assert ring.keys_of("tenant.test") == ()
    await ring.tend(registry.zone, "here")
    assert {row.domain for row in ring.rows()} == {"office.test"}


async def test_the_machine_signs_with_the_domain_above_it(registry):
    ring = await registry.tended()
    assert ring.nearest("mx.office.test") == "office.test"
    assert ring.nearest("office.test.far.test") == ""


async def test_another_life_of_the_server_opens_them_again(registry):
    first = await registry.tended()
    second = registry.ring()
    await second.refresh()
    assert selectors(second) == selectors(first)


async def test_a_round_in_a_slow_dns_is_the_same_nodes_to_its_end(registry):
    for number in range(4):
        await registry.store.put_domain(DomainRow(f"slow{number}.test"))
    await registry.directory.refresh(registry.store)
    ring = await registry.tended()
    taken = []

    class Slow(Zone):
        async def txt(self, name):
            registry.clock.pass_time(60)
            now = int(registry.clock.now() * 1000)
            taken.append(await registry.store.lease(JOB, "there", now, now))
            return await registry.zone.txt(name)

    await ring.tend(Slow(), "here")
    assert taken == [None] * 12


async def test_another_node_learns_of_a_change_when_it_looks(registry):
    first, second = registry.ring(), registry.ring()
    await registry.tended(first)
    await second.tend(registry.zone, "there")
    assert selectors(second) == selectors(first)


async def test_only_one_node_tends_at_a_time(registry):
    await registry.ring().tend(Zone(), "here")
    made = len(await registry.store.list_notes(KIND))
    await registry.store.drop_notes(KIND, [note.key for note in await registry.store.list_notes(KIND)])
    await registry.ring().tend(Zone(), "there")
    assert (made, len(await registry.store.list_notes(KIND))) == (4, 0)


async def test_with_the_wrong_master_key_nothing_is_signed_and_the_operator_hears_it_once(registry):
    await registry.tended()
    locked = registry.ring(Vault(None, "the master key /x/master.key is lost"))
    await locked.refresh()
    await locked.refresh()
    assert locked.keys_of("office.test") == ()
    assert locked.trouble == (
        "the DKIM keys of office.test, tenant.test cannot be opened: the master key /x/master.key is lost"
    )
    assert [entry.event for entry in registry.journal.entries if entry.event == "dkim.locked"] == ["dkim.locked"]


async def test_a_locked_vault_makes_no_keys(registry):
    locked = registry.ring(Vault(None, "lost"))
    await locked.tend(registry.zone, "here")
    assert (locked.rows(), locked.trouble) == ([], "no DKIM key can be made: lost")
    with pytest.raises(VaultLocked, match="lost"):
        await locked.make("office.test")


async def test_keys_that_are_lost_for_good_are_given_up_and_replaced(registry):
    await registry.tended()
    ring = registry.ring(Vault(make_master_key()))
    await ring.refresh()
    assert len(await ring.forget_locked()) == 4
    registry.clock.pass_time(60)
    await registry.tended(ring)
    assert len(ring.keys_of("office.test")) == 2
    assert len({row.selector for row in ring.rows("office.test")}) == 4


async def test_an_active_key_whose_record_is_gone_raises_the_alarm_once(registry):
    ring = await registry.tended()
    registry.zone.names = {}
    await ring.tend(registry.zone, "here")
    await ring.tend(registry.zone, "here")
    told = [entry for entry in registry.journal.entries if entry.event == "dkim.unpublished"]
    assert len(told) == 4
    assert selectors(ring), "a signature that fails does no more harm than none"


async def test_a_rotation_goes_its_whole_way(registry):
    ring = await registry.tended()
    first = selectors(ring)
    registry.clock.pass_time(90 * DAY / 1000)
    await registry.tended(ring)
    assert selectors(ring) == first
    registry.clock.pass_time(3600)
    await ring.tend(registry.zone, "here")
    second = selectors(ring)
    assert set(first).isdisjoint(second)
    registry.clock.pass_time(14 * DAY / 1000)
    await ring.tend(registry.zone, "here")
    assert {row.selector: row.state for row in ring.rows("office.test") if row.selector in first} == dict.fromkeys(
        first, State.REMOVED
    )


class Dying:
    """A store in front of another that dies at the ``number``-th write, before or after it is done."""

    def __init__(self, store, number: int, *, before: bool) -> None:
        self._store, self._left, self._before = store, number, before

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def put_notes(self, notes) -> None:
        self._left -= 1
        if self._left == 0 and self._before:
            raise StorageError("cut off")
        await self._store.put_notes(notes)
        if self._left == 0:
            raise StorageError("cut off")


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("number", range(1, 7))
async def test_a_death_at_any_step_of_a_rotation_leaves_keys_that_sign_and_can_be_verified(registry, number, before):
    """Another life of the server takes it up where it was, and comes to the same end."""
    ring = await registry.tended()
    store, signed = registry.store, set()
    registry.store = Dying(store, number, before=before)
    ring = registry.ring()
    for day in range(120):
        registry.clock.pass_time(DAY / 1000)
        try:
            await ring.tend(registry.zone, "here")
        except StorageError:
            registry.store = store
            ring = registry.ring()
            await ring.tend(registry.zone, "here")
        if day % 7 == 0:
            registry.publish(ring)
        keys = ring.keys_of("office.test")
        assert len(keys) == 2
        signed |= {f"{key.selector}._domainkey.{key.domain}" for key in keys}
        assert signed <= set(registry.zone.names)
    assert len(signed) == 4
    assert sorted(row.state.value for row in ring.rows("office.test")) == ["active", "active", "removed", "removed"]


async def test_a_dump_of_the_store_holds_no_private_key(registry, tmp_path):
    """Threat O01: not as PEM, not as DER, not its secret numbers."""
    ring = await registry.tended()
    dump = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(dump) > 10_000
    for row in ring.rows():
        der = Vault(MASTER).open(row.sealed, row.about)
        assert der not in dump
        key = load_private(der)
        if row.kind == "rsa":
            numbers = key.private_numbers()
            secrets = [number.to_bytes(128, "big") for number in (numbers.p, numbers.q)]
        else:
            secrets = [key.private_bytes_raw()]
        assert not any(secret in dump for secret in secrets)
    assert b"PRIVATE KEY" not in dump


async def test_what_is_no_row_is_passed_over(registry):
    ring = await registry.tended()
    (note, *_) = await registry.store.list_notes(KIND)
    await registry.store.put_notes([type(note)(KIND, "junk", b"{}")])
    await ring.refresh()
    assert len(ring.rows()) == 4
    assert any(entry.event == "dkim.unreadable" for entry in registry.journal.entries)
