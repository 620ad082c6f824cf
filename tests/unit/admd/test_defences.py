"""Guessing, spraying and locking out, seen from the people (threats A02, A03, A04, A05, A09, O11)."""

import pytest

from posthouse.admd.authenticator import Authenticator, Passed, Refused
from posthouse.admd.credentials import make_verifiers
from posthouse.admd.directory import Directory
from posthouse.admd.exchange import BAD_CREDENTIALS
from posthouse.admd.hashing import Checked
from posthouse.admd.limits import Limits
from posthouse.admd.passwords import BREACHED, PasswordPolicy, breach_key, judge_password
from posthouse.admd.standing import WEAK, end_sessions, note_standing
from posthouse.standards.sasl.scram import parse_client_first
from posthouse.storage.directory import DomainRow
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

PASSWORD, WEAK_PASSWORD = "correct horse battery", "Spring2026!"
ALICE, BOB, WEAKLING = "alice@office.test", "bob@office.test", "weak@office.test"
HOME, NEXT_DOOR = "203.0.113.5", "203.0.113.99"
STRANGERS = [f"198.51.{net}.{host}" for net in range(50) for host in range(1, 11)]


class Instant:
    """A hasher that takes no time: what is hashed is counted, what is right is known."""

    def __init__(self) -> None:
        self.asked = 0

    async def check(self, password, terms):
        self.asked += 1
        if f"right:{password}" not in terms.verifiers:
            return Checked(False)
        weakness = judge_password(password, address=terms.address, least_characters=terms.least_characters)
        return Checked(True, weakness or "")

    def close(self) -> None: ...


class House:
    def __init__(self, store, clock) -> None:
        self.store, self.clock = store, clock
        self.journal = KeptJournal()
        self.nodes = []

    async def node(self, **limits: int):
        node = Node(self, Limits(**limits))
        await node.directory.refresh(self.store)
        self.nodes.append(node)
        return node


class Node:
    def __init__(self, house, limits) -> None:
        self.directory = Directory()
        self.hasher = Instant()
        self.pauses = []
        self.weak = []
        self.login = Authenticator(
            self.directory,
            limits=limits,
            clock=house.clock,
            journal=house.journal,
            secret=bytes(32),
            store=house.store,
            hasher=self.hasher,
            pause=self._pause,
        )
        self.login.note_weakness = lambda account, why: self.weak.append((account.address, why))

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def tries(self, password: str, user: str = ALICE, peer: str = HOME, door: str = "imap"):
        return await self.login.check(user, password, peer=peer, door=door)

    async def settled(self) -> None:
        await self.login.familiar.flush()
        await self.login.app_passwords.flush()


@pytest.fixture
async def house(tmp_path):
    clock = ManualClock()
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    await store.put_domain(DomainRow("office.test"))
    for address, password in ((ALICE, PASSWORD), (BOB, "another one entirely"), (WEAKLING, WEAK_PASSWORD)):
        await store.create_account(address, "", (f"right:{password}",), quota=10**6)
    yield House(store, clock)
    await store.close()


async def test_an_attack_on_her_name_from_500_addresses_does_not_lock_her_out(house) -> None:
    """Threat O11: she logs in whenever she wants from where she is known, and from next door; strangers may not."""
    node = await house.node()
    assert isinstance(await node.tries(PASSWORD), Passed)
    await node.settled()
    good = 0
    for number, peer in enumerate(STRANGERS):
        await node.tries(f"guess {number}", peer=peer)
        if number % 10 == 0:
            house.clock.pass_time(301)  # what was right a moment ago is forgotten: each is hashed again
            good += isinstance(await node.tries(PASSWORD), Passed)
            good += isinstance(await node.tries(PASSWORD, peer=NEXT_DOOR), Passed)
    assert good == 100
    stranger = await node.tries(PASSWORD, peer="192.0.2.77")
    assert isinstance(stranger, Refused)
    assert stranger.transient


async def test_she_is_known_after_a_restart_and_at_another_node(house) -> None:
    first = await house.node()
    assert isinstance(await first.tries(PASSWORD), Passed)
    await first.settled()
    second = await house.node()
    for number, peer in enumerate(STRANGERS[:60]):
        await second.tries(f"guess {number}", peer=peer)
    assert isinstance(await second.tries(PASSWORD, peer="192.0.2.77"), Refused)
    assert isinstance(await second.tries(PASSWORD), Passed)


