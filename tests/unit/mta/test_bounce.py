"""Reports to senders: what they say, and what they keep to themselves (B02)."""

from dataclasses import replace

import pytest

from posthouse.admd.limits import Limits
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.mail.reply import reply
from posthouse.mta.bounce import Reporter
from posthouse.mta.reporting import Action, Finding, Subject
from posthouse.mta.schedule import Schedule
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.testing.ports import CountedIds, ManualClock

ORIGINAL = b"From: alice@office.test\r\nSubject: hello\r\n\r\nbody of the letter\r\n"
REFUSED = reply(550, "5.1.1", "nobody of that name")


def subject(**values) -> Subject:
    fields = {
        "reverse_path": parse_mailbox("alice@office.test"),
        "trace": "t1",
        "arrived_at": 1_800_000_000_000,
        "original": ORIGINAL,
    }
    return Subject(**{**fields, **values})


def finding(
    to="bob@elsewhere.test", action=Action.FAILED, answer=REFUSED, host="mx.elsewhere.test", original=None
) -> Finding:
    return Finding(Recipient(parse_mailbox(to), None, original), action, answer, host)


@pytest.fixture
def reporter():
    clock = ManualClock()
    return Reporter(
        hostname="mx.office.test", clock=clock, ids=CountedIds(), schedule=Schedule.of(Limits()), returned_octets=16384
    )


def test_a_report_goes_from_nobody_and_is_never_reported_about(reporter):
    envelope, octets = reporter.report(subject(), [finding()])
    assert envelope.reverse_path is None
    assert envelope.recipients[0].notify is Notify.NEVER
    assert (envelope.body, envelope.utf8) == (Body.SEVENBIT, False)
    assert b"Auto-Submitted: auto-replied" in octets


def test_it_says_what_happened_where_and_what_to_do(reporter):
    _, octets = reporter.report(subject(), [finding()])
    for words in (
        b"could not be delivered",
        b"bob@elsewhere.test",
        b"mx.elsewhere.test answered",
        b"nobody of that name",
        b"ask the person",
        b"t1",
    ):
        assert words in octets


def test_an_alias_is_not_given_away(reporter):
    known = OriginalRecipient("rfc822", "sales@office.test")
    answer = reply(550, "5.1.1", "<secret@inner.test> unknown")
    secret = finding("secret@inner.test", answer=answer, host="inner.test", original=known)
    _, octets = reporter.report(subject(), [replace(secret, named=known)])
    assert b"secret" not in octets
    assert b"inner.test" not in octets
    assert b"Final-Recipient: rfc822; sales@office.test" in octets


def test_the_final_recipient_is_who_was_accepted_whoever_was_meant_at_first(reporter):
    """RFC 3464 section 2.3.2: an ORCPT from elsewhere stands in its own field and hides nothing."""
    meant = OriginalRecipient("rfc822", "list@else.test")
    _, octets = reporter.report(subject(), [finding(original=meant)])
    assert b"Original-Recipient: rfc822; list@else.test" in octets
    assert b"Final-Recipient: rfc822; bob@elsewhere.test" in octets
    assert b"Remote-MTA: dns; mx.elsewhere.test" in octets
    assert b"Diagnostic-Code: smtp; 550 5.1.1 nobody of that name" in octets


@pytest.mark.parametrize(
    ("values", "action", "whole"),
    [
        ({}, Action.FAILED, True),
        ({"ret": Return.FULL}, Action.FAILED, True),
        ({"ret": Return.HEADERS}, Action.FAILED, False),
        ({}, Action.RELAYED, False),
        ({}, Action.DELAYED, False),
        ({"original": ORIGINAL + b"x" * 70 + b"\r\n" * 20_000}, Action.FAILED, False),
        ({"original": ORIGINAL + b"bare\nline"}, Action.FAILED, False),
    ],
)
def test_how_much_is_returned(reporter, values, action, whole):
    _, octets = reporter.report(subject(**values), [finding(action=action)])
    assert (b"body of the letter" in octets) is whole
    assert b"Subject: hello" in octets
    assert octets.count(b"\n") == octets.count(b"\r\n")


def test_several_recipients_and_fates_in_one_report(reporter):
    findings = [finding(), finding("carol@elsewhere.test", Action.DELIVERED, reply(250, "2.1.5", "ok"))]
    _, octets = reporter.report(subject(), findings)
    assert b"Subject: Your message could not be delivered" in octets
    assert octets.count(b"Final-Recipient:") == 2
    assert b"Status: 5.1.1" in octets
    assert b"Status: 2.1.5" in octets


def test_a_delay_says_until_when(reporter):
    _, octets = reporter.report(subject(), [finding(action=Action.DELAYED, answer=reply(451, "4.4.1", "no answer"))])
    assert b"You need not do anything" in octets
    assert b"Will-Retry-Until: " in octets
    assert b"Status: 4.4.1" in octets


def test_given_up_is_a_permanent_status(reporter):
    _, octets = reporter.report(subject(), [finding(answer=reply(451, "4.4.7", "given up"))])
    assert b"Status: 5.4.7" in octets


def test_who_found_it_out_may_know_better_what_to_do(reporter):
    found = Finding(finding().recipient, Action.FAILED, reply(550, "5.7.1", "stopped"), advice="Ask us why.")
    _, octets = reporter.report(subject(), [found])
    assert b"Ask us why." in octets
    assert b"does not let you write" not in octets


def test_utf8_mail_is_reported_in_utf8(reporter):
    envelope, octets = reporter.report(
        subject(utf8=True, original="Subject: grüße\r\n\r\nx\r\n".encode()), [finding("grün@elsewhere.test")]
    )
    assert (envelope.utf8, envelope.body) == (True, Body.EIGHTBIT)
    assert "utf-8; grün@elsewhere.test".encode() in octets
    assert b"message/global\r\n" in octets


def test_nobody_to_tell_is_a_mistake_of_ours(reporter):
    with pytest.raises(ValueError, match="nobody"):
        reporter.report(subject(reverse_path=None), [finding()])
