"""Reports written and read again; reports that anybody may have written."""

import email
import email.policy

import pytest

from posthouse.standards.dsn.compose import Letter, Returned, compose
from posthouse.standards.dsn.explain import advise
from posthouse.standards.dsn.parse import parse_delivery_status
from posthouse.standards.dsn.report import DeliveryStatus, Kind, Named, RecipientStatus

LETTER = Letter(
    sender="Mail Delivery Service <postmaster@office.test>",
    to="alice@office.test",
    subject="Your message could not be delivered",
    text="First line\nsecond\r line",
    date=1_800_000_000,
    message_id="1@office.test",
    boundary="report-xyz",
)
ONE = RecipientStatus(
    final=Named("rfc822", "bob@elsewhere.test"),
    action=Kind.FAILED,
    status="5.1.1",
    original=Named("rfc822", "Bob@Elsewhere.test"),
    remote_mta="mx.elsewhere.test",
    diagnostic="550 5.1.1 nobody\r\nBcc: evil\x00",
    last_attempt=1_800_000_000,
    retry_until=1_800_000_100,
)
STATUS = DeliveryStatus("office.test", (ONE,), envid="E 1", arrived=1_799_999_999)


def parts(octets):
    return list(email.message_from_bytes(octets, policy=email.policy.default).iter_parts())


def status_octets(octets: bytes) -> bytes:
    part = octets.partition(b"delivery-status\r\n")[2].partition(b"--report-xyz")[0]
    return part.removeprefix(b"Content-Transfer-Encoding: 8bit\r\n").removeprefix(b"\r\n")


def test_three_parts_as_the_standard_wants_them():
    octets = compose(LETTER, STATUS, Returned(b"Subject: x\r\n\r\nbody\r\n", whole=True))
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in parts(octets)] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    assert message["Auto-Submitted"] == "auto-replied"
    assert octets.isascii()
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")


def test_only_the_header_is_labelled_so():
    octets = compose(LETTER, STATUS, Returned(b"Subject: x\r\n", whole=False))
    assert parts(octets)[2].get_content_type() == "text/rfc822-headers"


def test_what_a_server_said_cannot_add_a_field():
    octets = compose(LETTER, STATUS, None)
    assert b"\r\nBcc:" not in octets
    assert b"\0" not in octets


def test_written_and_read_again():
    read = parse_delivery_status(status_octets(compose(LETTER, STATUS, None)))
    assert (read.reporting_mta, read.envid, read.arrived) == ("office.test", "E 1", 1_799_999_999)
    [one] = read.recipients
    assert (one.final, one.original, one.action, one.status) == (ONE.final, ONE.original, Kind.FAILED, "5.1.1")
    assert (one.remote_mta, one.last_attempt, one.retry_until) == (ONE.remote_mta, ONE.last_attempt, ONE.retry_until)
    assert one.diagnostic == "550 5.1.1 nobody Bcc: evil"


def test_utf8_addresses_in_both_forms():
    status = DeliveryStatus("office.test", (RecipientStatus(Named("utf-8", "grüße@x.test"), Kind.FAILED, "5.1.1"),))
    plain = compose(LETTER, status, None)
    assert b"Final-Recipient: utf-8; gr\\x{FC}\\x{DF}e@x.test" in plain
    letter = Letter(**{name: getattr(LETTER, name) for name in LETTER.__slots__} | {"utf8": True})
    wide = compose(letter, status, Returned("Subject: grüße\r\n".encode(), whole=False))
    assert b"Content-Type: message/global-delivery-status" in wide
    assert b"Content-Type: message/global-headers" in wide
    assert "Final-Recipient: utf-8; grüße@x.test".encode() in wide
    for octets in (plain, wide):
        assert parse_delivery_status(status_octets(octets)).recipients[0].final.text == "grüße@x.test"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n\r\n",
        b"Reporting-MTA: dns; x\r\n\r\nAction: failed\r\n",
        b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: exploded\r\n",
        b"Final-Recipient: rfc822; a@b\r\nAction: failed\r\n",
        b"\xff" * 1000,
    ],
)
def test_what_is_no_report_is_refused(octets):
    with pytest.raises(ValueError, match="no recipient"):
        parse_delivery_status(octets)


def test_a_report_from_a_careless_server_is_read_as_far_as_it_goes():
    octets = (
        b"Reporting-MTA: x.test\r\nArrival-Date: yesterday\r\n\r\n"
        b"Final-Recipient: RFC822; a@b.test\r\nAction: Delayed\r\nStatus: 4.4.7 (too long)\r\nDiagnostic-Code: smtp\r\n\r\n\r\n"
    )
    read = parse_delivery_status(octets)
    assert (read.reporting_mta, read.arrived) == ("x.test", None)
    assert (read.recipients[0].status, read.recipients[0].action) == ("4.4.7", Kind.DELAYED)


def test_many_recipients_are_bounded():
    block = b"Final-Recipient: rfc822; a@b.test\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n"
    assert len(parse_delivery_status(b"Reporting-MTA: dns; x\r\n\r\n" + block * 10_000).recipients) == 500


@pytest.mark.parametrize(
    ("status", "word"), [("5.1.1", "before the @"), ("5.1.99", "address"), ("5.9.9", "postmaster"), ("", "postmaster")]
)
def test_advice_for_everything(status, word):
    assert word in advise(status)


def test_blocks_that_name_nobody_are_not_read_for_ever():
    with pytest.raises(ValueError, match="no recipient"):
        parse_delivery_status(b"a\n\n" * 300_000)  # minutes, if every one were looked at