async def test_after_an_hour_everybody_may_try_again(house) -> None:
    node = await house.node()
    for number, peer in enumerate(STRANGERS[:60]):
        await node.tries(f"guess {number}", peer=peer)
    assert isinstance(await node.tries(PASSWORD, peer="192.0.2.77"), Refused)
    house.clock.pass_time(3600)
    assert isinstance(await node.tries(PASSWORD, peer="192.0.2.77"), Passed)


async def test_ten_thousand_guesses_from_one_address_cost_fifty_hashes(house) -> None:
    """Threat A02: over four nodes, whatever door; the right password is refused from there, and taken from home."""
    nodes = [await house.node() for _ in range(4)]
    await nodes[0].tries(PASSWORD)
    await nodes[0].settled()
    for node in nodes:
        node.hasher.asked = 0
    for number in range(10_000):
        await nodes[number % 4].tries(f"guess {number}", user=f"user{number % 97}@office.test", peer="192.0.2.66")
        house.clock.pass_time(1)
    assert sum(node.hasher.asked for node in nodes) <= 50 + 4 * 2
    assert isinstance(await nodes[1].tries(PASSWORD, peer="192.0.2.66"), Refused)
    assert isinstance(await nodes[1].tries(PASSWORD), Passed)


async def test_a_known_address_may_guess_no_more_than_another(house) -> None:
    node = await house.node()
    await node.tries(PASSWORD)
    await node.settled()
    node.hasher.asked = 0
    for number in range(500):
        await node.tries(f"guess {number}")
        house.clock.pass_time(10)
    assert node.hasher.asked <= 50


async def test_neighbours_of_the_owner_do_not_lock_him_out(house) -> None:
    """An attacker in the same network has counters of his own."""
    node = await house.node()
    await node.tries(PASSWORD)
    await node.settled()
    node.hasher.asked = 0
    for host in range(10, 250):
        for number in range(12):
            await node.tries(f"guess {host} {number}", peer=f"203.0.113.{host}")
    assert node.hasher.asked <= 3 * 10 + 1  # a minute
    assert isinstance(await node.tries(PASSWORD), Passed)


async def test_one_password_for_all_names_from_1000_addresses_raises_an_alarm(house) -> None:
    """Threat A03; legitimate logins are not touched."""
    node = await house.node()
    await node.tries(PASSWORD)
    await node.settled()
    began = house.clock.now()
    for number in range(1000):
        await node.tries(
            "Winter2026!", user=f"user{number % 10}@office.test", peer=f"10.{number // 200}.{number % 200}.9"
        )
        house.clock.pass_time(0.05)
        if number % 100 == 0:
            assert isinstance(await node.tries(PASSWORD), Passed)
    alarms = [entry.event for entry in house.journal.entries if entry.level >= 40]
    assert "auth.spray" in alarms
    assert house.clock.now() - began <= 60


async def test_failures_cost_time_and_hold_no_hasher(house) -> None:
    node = await house.node()
    await node.tries("wrong")
    await node.tries("wrong too")
    assert node.pauses == [1.0, 1.0]
    assert node.login._turns._free == Limits().hash_workers
    for number in range(20):
        await node.tries(f"guess {number}", peer="192.0.2.9")
    assert max(node.pauses) == 2.0


async def test_unknown_users_are_answered_as_known_ones_in_all_their_trouble(house) -> None:
    """Threat A04: the same text, the same pauses, the same lock, as often hashed."""
    node = await house.node()
    told = {}
    for user in (ALICE, "nobody@office.test"):
        node.hasher.asked, node.pauses = 0, []
        answers = [await node.tries(f"guess {n}", user=user, peer=peer) for n, peer in enumerate(STRANGERS[:40])]
        told[user] = (answers, node.pauses, node.hasher.asked)
    assert told[ALICE] == told["nobody@office.test"]


# -- app passwords


