"""Who may log in, and who must wait."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from posthouse.admd.authenticator import Authenticator, Challenge, Passed, Refused
from posthouse.admd.credentials import make_verifiers
from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.lib.sansio import Channel
from posthouse.mail.ids import AccountId
from posthouse.standards.sasl.plain import format_plain
from posthouse.standards.sasl.scram import ScramClient
from posthouse.storage import directory as kept
from posthouse.storage.directory import AccountRow, DomainRow

PASSWORD = "correct horse battery"
VERIFIERS = make_verifiers(PASSWORD, iterations=4096)
OTHER_VERIFIERS = make_verifiers("another one entirely", iterations=4096)
TLS = Channel("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
HOME, AWAY = "192.0.2.1", "198.51.100.7"


class Clock:
    seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    monotonic = now


class Journal:
    def __init__(self) -> None:
        self.entries: list[str] = []

    def note(self, event: str, *rest: Any, **values: Any) -> None:
        self.entries.append(f"{event} {rest} {values}")

    def bug(self, event: str, error: BaseException, /, **values: Any) -> None:
        raise error

    def bind(self, **_: Any) -> "Journal":
        return self


def rows(**changes: Any) -> kept.Directory:
    alice = {"verifiers": VERIFIERS, **changes}
    return kept.Directory(
        1,
        (DomainRow("office.test"),),
        (
            AccountRow(AccountId(1), "alice@office.test", "", quota=0, used=0, **alice),
            AccountRow(AccountId(2), "bob@office.test", "", OTHER_VERIFIERS, 0, 0),
        ),
        (),
    )


class House:
    def __init__(self, **limits: int) -> None:
        self.clock = Clock()
        self.journal = Journal()
        self.directory = Directory(rows())
        self.authenticator = Authenticator(
            self.directory,
            limits=Limits(**limits),
            clock=self.clock,
            journal=self.journal,
            exempt=frozenset({"127.0.0.1"}),
        )

    async def login(self, password: str = PASSWORD, user: str = "alice@office.test", peer: str = HOME) -> Any:
        return await self.authenticator.check(user, password, peer=peer)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    house.authenticator.close()


async def test_the_right_password_lets_in(house: House) -> None:
    passed = await house.login()
    assert isinstance(passed, Passed)
    assert passed.account.account == AccountId(1)
    assert passed.address == "alice@office.test"


async def test_unknown_user_wrong_password_and_disabled_account_read_the_same(house: House) -> None:
    """Threat A04."""
    wrong = await house.login("wrong")
    unknown = await house.login(user="nobody@office.test")
    house.directory.update(rows(enabled=False))
    disabled = await house.login()
    assert wrong == unknown == disabled
    assert isinstance(wrong, Refused)
    assert not wrong.transient


async def test_an_unknown_user_costs_a_hash_too(house: House) -> None:
    """Threat A04: equal work, so equal time."""
    await house.login(user="nobody@office.test")
    assert house.authenticator.hashed == 1


async def test_a_second_login_needs_no_hash(house: House) -> None:
    await house.login()
    assert isinstance(await house.login(), Passed)
    assert house.authenticator.hashed == 1


async def test_the_memory_of_a_login_fades(house: House) -> None:
    await house.login()
    house.clock.seconds += 301
    await house.login()
    assert house.authenticator.hashed == 2


async def test_what_one_user_proved_says_nothing_about_another(house: House) -> None:
    """Threat A09."""
    await house.login()
    assert isinstance(await house.login(user="bob@office.test"), Refused)


async def test_crossed_passwords_in_parallel_never_let_in(house: House) -> None:
    """Threat A09: many logins at once, each under the other's name."""
    logins = [house.login(PASSWORD, "alice@office.test", "127.0.0.1") for _ in range(50)]
    crossed = [house.login(PASSWORD, "bob@office.test", "127.0.0.1") for _ in range(50)]
    results = await asyncio.gather(*(login for pair in zip(logins, crossed, strict=True) for login in pair))
    assert {"alice@office.test"} == {result.address for result in results if isinstance(result, Passed)}
    assert all(not isinstance(result, Passed) for result in results[1::2])


async def test_a_changed_password_ends_the_memory_of_the_old(house: House) -> None:
    await house.login()
    house.directory.update(rows(verifiers=OTHER_VERIFIERS))
    assert isinstance(await house.login(), Refused)
    assert isinstance(await house.login("another one entirely"), Passed)


async def test_guesses_from_one_address_are_few(house: House) -> None:
    """Threat A02, L21: at most 10 a minute and 50 a day are even looked at."""
    for guess in range(2000):
        await house.login(f"guess {guess}", user=f"user{guess % 7}@office.test")
        house.clock.seconds += 1
    assert house.authenticator.hashed <= 50


