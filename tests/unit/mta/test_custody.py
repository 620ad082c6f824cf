"""Accounts that send as if somebody else had them are held, and people hear of it (threat A06)."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.admd.standing import GRANT, end_sessions, note_standing, read_standing
from posthouse.filter.action import Action
from posthouse.filter.boundary import HELD as QUARANTINED
from posthouse.filter.boundary import Boundary
from posthouse.filter.clue import Clue
from posthouse.filter.ports import Opinion
from posthouse.mail.address import Address
from posthouse.mta.custody import MARK, release_account
from posthouse.storage.queue import State
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock

LETTER = b"From: alice@office.test\r\nSubject: hello\r\n\r\nhello\r\n"


@pytest.fixture
async def store(tmp_path):
    store = await open_store(tmp_path / "store", clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    yield store
    await store.close()


class Suspicious:
    name = "test"

    async def examine(self, _letter) -> Opinion:
        return Opinion((Clue("test", "test.found", "found", action=Action.QUARANTINE),))


async def office_of(store, **limits: int) -> Office:
    return await Office(store, limits=Limits(**limits)).furnish()


async def log_in(office: Office, name: str):
    session = await office.submission(implicit_tls=True).__aenter__()  # the test's end is the end of it
    await session.hello()
    return office.logged_in(session, name)


async def alice(office: Office):
    return await log_in(office, "alice")


async def write(session, *recipients: str, sender: str = "alice@office.test", content: bytes = LETTER) -> list[str]:
    return await session.send(sender, recipients, content)


async def test_who_writes_to_too_many_new_people_is_held_and_nothing_is_lost(store) -> None:
    """5,000 fresh recipients: no more than 500 leave."""
    office = await office_of(store, account_new_recipients_day=10, account_recipients_burst=1000)
    session = await alice(office)
    for number in range(15):
        answers = await write(session, f"new{number}@elsewhere.test")
        assert answers[-1].startswith("250 ")
    states = [item.state for item in await office.queue() if item.submitter]
    assert states.count(State.WAITING) == 0, "what waited is held with the rest"
    assert states.count(State.HELD) == 15
    standing = office.directory.standing(office.accounts["alice"])
    assert "10 new people" in standing.held
    letters = [await office.read(name) for name in ("alice", "carol", "bob")]
    assert [len(one) for one in letters] == [1, 1, 0]
    assert b"Your mail to others is being held" in letters[0][0]
    assert b"posthouse account release alice@office.test" in letters[1][0]
    assert [entry.event for entry in office.journal.entries].count("account.held") == 1


async def test_old_acquaintances_do_not_count(store) -> None:
    office = await office_of(store, account_new_recipients_day=3, account_recipients_burst=1000)
    session = await alice(office)
    friends = [f"friend{number}@elsewhere.test" for number in range(3)]
    office.acquaintance.remember(office.accounts["alice"], [Address(*one.split("@")) for one in friends])
    for _ in range(10):
        await write(session, *friends)
    assert office.directory.standing(office.accounts["alice"]).held == ""


async def test_a_held_account_still_writes_to_people_of_ours(store) -> None:
    office = await office_of(store)
    await office.custody.hold(office.directory.account(office.accounts["alice"]), "a test")
    answers = await write(await alice(office), "bob@office.test", "friend@elsewhere.test")
    assert answers[-1].startswith("250 ")
    assert len(await office.read("bob")) == 1
    (item,) = await office.queue()
    assert item.state is State.HELD
    assert item.last == f"{MARK}a test"


async def test_bounces_hold_an_account_and_a_release_begins_anew(store) -> None:
    """More than a fifth of fifty do not exist."""
    office = await office_of(store)
    account = office.accounts["alice"]
    await write(await alice(office), "friend@elsewhere.test")
    office.custody.note_results([(account, False)] * 41 + [(account, True)] * 8)
    await office.custody.flush()
    assert office.directory.standing(account).held == ""
    office.custody.note_results([(account, True)] * 20)
    await office.custody.flush()
    assert "do not exist" in office.directory.standing(account).held
    (item,) = [one for one in await office.queue() if one.submitter]
    assert item.state is State.HELD
    assert await office.custody.release(office.directory.account(account)) == 1
    (item,) = [one for one in await office.queue() if one.submitter]
    assert item.state is State.WAITING
    office.custody.note_results([(account, True)] * 9)
    await office.custody.flush()
    assert office.directory.standing(account).held == ""


async def test_a_release_leaves_alone_what_was_held_for_its_content(store) -> None:
    office = await office_of(store)
    office.outbound = Boundary(None, [Suspicious()], journal=office.journal)
    await write(await alice(office), "friend@elsewhere.test")
    office.outbound = None
    await office.custody.hold(office.directory.account(office.accounts["alice"]), "a test")
    await write(await alice(office), "friend@elsewhere.test")
    assert await release_account(store, office.directory.account(office.accounts["alice"]), 1) == 1
    states = {item.last.partition(":")[0]: item.state for item in await office.queue()}
    assert states[QUARANTINED.partition(":")[0]] is State.HELD
    assert set(states.values()) == {State.HELD, State.WAITING}


async def test_another_node_holds_too(store) -> None:
    office = await office_of(store)
    other = Office(store)
    other.accounts = office.accounts
    await other.directory.refresh(store)
    await office.custody.hold(office.directory.account(office.accounts["alice"]), "a test")
    await other.directory.refresh(store)
    await write(await alice(other), "friend@elsewhere.test")
    (item,) = await other.queue()
    assert item.state is State.HELD


async def test_a_weak_password_is_told_once(store) -> None:
    office = await office_of(store)
    account = office.directory.account(office.accounts["alice"])
    for _ in range(3):
        office.custody.note_weakness(account, "it is easy to guess")
        await office.custody.flush()
    assert (await read_standing(store, account.account)).weak == "it is easy to guess"
    (letter,) = await office.read("alice")
    assert b"Subject: Your password is easy to guess" in letter
    assert [entry.event for entry in office.journal.entries].count("password.weak") == 1
    office.custody.note_weakness(account, "")
    await office.custody.flush()
    assert (await read_standing(store, account.account)).weak == ""
    assert len(await office.read("alice")) == 1


# -- sessions


async def test_a_session_in_the_middle_of_a_message_sends_it_no_more(store) -> None:
    office = await office_of(store)
    session = await alice(office)
    await session.tell("MAIL FROM:<alice@office.test>")
    await session.tell("RCPT TO:<friend@elsewhere.test>")
    await session.tell("DATA")
    await end_sessions(store, office.accounts["alice"], 1)
    await office.directory.refresh(store)
    answers = await session.says(LETTER + b".\r\n")
    assert answers[-1].startswith("421 ")
    assert not await office.queue()


async def test_a_session_that_is_over_may_not_begin_a_message(store) -> None:
    office = await office_of(store)
    session = await alice(office)
    await end_sessions(store, office.accounts["alice"], 1)
    await office.directory.refresh(store)
    assert (await session.tell("MAIL FROM:<alice@office.test>")).startswith("421 ")


async def test_a_silent_session_is_woken_and_told(store) -> None:
    office = await office_of(store)
    session = await alice(office)
    assert list(session.door.woken()) == []
    await end_sessions(store, office.accounts["alice"], 1)
    await office.directory.refresh(store)
    (reply,) = session.door.woken()
    assert reply.code == 421
    assert reply.hang_up


# -- an office behind our smarthost


async def granted(store, *, domain: str = "project.test") -> Office:
    office = await office_of(store)
    await note_standing(store, office.directory.account(office.accounts["bob"]), f"{GRANT}{domain}", "1", 1)
    await office.directory.refresh(store)
    return office


async def bob(office: Office):
    return await log_in(office, "bob")


async def test_an_office_sends_in_the_names_of_its_own_people(store) -> None:
    office = await granted(store)
    content = b"From: Eve <eve@project.test>\r\nSubject: plans\r\n\r\nplans\r\n"
    session = await bob(office)
    answers = await write(session, "friend@elsewhere.test", sender="eve@project.test", content=content)
    assert answers[-1].startswith("250 ")
    (item,) = await office.queue()
    assert item.reverse_path == "eve@project.test"
    assert b"DKIM-Signature" not in item.content.prefix


async def test_it_signs_nothing_of_a_domain_that_is_not_ours(store) -> None:
    office = await granted(store)
    await office.make_keys()
    theirs = b"From: eve@project.test\r\nSubject: plans\r\n\r\nplans\r\n"
    ours = b"From: bob@office.test\r\nSubject: plans\r\n\r\nplans\r\n"
    session = await bob(office)
    await write(session, "friend@elsewhere.test", sender="eve@project.test", content=theirs)
    await write(session, "friend@elsewhere.test", sender="bob@office.test", content=ours)
    signed = {item.reverse_path: b"DKIM-Signature" in item.content.prefix for item in await office.queue()}
    assert signed == {"eve@project.test": False, "bob@office.test": True}


async def test_its_reports_have_no_sender(store) -> None:
    office = await granted(store)
    report = b"From: MAILER-DAEMON@project.test\r\nSubject: late\r\nAuto-Submitted: auto-replied\r\n\r\nlate\r\n"
    assert (await write(await bob(office), "friend@elsewhere.test", sender="", content=report))[-1].startswith("250 ")
    plain = report.replace(b"MAILER-DAEMON@project.test", b"alice@office.test")
    assert (await write(await alice(office), "friend@elsewhere.test", sender="", content=plain))[-1].startswith("550 ")


@pytest.mark.parametrize("author", ["alice@office.test", "eve@sub.project.test", "eve@elsewhere.test"])
async def test_nobody_else_is_granted_with_it(store, author: str) -> None:
    """Threat A08."""
    office = await granted(store)
    session = await bob(office)
    assert (await session.tell(f"MAIL FROM:<{author}>")).startswith("553 ")
    content = f"From: {author}\r\nSubject: x\r\n\r\nx\r\n".encode()
    answers = await write(await bob(office), "friend@elsewhere.test", sender="eve@project.test", content=content)
    assert answers[-1].startswith("550 ")


async def test_an_office_may_send_more_than_a_person(store) -> None:
    office = await granted(store)
    office.limits = Limits(account_recipients_burst=5)
    session = await bob(office)
    content = b"From: eve@project.test\r\nSubject: plans\r\n\r\nplans\r\n"
    people = [f"p{number}@elsewhere.test" for number in range(100)]
    answers = await write(session, *people, sender="eve@project.test", content=content)
    assert [answer[:3] for answer in answers] == ["250"] * 101
    answers = await write(session, "one.more@elsewhere.test", sender="eve@project.test", content=content)
    assert answers[0].startswith("451 ")
