"""RFC 3464 and RFC 3461 section 6: the form of a report."""

import email
import email.policy
import re

import pytest

from posthouse.admd.limits import Limits
from posthouse.mail.envelope import Notify, OriginalRecipient, Recipient, Return
from posthouse.mail.reply import reply
from posthouse.mta.bounce import Reporter
from posthouse.mta.reporting import Action, Finding, Subject
from posthouse.mta.schedule import Schedule
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.testing.ports import CountedIds, ManualClock

ORIGINAL = b"From: alice@office.test\r\nSubject: hello\r\n\r\nthe body\r\n"
ALICE, BOB, CAROL = (parse_mailbox(f"{name}.test") for name in ("alice@office", "bob@elsewhere", "carol@elsewhere"))


def report(*findings: Finding, **values):
    clock = ManualClock()
    reporter = Reporter(
        hostname="mx.office.test", clock=clock, ids=CountedIds(), schedule=Schedule.of(Limits()), returned_octets=16384
    )
    given = {"reverse_path": ALICE, "trace": "t", "arrived_at": 1_800_000_000_000, "original": ORIGINAL, **values}
    return reporter.report(Subject(**given), findings or (failed(),))


def failed(address=BOB, original=None, action=Action.FAILED, code=550, status="5.1.1") -> Finding:
    return Finding(Recipient(address, None, original), action, reply(code, status, "so it is"), "mx.elsewhere.test")


def fields(octets: bytes) -> list[dict[str, str]]:
    body = octets.partition(b"message/delivery-status\r\n\r\n")[2].partition(b"\r\n--report")[0].decode()
    return [dict(line.split(": ", 1) for line in block.split("\r\n") if line) for block in body.split("\r\n\r\n")]


@pytest.mark.rfc(3464, "2", "MUST")
def test_it_is_a_multipart_report_of_delivery_status():
    message = email.message_from_bytes(report()[1], policy=email.policy.default)
    assert (message.get_content_type(), message.get_param("report-type")) == ("multipart/report", "delivery-status")


@pytest.mark.rfc(3464, "2", "MUST")
def test_it_goes_from_the_null_reverse_path_to_the_reverse_path_of_the_message():
    envelope, _ = report()
    assert envelope.reverse_path is None
    assert [one.address for one in envelope.recipients] == [ALICE]


@pytest.mark.rfc(3461, "6.1", "MUST NOT")
def test_ret_is_not_used_and_notify_only_as_never():
    envelope, _ = report()
    assert envelope.ret is None
    assert envelope.recipients[0].notify is Notify.NEVER


@pytest.mark.rfc(3464, "2.1", "MUST")
def test_one_block_about_the_message_and_one_about_each_recipient():
    blocks = fields(report(failed(BOB), failed(CAROL))[1])
    assert len(blocks) == 3
    assert "Reporting-MTA" in blocks[0]
    assert [block["Final-Recipient"] for block in blocks[1:]] == [
        "rfc822; bob@elsewhere.test",
        "rfc822; carol@elsewhere.test",
    ]


@pytest.mark.rfc(3464, "2.2.1", "MUST")
def test_the_envelope_id_stands_when_it_was_given_and_only_then():
    assert fields(report(envid="E1")[1])[0]["Original-Envelope-Id"] == "E1"
    assert "Original-Envelope-Id" not in fields(report()[1])[0]


@pytest.mark.rfc(3464, "2.2.2", "MUST")
def test_the_reporting_mta_is_named():
    assert fields(report()[1])[0]["Reporting-MTA"] == "dns; mx.office.test"


@pytest.mark.rfc(3464, "2.3.1", "MUST")
def test_the_original_recipient_stands_when_it_was_given_and_only_then():
    original = OriginalRecipient("rfc822", "Bob@elsewhere.test")
    assert fields(report(failed(original=original))[1])[1]["Original-Recipient"] == "rfc822; Bob@elsewhere.test"
    assert "Original-Recipient" not in fields(report()[1])[1]


