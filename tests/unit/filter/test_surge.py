"""Bombs made of real mail (B06) and of forged reports (B07): diverted, never lost, and never who is known."""

import pytest

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.action import Action
from posthouse.filter.boundary import Boundary
from posthouse.filter.examination import examine
from posthouse.filter.letter import Letter
from posthouse.filter.returnpath import ReturnPaths
from posthouse.filter.returns import Returns, Sent
from posthouse.filter.surge import Surge
from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import AccountId, BlobId
from posthouse.storage.mailbox import Role
from posthouse.testing.journal import KeptJournal
from posthouse.testing.opinions import opinion_of

ALICE, BOB = AccountId(1), AccountId(2)
BULK = b"From: list@shop.test\r\nList-Unsubscribe: <mailto:x@shop.test>\r\nSubject: Confirm\r\n\r\nHi\r\n"
PLAIN = b"From: friend@client.test\r\nSubject: Re: plans\r\n\r\nHi\r\n"
REPORT = (
    b"From: MAILER-DAEMON@mx.test\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"
    b"Message-ID: <report@mx.test>\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.test\r\n\r\nFinal-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\nMessage-ID: <%s>\r\n--b--\r\n"
)


def letter(content: bytes, sender="list@shop.test", accounts=(ALICE,), submitter=None, to=("alice@office.test",)):
    async def read(start: int, length: int) -> bytes:
        return content[start : start + length]

    recipients = tuple(Recipient(Address(*one.split("@"))) for one in to)
    blob = Blob(BlobId("b" * 64), len(content), content)
    examination = examine(content, verifies=False)
    return Letter("t1", "192.0.2.1", "h", sender, recipients, tuple(accounts), submitter, examination, blob, read)


@pytest.fixture
def book(office):
    return Acquaintance(office.store, office.clock, KeptJournal())


async def roles(examiner, one: Letter):
    return (await Boundary(None, (examiner,), journal=KeptJournal()).judge(one)).roles


async def test_bulk_of_strangers_beyond_so_many_goes_to_junk_and_comes_back_to_the_inbox(office, book):
    surge = Surge(30, book, office.clock)
    went = [await roles(surge, letter(BULK, f"list@shop{number}.test")) for number in range(100)]
    assert went[:30] == [{}] * 30
    assert went[30:] == [{ALICE: Role.JUNK}] * 70
    office.clock.pass_time(600)
    assert await roles(surge, letter(BULK)) == {}


async def test_in_a_surge_known_correspondents_and_personal_mail_stay_where_they_belong(office, book):
    surge = Surge(1, book, office.clock)
    book.remember(ALICE, [Address("list", "known.test")])
    for _ in range(5):
        await opinion_of(surge, letter(BULK))
    assert await roles(surge, letter(BULK, "list@known.test")) == {}
    assert await roles(surge, letter(PLAIN, "friend@client.test")) == {}
    assert await roles(surge, letter(BULK, accounts=(ALICE, BOB))) == {ALICE: Role.JUNK}, "Bob has no surge"
    await book.flush()


@pytest.mark.parametrize(
    ("field", "bulk"),
    [
        (b"List-Id: <a.b>", True),
        (b"Precedence: Bulk", True),
        (b"Precedence: first-class", False),
        (b"Auto-Submitted: auto-generated", True),
        (b"Auto-Submitted: no", False),
        (b"Subject: List-Id", False),
    ],
)
async def test_what_is_bulk(office, book, field, bulk):
    surge = Surge(1, book, office.clock)
    content = b"From: a@b.test\r\n" + field + b"\r\n\r\n"
    await opinion_of(surge, letter(content))
    assert bool((await opinion_of(surge, letter(content))).clues) is bulk


# -- reports


@pytest.fixture
def sent(office):
    return Sent(office.store, office.clock, KeptJournal())


def send_out(sent: Sent, message_id=b"<mine@office.test>", prefix=b"", content=None) -> None:
    content = content or b"From: alice@office.test\r\nMessage-ID: " + message_id + b"\r\n\r\nHi\r\n"
    one = letter(content, "alice@office.test", (), ALICE, ("friend@client.test",))
    one.prefix = prefix
    sent.saw(one, Boundary(None, journal=KeptJournal()).weigh(None, ()))


def report(message_id=b"mine@office.test", about=b"friend@client.test", sender="", to="alice@office.test") -> Letter:
    return letter(REPORT % (about, message_id), sender, to=(to,))


async def test_a_report_about_what_we_sent_arrives(office, book, sent):
    send_out(sent)
    assert await roles(Returns(sent, book), report()) == {}
    await sent.flush()
    again = Returns(Sent(office.store, office.clock, KeptJournal()), book)
    assert await roles(again, report()) == {}, "any node, also after a restart"
    office.clock.pass_time(15 * 86400)
    assert await roles(again, report()) == {ALICE: Role.JUNK}


async def test_an_id_that_we_added_ourselves_is_ours_too(book, sent):
    send_out(sent, prefix=b"Message-ID: <added@office.test>\r\n", content=b"From: alice@office.test\r\n\r\nHi\r\n")
    assert await roles(Returns(sent, book), report(b"added@office.test")) == {}


async def test_forged_reports_go_to_junk_every_one(book, sent):
    """B07."""
    returns = Returns(sent, book)
    forged = [await roles(returns, report(b"f%d@office.test" % number)) for number in range(200)]
    assert forged == [{ALICE: Role.JUNK}] * 200
    assert (await opinion_of(returns, report())).clues[0].action is Action.JUNK


async def test_a_report_to_a_path_that_we_signed_is_true_whatever_it_quotes(office, book, sent):
    paths = ReturnPaths(b"s" * 32, office.clock, {"office.test"}.__contains__)
    paths.signs = True
    returns, signed = Returns(sent, book, paths), paths.sign("alice@office.test")
    assert await roles(returns, report(b"none-of-ours@x", to=signed)) == {}
    assert await roles(returns, report(b"none-of-ours@x")) == {ALICE: Role.JUNK}
    assert await roles(returns, report(b"none-of-ours@x", to="alice+b000aaaaaaaaaa@office.test")) == {ALICE: Role.JUNK}


async def test_a_report_about_somebody_one_has_written_to_is_believed(book, sent):
    book.remember(ALICE, [Address("friend", "client.test")])
    assert await roles(Returns(sent, book), report(b"lost-by-the-other-server@x")) == {}
    await book.flush()


async def test_mail_that_is_no_report_is_nobodys_business(book, sent):
    returns = Returns(sent, book)
    assert await roles(returns, letter(PLAIN, "")) == {}
    assert await roles(returns, report(sender="somebody@else.test")) == {}
    receipt = REPORT.replace(b"delivery-status", b"disposition-notification") % (b"a@b.c", b"x@y")
    assert await roles(returns, letter(receipt, "")) == {}


async def test_mail_among_ourselves_leaves_no_note(sent):
    one = letter(PLAIN, "alice@office.test", (BOB,), ALICE, ("bob@office.test",))
    sent.saw(one, Boundary(None, journal=KeptJournal()).weigh(None, ()))
    assert not sent._waiting
