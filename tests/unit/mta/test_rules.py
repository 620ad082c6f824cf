"""The pure rules of the road out: classification, schedule, settlement, routes, destinations."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.mail.envelope import Notify, Recipient
from posthouse.mail.outcome import Deferred, Delivered, Failed, Relayed
from posthouse.mail.reply import Reply, reply
from posthouse.mta.classify import classify, wants_another_round, with_status
from posthouse.mta.destination import Destination, pauses
from posthouse.mta.load import make_loads
from posthouse.mta.reporting import Action
from posthouse.mta.route import DirectoryRoute, Routes, Terms, static
from posthouse.mta.schedule import Schedule
from posthouse.mta.settling import Result, put_back, settle
from posthouse.standards.smtp.commands import Verb
from posthouse.standards.smtp.grammar import parse_mailbox

SCHEDULE = Schedule.of(Limits())
NOW = 1_800_000_000_000
OK = reply(250, "2.0.0", "ok")
LATER = reply(451, "4.2.1", "later")
NO = reply(550, "5.1.1", "no")


@pytest.mark.parametrize(
    ("answer", "to", "outcome"),
    [
        (OK, Verb.END, Relayed),
        (OK, Verb.BDAT, Relayed),
        (OK, Verb.DATA, Deferred),
        (LATER, Verb.END, Deferred),
        (NO, Verb.RCPT, Failed),
        (NO, Verb.MAIL, Failed),
        (NO, Verb.AUTH, Deferred),
        (NO, Verb.CONNECT, Deferred),
        (Reply(552, None, ("too many",)), Verb.RCPT, Deferred),
        (Reply(552, None, ("too large",)), Verb.END, Failed),
        (Reply(334, None, ("?",)), Verb.MAIL, Deferred),
    ],
)
def test_what_a_reply_means(answer, to, outcome):
    assert type(classify(answer, "h", to=to)) is outcome


def test_a_missing_status_is_the_most_general_one():
    assert with_status(Reply(450, None, ("x",))).status == "4.0.0"
    assert with_status(Reply(250, None, ("x",))).status == "2.0.0"
    assert with_status(Reply(550, None, ("x",))).status == "5.0.0"


def test_too_many_recipients_may_go_in_another_round():
    assert wants_another_round(classify(Reply(552, None, ("x",)), "h", to=Verb.RCPT))
    assert wants_another_round(Deferred(reply(452, "4.5.3", "x")))
    assert not wants_another_round(Deferred(reply(452, "4.2.2", "full")))


def test_a_deferred_item_waits_longer_each_time(item):
    dues = [settle(Result(item(attempts=n), Deferred(LATER)), SCHEDULE, NOW, 0.5)[0].due_at - NOW for n in range(8)]
    assert dues == [300_000, 600_000, 1_200_000, 2_400_000, 4_800_000, 7_200_000, 7_200_000, 7_200_000]


def test_the_last_try_is_when_it_expires(item):
    settlement, _ = settle(Result(item(expires_at=NOW + 5000), Deferred(LATER)), SCHEDULE, NOW, 0.5)
    assert settlement.due_at == NOW + 5000


def test_what_has_expired_fails_with_the_last_reason(item):
    settlement, finding = settle(Result(item(expires_at=NOW), Deferred(LATER, "h")), SCHEDULE, NOW, 0.5)
    assert settlement.due_at is None
    assert (finding.action, finding.reply.status) == (Action.FAILED, "4.4.7")
    assert "later" in finding.reply.text[0]


def test_a_delay_is_told_once_after_four_hours(item):
    late = NOW + 4 * 3600 * 1000
    first, told = settle(Result(item(created_at=NOW), Deferred(LATER)), SCHEDULE, late, 0.5)
    again, silent = settle(Result(item(created_at=NOW, warned=True), Deferred(LATER)), SCHEDULE, late, 0.5)
    early, nothing = settle(Result(item(created_at=NOW), Deferred(LATER)), SCHEDULE, late - 1, 0.5)
    assert (first.warned, again.warned, early.warned) == (True, True, False)
    assert (told.action, silent, nothing) == (Action.DELAYED, None, None)


@pytest.mark.parametrize(
    ("notify", "outcome", "action"),
    [
        (None, Failed(NO), Action.FAILED),
        (Notify.SUCCESS, Failed(NO), None),
        (Notify.NEVER, Failed(NO), None),
        (None, Relayed("h", OK), None),
        (Notify.SUCCESS, Relayed("h", OK), Action.RELAYED),
        (Notify.SUCCESS, Relayed("h", OK, speaks_dsn=True), None),
        (Notify.SUCCESS, Delivered(), Action.DELIVERED),
        (Notify.FAILURE, Delivered(), None),
    ],
)
def test_the_sender_hears_what_he_asked_for(item, notify, outcome, action):
    one = item(recipient=Recipient(parse_mailbox("bob@elsewhere.test"), notify))
    settlement, finding = settle(Result(one, outcome), SCHEDULE, NOW, 0.5)
    assert settlement.due_at is None
    assert (finding.action if finding else None) is action


@pytest.mark.parametrize("values", [{"reverse_path": ""}, {"is_report": True}])
def test_nobody_hears_of_reports_and_mail_from_nobody(item, values):
    assert settle(Result(item(**values), Failed(NO)), SCHEDULE, NOW, 0.5)[1] is None


def test_names_of_inner_hosts_are_kept(item):
    _, finding = settle(Result(item(), Failed(NO, "inner"), inner=True), SCHEDULE, NOW, 0.5)
    assert finding.host == ""


def test_what_is_put_back_has_not_been_tried(item):
    settlement, _ = settle(Result(item(), Deferred(LATER), again_at=NOW + 1), SCHEDULE, NOW, 0.5)
    assert (settlement.due_at, settlement.attempted) == (NOW + 1, False)


@pytest.mark.parametrize("last", ["450 4.4.1 no server", "451 later", "no route", "", "450 4.4.1 "])
def test_why_an_item_waits_does_not_grow_with_each_time_it_is_put_back(item, last):
    one = item(last=last, last_host="mx.far.test")
    said = []
    for _ in range(3):
        settlement, _ = settle(put_back(one, NOW + 1), SCHEDULE, NOW, 0.5)
        assert (settlement.due_at, settlement.attempted, settlement.last_host) == (NOW + 1, False, "mx.far.test")
        said.append(settlement.last)
        one = item(last=settlement.last, last_host=settlement.last_host)
    assert len(set(said)) == 1
    assert last in said[0]


def test_loads_are_of_one_message_and_not_too_large(item):
    items = [item(n, queue_id=f"q{n % 2}") for n in range(120)]
    loads = make_loads(items, 50)
    assert sorted(len(load.items) for load in loads) == [10, 10, 50, 50]
    assert all(len({one.queue_id for one in load.items}) == 1 for load in loads)


async def test_the_table_knows_domains_parents_and_the_rest():
    here, parent, rest = static("a", 25, Terms()), DirectoryRoute("p"), static("b", 25, Terms())
    routes = Routes(None, table={"x.test": here, ".x.test": parent}, default=rest)
    assert await routes.find("x.test") is here
    assert await routes.find("y.x.test") is parent
    assert await routes.find("z.y.x.test") is parent
    assert await routes.find("test") is rest


def test_concurrency_grows_with_success_and_falls_with_failure():
    destination = Destination(static("a", 25, Terms()), 20, pauses(300, 7200))
    assert destination._window == 2
    for _ in range(50):
        destination.succeeded()
    assert destination._window == 20
    destination.failed(NOW, LATER, 0.5)
    assert (destination._window, destination.not_before) == (1, NOW + 30_000)
    for _ in range(10):
        destination.failed(NOW, LATER, 0.5)
    assert destination.not_before == NOW + 300_000
    assert destination.succeeded()
    assert not destination.succeeded()
    assert destination.not_before == 0


@pytest.mark.parametrize("code", [334, 354])
@pytest.mark.parametrize("to", [Verb.END, Verb.BDAT, Verb.RCPT, Verb.MAIL])
def test_go_on_is_no_answer_to_the_end_of_the_content(code, to):
    outcome = classify(Reply(code, None, ("go on",)), "h", to=to)
    assert type(outcome) is Deferred
    assert outcome.reply.code == 451