async def test_many_guesses_at_once_are_counted_before_they_are_checked(house: House) -> None:
    await asyncio.gather(*(house.login(f"guess {guess}") for guess in range(40)))
    assert house.authenticator.hashed == 10


async def test_a_blocked_address_is_told_to_come_back_even_with_the_right_password(house: House) -> None:
    for guess in range(10):
        await house.login(f"guess {guess}", user="nobody@office.test")
    refused = await house.login()
    assert isinstance(refused, Refused)
    assert refused.transient
    house.clock.seconds += 61
    assert isinstance(await house.login(), Passed)


async def test_the_networks_around_an_address_count_together(house: House) -> None:
    """L21 with the masks of L14: 64 addresses of one /26 share 30 a minute."""
    for host in range(64):
        await house.login(f"guess {host}", user=f"user{host}@office.test", peer=f"203.0.113.{host}")
    assert house.authenticator.hashed == 30


async def test_one_ipv6_client_is_a_whole_64(house: House) -> None:
    for host in range(30):
        await house.login(f"guess {host}", user=f"user{host}@office.test", peer=f"2001:db8::{host:x}")
    assert house.authenticator.hashed == 10


async def test_an_account_under_attack_stays_open_to_its_owner(house: House) -> None:
    """L21: the lock is soft, and only for addresses from which nobody has logged in."""
    await house.login(peer=HOME)
    for guess in range(25):
        await house.login(f"guess {guess}", peer=f"10.{guess}.0.1")
    blocked = await house.login(peer=AWAY)
    assert isinstance(blocked, Refused)
    assert blocked.transient
    assert isinstance(await house.login(peer=HOME), Passed)


async def test_a_device_with_an_old_password_does_not_lock_its_owner_out(house: House) -> None:
    await house.login(peer=HOME)
    for _ in range(100):
        assert isinstance(await house.login("the old one", peer=HOME), Refused)
    assert isinstance(await house.login(peer=HOME), Passed)
    assert house.authenticator.hashed == 2


async def test_an_exempt_address_is_not_counted(house: House) -> None:
    for guess in range(12):
        await house.login(f"guess {guess}", peer="127.0.0.1")
    assert house.authenticator.hashed == 12
    assert isinstance(await house.login(peer="127.0.0.1"), Passed)


async def test_a_full_queue_of_hashes_sends_logins_away_for_now() -> None:
    house = House(hash_backlog=1)
    results = await asyncio.gather(*(house.login(f"guess {guess}", peer="127.0.0.1") for guess in range(3)))
    assert [result.transient for result in results] == [False, True, True]
    house.authenticator.close()


async def test_no_password_reaches_the_journal(house: House) -> None:
    await house.login("secret guess")
    await house.login()
    assert not [entry for entry in house.journal.entries if "secret guess" in entry or PASSWORD in entry]


# -- the mechanisms


async def test_plain_with_an_initial_response(house: House) -> None:
    attempt = house.authenticator.begin("PLAIN", peer=HOME, channel=TLS)
    assert isinstance(await attempt.step(format_plain("alice@office.test", PASSWORD)), Passed)


async def test_plain_asked_for(house: House) -> None:
    attempt = house.authenticator.begin("plain", peer=HOME, channel=TLS)
    assert Challenge(b"") == await attempt.step(None)
    assert isinstance(await attempt.step(format_plain("alice@office.test", PASSWORD)), Passed)


async def test_nobody_acts_as_somebody_else(house: House) -> None:
    """RFC 4616 section 2."""
    attempt = house.authenticator.begin("PLAIN", peer=HOME, channel=TLS)
    refused = await attempt.step(format_plain("alice@office.test", PASSWORD, "bob@office.test"))
    assert isinstance(refused, Refused)


async def test_login_asks_twice(house: House) -> None:
    attempt = house.authenticator.begin("LOGIN", peer=HOME, channel=TLS)
    assert Challenge(b"Username:") == await attempt.step(None)
    assert Challenge(b"Password:") == await attempt.step(b"alice@office.test")
    assert isinstance(await attempt.step(PASSWORD.encode()), Passed)


async def test_login_with_the_name_as_initial_response(house: House) -> None:
    attempt = house.authenticator.begin("LOGIN", peer=HOME, channel=TLS)
    assert Challenge(b"Password:") == await attempt.step(b"alice@office.test")
    assert isinstance(await attempt.step(PASSWORD.encode()), Passed)


async def scram(house: House, user: str = "alice@office.test", password: str = PASSWORD) -> Any:
    client = ScramClient(user, password, "rOprNGfwEbeRWgbNEkqO")
    attempt = house.authenticator.begin("SCRAM-SHA-256", peer=HOME, channel=TLS)
    first = await attempt.step(client.first())
    assert isinstance(first, Challenge)
    second = await attempt.step(client.final(first.octets))
    if not isinstance(second, Challenge):
        return second
    assert client.verify(second.octets)
    return await attempt.step(b"")