async def test_an_app_password_opens_its_doors_and_no_other(house) -> None:
    node = await house.node()
    alice = node.directory.login(ALICE)
    made, shown = await node.login.app_passwords.add(alice.account, "phone", ["imap", "smtp"], seconds=None)
    passed = await node.tries(shown)
    assert isinstance(passed, Passed)
    assert passed.app_password == made.id
    assert isinstance(await node.tries(shown, door="smtp"), Passed)
    assert await node.tries(shown, door="pop3") == Refused(transient=False, reason=BAD_CREDENTIALS)
    assert await node.tries(shown, door="") == Refused(transient=False, reason=BAD_CREDENTIALS)
    assert isinstance(await node.tries(shown, user=BOB), Refused)
    assert node.hasher.asked == 0
    await node.settled()
    assert (await node.login.app_passwords.uses([made]))[made.id].peer == HOME


async def test_a_forgotten_device_with_an_app_password_taken_back_locks_nobody_out(house) -> None:
    node = await house.node()
    alice = node.directory.login(ALICE)
    made, shown = await node.login.app_passwords.add(alice.account, "phone", ["imap"], seconds=None)
    await node.tries(PASSWORD)
    await node.settled()
    await node.login.app_passwords.revoke(alice.account, [made.id])
    for _ in range(200):
        assert isinstance(await node.tries(shown), Refused)
        house.clock.pass_time(1)
    assert isinstance(await node.tries(PASSWORD), Passed)


async def test_an_unknown_users_app_password_is_looked_for_too(house) -> None:
    """Threat A04."""
    node = await house.node()
    guess = "app-" + "-".join(["abcde"] * 5) + "-f"
    assert await node.tries(guess, user="nobody@office.test") == await node.tries(guess)


# -- weak passwords


async def test_a_weak_password_of_old_is_flagged_and_taken(house) -> None:
    """Threat A05: imported long ago, flagged at login."""
    node = await house.node()
    assert isinstance(await node.tries(WEAK_PASSWORD, user=WEAKLING), Passed)
    assert isinstance(await node.tries(PASSWORD), Passed)
    assert [address for address, _why in node.weak] == [WEAKLING]
    assert WEAK_PASSWORD not in node.weak[0][1]


async def test_after_the_grace_it_is_refused_if_the_operator_wants_so(house) -> None:
    node = await house.node()
    node.login.policy = PasswordPolicy(refuses=True, grace_seconds=86400)
    account = node.directory.login(WEAKLING)
    assert isinstance(await node.tries(WEAK_PASSWORD, user=WEAKLING), Passed)
    await note_standing(house.store, account, WEAK, node.weak[0][1], int(house.clock.now() * 1000))
    await node.directory.refresh(house.store)
    assert isinstance(await node.tries(WEAK_PASSWORD, user=WEAKLING), Passed)
    house.clock.pass_time(86400)
    refused = await node.tries(WEAK_PASSWORD, user=WEAKLING)
    assert isinstance(refused, Refused)
    assert refused.expired
    assert isinstance(await node.tries("wrong", user=WEAKLING), Refused)
    assert isinstance(await node.tries(PASSWORD), Passed)


async def test_a_password_that_was_stolen_elsewhere_is_weak(house) -> None:
    node = await house.node()
    node.login.policy = PasswordPolicy(is_breached=lambda key: key == breach_key(PASSWORD))
    assert isinstance(await node.tries(PASSWORD), Passed)
    assert node.weak == [(ALICE, BREACHED)]


async def test_ended_sessions_forget_networks_and_what_was_cached(house) -> None:
    """Threat A06: who was in once is a stranger again."""
    node = await house.node()
    passed = await node.tries(PASSWORD)
    await node.settled()
    await end_sessions(house.store, passed.account.account, 1)
    await node.directory.refresh(house.store)
    assert not node.login.sessions.is_good(passed.account)
    node.hasher.asked = 0
    assert isinstance(await node.tries(PASSWORD), Passed)
    assert node.hasher.asked == 1


async def test_a_scram_login_is_counted_and_known_like_any_other(house) -> None:
    node = await house.node()
    account = node.directory.login(ALICE)
    await house.store.change_account(account.account, verifiers=make_verifiers(PASSWORD, iterations=4096))
    await node.directory.refresh(house.store)
    _row, verifier = node.login.verifier_for(ALICE)
    first = parse_client_first(b"n,,n=alice@office.test,r=abc")
    for number in range(30):
        refused = await node.login.prove(
            b"c=biws,r=abc,p=AAAA", first, "r=abc,s=AAAA,i=4096", verifier, account, STRANGERS[number]
        )
        assert isinstance(refused, Refused)
    assert refused.transient
