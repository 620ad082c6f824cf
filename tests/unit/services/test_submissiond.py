"""The door for our own people."""

from base64 import b64decode, b64encode

import pytest

from posthouse.admd.credentials import make_verifiers
from posthouse.admd.passwords import PasswordPolicy
from posthouse.standards.sasl.client import ScramSha256

PASSWORD = "correct horse battery staple"
LETTER = b"From: alice@office.test\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture(scope="module")
def verifiers():
    return make_verifiers(PASSWORD, iterations=4096)


@pytest.fixture
async def staffed(open_office, verifiers):
    return await open_office(verifiers=verifiers)


def plain(user: str, password: str) -> str:
    return b64encode(f"\0{user}\0{password}".encode()).decode()


async def test_in_the_clear_no_login_is_offered_and_none_is_taken(office):
    """A10."""
    async with office.submission() as session:
        session.written = b""
        lines = await session.says("EHLO a.example")
        assert not any("AUTH" in line for line in lines)
        assert any("STARTTLS" in line for line in lines)
        assert (await session.tell(f"AUTH PLAIN {plain('alice@office.test', PASSWORD)}")).startswith("538 5.7.11")
        assert (await session.tell("MAIL FROM:<alice@office.test>")).startswith("530 5.7.0")


async def test_without_a_login_nothing_is_taken(office):
    """RFC 6409 section 4.3."""
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        assert (await session.tell("MAIL FROM:<alice@office.test>")).startswith("530 5.7.0 log in first (id t")


async def test_a_letter_by_starttls_and_plain(staffed):
    async with staffed.submission() as session:
        await session.hello()
        assert (await session.tell("STARTTLS")).startswith("220")
        await session.secured()
        lines = await session.says("EHLO a.example")
        assert "250-AUTH SCRAM-SHA-256 PLAIN LOGIN" in lines
        assert await session.tell(f"AUTH PLAIN {plain('alice@office.test', PASSWORD)}") == "235 2.7.0 welcome"
        assert (await session.send("alice@office.test", ["bob@office.test"], LETTER))[-1].startswith("250")
    (letter,) = await staffed.read("bob")
    assert b"with ESMTPSA id" in letter


async def test_login_asks_for_name_and_password(staffed):
    async with staffed.submission(implicit_tls=True) as session:
        await session.hello()
        assert b64decode((await session.tell("AUTH LOGIN"))[4:]) == b"Username:"
        assert b64decode((await session.tell(b64encode(b"alice@office.test").decode()))[4:]) == b"Password:"
        assert (await session.tell(b64encode(PASSWORD.encode()).decode())).startswith("235")


async def test_scram_proves_both_sides(staffed):
    login = ScramSha256("alice@office.test", PASSWORD, nonce="fyko+d2lbbFgONRv9qkxdawL")
    async with staffed.submission(implicit_tls=True) as session:
        await session.hello()
        said = await session.tell(f"AUTH SCRAM-SHA-256 {b64encode(login.initial()).decode()}")
        while said.startswith("334"):
            said = await session.tell(b64encode(login.respond(b64decode(said[4:]))).decode())
        assert said.startswith("235")
        assert login.proved


async def test_a_login_can_be_cancelled(office):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        await session.tell("AUTH LOGIN")
        assert (await session.tell("*")).startswith("501 5.7.0")
        assert (await session.tell("NOOP")).startswith("250")


async def test_three_failures_are_the_end_of_the_connection(staffed):
    """L21."""
    async with staffed.submission(implicit_tls=True) as session:
        await session.hello()
        answers = [await session.tell(f"AUTH PLAIN {plain('alice@office.test', 'wrong')}") for _ in range(3)]
        assert [one[:9] for one in answers] == ["535 5.7.8", "535 5.7.8", "421 4.7.0"]
        session.hangs_up()


async def test_an_unknown_user_hears_what_a_wrong_password_hears(staffed):
    async with staffed.submission(implicit_tls=True) as session:
        await session.hello()
        wrong = await session.tell(f"AUTH PLAIN {plain('alice@office.test', 'wrong')}")
        unknown = await session.tell(f"AUTH PLAIN {plain('nobody@office.test', 'wrong')}")
    assert wrong.partition("(id")[0] == unknown.partition("(id")[0]


async def test_a_failed_login_gives_no_right_to_send(staffed):
    async with staffed.submission(implicit_tls=True) as session:
        await session.hello()
        await session.tell(f"AUTH PLAIN {plain('alice@office.test', 'wrong')}")
        assert (await session.tell("MAIL FROM:<alice@office.test>")).startswith("530")


async def test_the_ledger_knows_the_account(staffed):
    async with staffed.submission(implicit_tls=True) as session:
        await session.hello()
        staffed.logged_in(session)
        said = (await session.send("alice@office.test", ["bob@office.test"], LETTER))[-1]
    record = await staffed.store.record(said.rpartition(" ")[2])
    assert b'"auth":"alice@office.test"' in record


async def test_our_own_people_may_have_a_stale_list(office):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        gone = [f"gone{n}@office.test" for n in range(30)]
        answers = await session.send("alice@office.test", [*gone, "bob@office.test"], LETTER)
        assert [one[:3] for one in answers] == ["550"] * 30 + ["250", "250"]


async def test_a_weak_password_that_has_run_out_is_refused_with_the_reason(office) -> None:
    """Threat A05: he has had his time; nobody learns more than that who does not know it."""
    account = office.directory.account(office.accounts["alice"])
    await office.store.change_account(account.account, verifiers=make_verifiers("Spring2026!", iterations=4096))
    await office.directory.refresh(office.store)
    office.authenticator.policy = PasswordPolicy(refuses=True, grace_seconds=86400)
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        assert (await session.tell(f"AUTH PLAIN {plain('alice@office.test', 'Spring2026!')}")).startswith("235 ")
    await office.custody.flush()
    office.clock.pass_time(86400)
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        answer = await session.tell(f"AUTH PLAIN {plain('alice@office.test', 'Spring2026!')}")
        assert answer.startswith("535 5.7.8 this password is too easy to guess")
    (letter,) = await office.read("alice")
    assert b"Subject: Your password is easy to guess" in letter