async def test_scram_proves_both_sides(house: House) -> None:
    assert isinstance(await scram(house), Passed)
    assert house.authenticator.hashed == 0


async def test_scram_with_a_wrong_password_is_refused(house: House) -> None:
    assert isinstance(await scram(house, password="wrong"), Refused)


async def test_scram_shows_an_unknown_user_a_steady_salt(house: House) -> None:
    """RFC 5802 section 9: the salt must not tell who exists."""
    salts = set()
    for _ in range(2):
        client = ScramClient("nobody@office.test", "x", "abc")
        challenge = await house.authenticator.begin("SCRAM-SHA-256", peer=HOME, channel=TLS).step(client.first())
        assert isinstance(challenge, Challenge)
        salts.add(challenge.octets.split(b",")[1])
    assert len(salts) == 1


SPELLINGS = ("{0}@office.test", "{0}", "{0}@OFFICE.test")


@pytest.mark.parametrize("name", ["alice", "nobody"])
async def test_all_spellings_of_a_name_have_one_salt(house: House, name: str) -> None:
    """Threat A04: only of people who exist was the salt the same with and without the domain."""
    salts = set()
    for spelling in SPELLINGS:
        client = ScramClient(spelling.format(name), "x", "abc")
        challenge = await house.authenticator.begin("SCRAM-SHA-256", peer=HOME, channel=TLS).step(client.first())
        assert isinstance(challenge, Challenge)
        salts.add(challenge.octets.split(b",")[1])
    assert len(salts) == 1


async def test_a_salt_is_told_after_a_time_that_says_nothing(house: House) -> None:
    """Threat A04: of who is in memory the answer came 90 microseconds sooner."""
    slept: list[float] = []

    async def pause(seconds: float) -> None:
        slept.append(seconds)

    authenticator = Authenticator(
        house.directory, limits=Limits(), clock=house.clock, journal=house.journal, pause=pause
    )
    for turn in range(50):
        first = ScramClient(f"{('alice', 'nobody')[turn % 2]}@office.test", "x", "abc").first()
        await authenticator.begin("SCRAM-SHA-256", peer=HOME, channel=TLS).step(first)
    assert len(set(slept)) > 40
    assert 0 <= min(slept) < 0.003 < 0.007 < max(slept) < 0.01


@pytest.mark.parametrize("name", ["alice", "nobody"])
async def test_who_names_himself_twice_costs_a_hash_whether_he_exists_or_not(house: House, name: str) -> None:
    """Threat A04: for a stranger nothing was hashed, and the answer came at once."""
    attempt = house.authenticator.begin("PLAIN", peer=HOME, channel=TLS)
    refused = await attempt.step(f"{name}\0{name}@office.test\0wrong".encode())
    assert refused == Refused(transient=False, reason="name or password is wrong")
    assert house.authenticator.hashed == 1
    attempt = house.authenticator.begin("PLAIN", peer=HOME, channel=TLS)
    assert await attempt.step(f"bob\0{name}@office.test\0wrong".encode()) == refused
    assert house.authenticator.hashed == 1


@pytest.mark.parametrize("name", ["alice", "nobody"])
async def test_failures_of_all_spellings_of_a_name_count_together(name: str) -> None:
    """Threat A04: only of people who exist did they."""
    house = House(client_auth_failures_minute=100, account_auth_failures_hour=6)
    outcomes = [await house.login(f"guess {turn}", SPELLINGS[turn % 3].format(name)) for turn in range(7)]
    assert [one.transient for one in outcomes] == [False] * 6 + [True]


async def test_scram_failures_count_like_all_others(house: House) -> None:
    for _ in range(10):
        await scram(house, password="wrong")
    refused = await scram(house)
    assert isinstance(refused, Refused)
    assert refused.transient


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("octets", [b"\xff\xfe", b"\0", b"x" * 5000, b"n,,n=,r=", b"\0\0\0\0"])
async def test_nonsense_is_refused(house: House, mechanism: str, octets: bytes) -> None:
    attempt = house.authenticator.begin(mechanism, peer=HOME, channel=TLS)
    assert isinstance(await attempt.step(octets), Refused | Challenge)
    assert isinstance(await attempt.step(octets), Refused)


async def test_in_the_clear_every_mechanism_refuses(house: House) -> None:
    """Threat A10."""
    attempt = house.authenticator.begin("PLAIN", peer=HOME, channel=None)
    assert isinstance(await attempt.step(format_plain("alice@office.test", PASSWORD)), Refused)
    assert house.authenticator.hashed == 0
