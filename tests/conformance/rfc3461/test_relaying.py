"""RFC 3461 section 5.2: what a relaying client passes on, and what it reports itself."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.mail.ids import BlobId, QueueId
from posthouse.mail.outcome import Delivered, Failed, Relayed
from posthouse.mail.reply import reply
from posthouse.mta.conversion import Converter
from posthouse.mta.load import Load
from posthouse.mta.passage import prepare
from posthouse.mta.reporting import Action
from posthouse.mta.schedule import Schedule
from posthouse.mta.settling import Result, settle
from posthouse.standards.smtp.commands import rcpt_to
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.standards.smtp.offered import Offered
from posthouse.storage.queue import Item, State

LETTER = b"Subject: x\r\n\r\nx\r\n"
BOB = parse_mailbox("bob@elsewhere.test")
ORIGINAL = OriginalRecipient("rfc822", "Bob@Elsewhere.TEST")
DSN = Offered(dsn=True)
PLAIN = Offered()


def item(notify: Notify | None = None, *, original=None, ret=None, envid=None, sender="alice@office.test") -> Item:
    return Item(
        1, QueueId("q"), 1, Recipient(BOB, notify, original), BOB.domain, 0, 0, 0, 2**50, State.WAITING, True, False, "", "",
        sender, Content(b"", Blob(BlobId("b"), len(LETTER), LETTER)), Body.SEVENBIT, False, ret, envid, None, False, False,
    )  # fmt: skip


async def mail_line(one: Item, offered: Offered) -> str:
    passage = await prepare(Load((one,)), offered, None, Converter(None, None))
    return passage.mail.line


def told(notify: Notify | None, outcome) -> Action | None:
    _, finding = settle(Result(item(notify), outcome), Schedule.of(Limits()), 0, 0.5)
    return finding.action if finding else None


OK = reply(250, "2.0.0", "ok")
NO = reply(550, "5.1.1", "no")


@pytest.mark.rfc(3461, "5.2.1 (a)", "MUST")
async def test_envid_goes_along_with_the_same_value():
    assert (await mail_line(item(envid="QQ314159+x"), DSN)).endswith(" ENVID=QQ314159+2Bx")


@pytest.mark.rfc(3461, "5.2.1 (a)", "MUST NOT")
async def test_no_envid_is_made_up():
    assert "ENVID" not in await mail_line(item(), DSN)


@pytest.mark.rfc(3461, "5.2.1 (b)", "MUST")
@pytest.mark.parametrize("ret", Return)
async def test_ret_goes_along(ret):
    assert (await mail_line(item(ret=ret), DSN)).endswith(f" RET={ret.value}")


@pytest.mark.rfc(3461, "5.2.1 (b)", "MUST NOT")
async def test_no_ret_is_made_up():
    assert "RET" not in await mail_line(item(), DSN)


@pytest.mark.rfc(3461, "5.2.1 (c)", "MUST")
@pytest.mark.parametrize(
    ("notify", "said"),
    [
        (Notify.NEVER, "NEVER"),
        (Notify.SUCCESS, "SUCCESS"),
        (Notify.SUCCESS | Notify.FAILURE | Notify.DELAY, "SUCCESS,FAILURE,DELAY"),
    ],
)
def test_notify_goes_along(notify, said):
    assert rcpt_to(item(notify).recipient, dsn=True).line.endswith(f" NOTIFY={said}")


@pytest.mark.rfc(3461, "5.2.1 (c)", "MUST NOT")
def test_no_notify_is_made_up():
    assert "NOTIFY" not in rcpt_to(item().recipient, dsn=True).line


@pytest.mark.rfc(3461, "5.2.1 (d)", "MUST")
def test_orcpt_goes_along_in_its_own_case():
    assert rcpt_to(item(original=ORIGINAL).recipient, dsn=True).line.endswith(" ORCPT=rfc822;Bob@Elsewhere.TEST")


@pytest.mark.rfc(3461, "5.2.2 (a)", "MUST NOT")
async def test_nothing_of_it_is_said_to_a_server_that_does_not_know_it():
    one = item(Notify.SUCCESS, original=ORIGINAL, ret=Return.FULL, envid="E")
    assert await mail_line(one, PLAIN) == "MAIL FROM:<alice@office.test>"
    assert rcpt_to(one.recipient, dsn=False).line == "RCPT TO:<bob@elsewhere.test>"


@pytest.mark.rfc(3461, "5.2.2 (b)", "MUST")
def test_success_asked_and_taken_by_a_plain_server_is_reported_as_relayed():
    assert told(Notify.SUCCESS, Relayed("h", OK)) is Action.RELAYED


@pytest.mark.rfc(3461, "5.2.2 (c)", "MUST")
def test_failure_asked_and_refused_is_reported():
    assert told(Notify.FAILURE, Failed(NO)) is Action.FAILED


@pytest.mark.rfc(3461, "5.2.2 (d)", "MUST NOT")
@pytest.mark.parametrize("outcome", [Failed(NO), Relayed("h", OK), Delivered()])
def test_never_means_never(outcome):
    assert told(Notify.NEVER, outcome) is None


@pytest.mark.rfc(3461, "5.2.2 (e)", "MUST NOT")
def test_success_that_nobody_asked_for_is_not_reported():
    assert told(None, Relayed("h", OK)) is None


@pytest.mark.rfc(3461, "5.2.2 (f)", "MUST")
def test_failure_is_reported_when_nothing_was_said():
    assert told(None, Failed(NO)) is Action.FAILED


@pytest.mark.rfc(3461, "5.2.1", "MUST")
def test_a_server_that_knows_dsn_reports_by_itself():
    assert told(Notify.SUCCESS, Relayed("h", OK, speaks_dsn=True)) is None


@pytest.mark.rfc(3461, "6.1", "MUST NOT")
def test_nothing_is_sent_to_the_null_reverse_path():
    _, finding = settle(Result(item(sender=""), Failed(NO)), Schedule.of(Limits()), 0, 0.5)
    assert finding is None