@pytest.mark.rfc(3464, "2.3.2", "MUST")
@pytest.mark.rfc(3464, "2.3.3", "MUST")
@pytest.mark.rfc(3464, "2.3.4", "MUST")
def test_final_recipient_action_and_status_always_stand():
    block = fields(report()[1])[1]
    assert {"Final-Recipient", "Action", "Status"} <= block.keys()
    assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", block["Status"])


@pytest.mark.rfc(3464, "2.3.3", "MUST")
@pytest.mark.parametrize(
    ("action", "code", "status", "said"),
    [
        (Action.FAILED, 550, "5.1.1", "5.1.1"),
        (Action.FAILED, 451, "4.4.7", "5.4.7"),
        (Action.DELAYED, 451, "4.4.1", "4.4.1"),
        (Action.RELAYED, 250, "2.0.0", "2.0.0"),
        (Action.DELIVERED, 250, "2.1.5", "2.1.5"),
        (Action.EXPANDED, 250, "2.1.5", "2.1.5"),
    ],
)
def test_the_status_agrees_with_the_action(action, code, status, said):
    block = fields(report(failed(action=action, code=code, status=status))[1])[1]
    assert (block["Action"], block["Status"]) == (action.value, said)


@pytest.mark.rfc(3464, "2.1.1", "MUST")
def test_every_field_ends_with_crlf_and_every_block_but_the_last_with_an_empty_line():
    """The CRLF before a boundary belongs to the boundary (RFC 2046 section 5.1.1), so the last field has its own."""
    octets = report(failed(), failed(CAROL))[1]
    status = octets.partition(b"message/delivery-status\r\n\r\n")[2].partition(b"\r\n--report")[0]
    assert status.endswith(b"\r\n")
    blocks = status.split(b"\r\n\r\n")
    assert len(blocks) == 3
    assert all(block.strip() for block in blocks)


@pytest.mark.rfc(3464, "2", "MUST")
def test_the_message_is_returned_octet_for_octet():
    octets = report(ret=Return.FULL)[1]
    assert octets.partition(b"message/rfc822\r\n\r\n")[2].partition(b"\r\n--report")[0] == ORIGINAL


@pytest.mark.rfc(3464, "2.3.6", "MAY")
def test_the_diagnostic_is_what_the_server_said():
    assert fields(report()[1])[1]["Diagnostic-Code"] == "smtp; 550 5.1.1 so it is"


@pytest.mark.rfc(3464, "2.3.9", "MUST NOT")
def test_will_retry_until_stands_only_while_we_try():
    assert "Will-Retry-Until" not in fields(report()[1])[1]
    assert "Will-Retry-Until" in fields(report(failed(action=Action.DELAYED, code=451, status="4.4.1"))[1])[1]


@pytest.mark.rfc(3461, "4.3", "MUST")
def test_headers_alone_are_returned_when_that_was_asked():
    octets = report(ret=Return.HEADERS)[1]
    assert b"the body" not in octets
    assert b"text/rfc822-headers" in octets


@pytest.mark.rfc(3461, "6.2", "SHOULD")
def test_the_whole_message_is_returned_with_a_failure_and_only_headers_otherwise():
    assert b"the body" in report(ret=Return.FULL)[1]
    assert b"the body" not in report(failed(action=Action.DELAYED, code=451, status="4.4.1"), ret=Return.FULL)[1]


@pytest.mark.rfc(6522, "3", "MUST")
def test_the_parts_stand_in_order():
    message = email.message_from_bytes(report()[1], policy=email.policy.default)
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]


@pytest.mark.rfc(6533, "4.1", "MUST")
def test_utf8_mail_is_reported_with_the_global_types():
    octets = report(utf8=True, original="Subject: grüße\r\n\r\nx\r\n".encode())[1]
    assert b"message/global-delivery-status" in octets
    assert b"Content-Type: message/global\r\n" in octets


@pytest.mark.rfc(3834, "5.1", "SHOULD")
def test_it_is_marked_as_automatic():
    assert b"\r\nAuto-Submitted: auto-replied\r\n" in report()[1]
