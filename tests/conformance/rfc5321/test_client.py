"""RFC 5321 from the side of the client that relays."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.mail.address import Address
from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Recipient
from posthouse.mail.ids import BlobId, QueueId
from posthouse.mail.outcome import Deferred, Failed
from posthouse.mail.reply import Reply, reply
from posthouse.mta.classify import classify
from posthouse.mta.link import BLOCK_SECONDS, REPLY_SECONDS
from posthouse.mta.load import make_loads
from posthouse.mta.mx import LOOP, NO_HOST, MxLookup, Ourselves, order
from posthouse.mta.schedule import Schedule
from posthouse.standards.dns.ports import Mx
from posthouse.standards.smtp.commands import Verb, hello
from posthouse.standards.smtp.stuffing import BareLineEnd, Stuffing
from posthouse.storage.queue import Item, State
from posthouse.testing.zone import Zone

US = Ourselves(frozenset({"mx.office.test"}))


def stuff(content: bytes) -> bytes:
    stuffing = Stuffing()
    return stuffing.add(content) + stuffing.end()


@pytest.mark.rfc(5321, "4.5.2", "MUST")
def test_a_period_is_added_to_each_line_that_begins_with_one():
    assert stuff(b".\r\n.a\r\nb.\r\n") == b"..\r\n..a\r\nb.\r\n.\r\n"


@pytest.mark.rfc(5321, "2.3.8", "MUST NOT")
@pytest.mark.parametrize("content", [b"a\rb\r\n", b"a\nb\r\n"])
def test_cr_and_lf_are_sent_only_together(content):
    with pytest.raises(BareLineEnd):
        stuff(content)


@pytest.mark.rfc(5321, "4.1.1.4", "MUST")
def test_the_end_of_mail_data_begins_a_line():
    assert stuff(b"no line end") == b"no line end\r\n.\r\n"


@pytest.mark.rfc(5321, "3.2", "SHOULD")
def test_ehlo_is_said_first_and_helo_to_old_servers():
    assert hello("office.test").line == "EHLO office.test"
    assert hello("office.test", plain=True).line == "HELO office.test"


@pytest.mark.rfc(5321, "4.5.3.2", "SHOULD")
@pytest.mark.parametrize(
    ("verb", "minutes"),
    [(Verb.CONNECT, 5), (Verb.MAIL, 5), (Verb.RCPT, 5), (Verb.DATA, 2), (Verb.END, 10), (Verb.BDAT, 10)],
)
def test_time_allowed_for_each_reply(verb, minutes):
    assert REPLY_SECONDS[verb] >= minutes * 60


@pytest.mark.rfc(5321, "4.5.3.2.5", "SHOULD")
def test_time_allowed_for_a_block_of_content():
    assert BLOCK_SECONDS >= 3 * 60


@pytest.mark.rfc(5321, "4.5.4.1", "SHOULD")
def test_given_up_only_after_four_to_five_days():
    schedule = Schedule.of(Limits())
    assert schedule.expires(0, is_report=False) >= 4 * 86400 * 1000


@pytest.mark.rfc(5321, "4.5.4.1", "MUST")
def test_a_failed_try_is_followed_by_a_pause():
    assert Schedule.of(Limits()).next_try(1, 0, 0.0) > 0


@pytest.mark.rfc(5321, "4.5.4.1", "SHOULD")
def test_one_transaction_for_several_recipients_at_one_host():
    letter = Content(b"", Blob(BlobId("b"), 1, b"x"))
    items = [
        Item(
            number, QueueId("q"), 1, Recipient(Address(f"r{number}", "x.test")), "x.test", 0, 0, 0, 9, State.WAITING, True,
            False, "", "", "a@b.test", letter, Body.SEVENBIT, False, None, None, None, False, False,
        )
        for number in range(50)
    ]  # fmt: skip
    assert len(make_loads(items, 50)) == 1


@pytest.mark.rfc(5321, "4.2.1", "MUST")
def test_the_first_digit_decides():
    assert isinstance(classify(Reply(499, None, ("?",)), "h"), Deferred)
    assert isinstance(classify(Reply(599, None, ("?",)), "h"), Failed)


@pytest.mark.rfc(5321, "4.5.3.1.10", "SHOULD")
def test_552_to_rcpt_is_a_temporary_failure():
    assert isinstance(classify(reply(552, "5.5.3", "too many"), "h", to=Verb.RCPT), Deferred)


@pytest.mark.rfc(5321, "5.1", "MUST")
def test_hosts_are_tried_by_preference():
    assert order([Mx(20, "b"), Mx(10, "a")], US, lambda: 0.5) == ("a", "b")


@pytest.mark.rfc(5321, "5.1", "MUST")
def test_hosts_of_equal_preference_are_taken_at_random():
    rolls = iter((0.9, 0.1))
    assert order([Mx(10, "a"), Mx(10, "b")], US, lambda: next(rolls)) == ("b", "a")


@pytest.mark.rfc(5321, "5.1", "MUST")
async def test_an_empty_list_of_mx_makes_the_domain_its_own_host():
    found = await MxLookup(Zone({"x.test": {"a": ("192.0.2.1",)}}), US, lambda: 0.5).find("x.test")
    assert [hop.host for hop in found] == ["x.test"]


@pytest.mark.rfc(5321, "5.1", "MUST")
async def test_mx_hosts_that_cannot_be_used_do_not_lead_to_the_address_of_the_domain():
    zone = Zone({"x.test": {"mx": (Mx(10, "gone.test"),), "a": ("192.0.2.1",)}, "gone.test": {}})
    look = MxLookup(zone, US, lambda: 0.5)
    assert [hop.host for hop in await look.find("x.test")] == ["gone.test"]
    assert await look.addresses("gone.test") == NO_HOST


@pytest.mark.rfc(5321, "5.1", "MUST")
async def test_what_is_no_better_than_ourselves_is_discarded():
    zone = Zone({"x.test": {"mx": (Mx(10, "mx.office.test"), Mx(20, "b.test"))}})
    assert await MxLookup(zone, US, lambda: 0.5).find("x.test") == LOOP
