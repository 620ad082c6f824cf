"""Reports about one message: which are wanted, what they say, and that they say nothing of who it was for."""

from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.authres.results import MethodResult, Property
from posthouse.standards.dmarcreport.failure import FailureReport, parse_failure
from posthouse.standards.dmarcreport.failuremail import format_failure, format_failure_content, format_spf_record
from posthouse.standards.dmarcreport.options import failure_wanted
from posthouse.standards.dmarcreport.redact import MOST_LINE, Redaction
from posthouse.standards.imf.header import parse_header

KEY = b"k" * 32
REPORT = FailureReport(
    feedback_type="auth-failure",
    user_agent="Posthouse/1",
    auth_failure="dmarc",
    identity_alignment=("dkim", "spf"),
    delivery_result="reject",
    source_ip="192.0.2.66",
    reported_domains=("far.test",),
    mail_from="boss@liar.test",
    dkim_domain="far.test",
    dkim_identity="@far.test",
    dkim_selector="s1",
    spf_record=format_spf_record("liar.test", 'v=spf1 exp="x" -all'),
    arrived="Fri, 20 Nov 2026 12:00:00 +0000",
    incidents=3,
    results=(MethodResult("dmarc", "fail", properties=(Property("header", "from", "far.test"),)),),
)


@pytest.mark.rfc(9989, "4.7", "MUST")
@pytest.mark.parametrize(
    ("fo", "aligned", "signature_failed", "spf_failed", "told"),
    [
        ("0", (), True, True, "dmarc"),
        ("0", ("spf",), True, False, ""),
        ("0", ("dkim",), False, True, ""),
        ("1", ("spf",), True, False, "dmarc"),
        ("1", ("dkim",), False, False, "dmarc"),
        ("1", ("dkim", "spf"), True, True, ""),
        ("d", (), False, True, ""),
        ("d", ("spf",), True, False, "signature"),
        ("s", (), True, False, ""),
        ("s", ("dkim",), False, True, "spf"),
        ("d:s", ("dkim",), False, True, "spf"),
        ("0:d:s", (), True, True, "dmarc"),
        ("0:d", ("spf",), True, True, "signature"),
        (" 1 : D", ("spf",), False, False, "dmarc"),
        ("", (), False, False, "dmarc"),
        ("x:9", (), False, False, "dmarc"),
        ("x:s", (), False, False, ""),
    ],
)
def test_a_domain_is_told_of_what_it_wants(
    fo: str, aligned: tuple[str, ...], signature_failed: bool, spf_failed: bool, told: str
) -> None:
    assert failure_wanted(fo, aligned=aligned, signature_failed=signature_failed, spf_failed=spf_failed) == told


@pytest.mark.rfc(9991, "4", "MUST")
def test_what_we_write_is_what_we_read() -> None:
    assert parse_failure(format_failure(REPORT, authserv_id="mx.office.test")) == REPORT


@pytest.mark.rfc(6591, "3.1", "MUST")
@pytest.mark.rfc(5965, "2", "MUST")
def test_the_mail_is_a_report_of_three_parts() -> None:
    """As the standard library reads it."""
    content = format_failure_content(
        REPORT, b"From: a@far.test\r\n", authserv_id="mx.office.test", submitter="office.test", boundary="b1"
    )
    mail = message_from_bytes(b"From: x@office.test\r\n" + content, policy=policy.default)
    assert (mail.get_content_type(), mail.get_param("report-type")) == ("multipart/report", "feedback-report")
    assert mail["Auto-Submitted"] == "auto-generated"
    words, feedback, header = mail.iter_parts()
    assert (words.get_content_type(), feedback.get_content_type(), header.get_content_type()) == (
        "text/plain", "message/feedback-report", "text/rfc822-headers",
    )  # fmt: skip
    (fields,) = feedback.get_payload()
    assert fields["Feedback-Type"] == "auth-failure"
    assert fields["Version"] == "1"
    assert fields["Identity-Alignment"] == "dkim, spf"
    assert fields["Incidents"] == "3"
    assert fields["SPF-DNS"] == 'txt : liar.test : "v=spf1 exp=\\"x\\" -all"'
    assert fields.get_all("Authentication-Results") == ["mx.office.test;\tdmarc=fail header.from=far.test"]
    assert "From: a@far.test" in header.as_string()


@given(st.text(), st.text(), st.text())
def test_no_value_makes_another_field(sender: str, selector: str, domain: str) -> None:
    report = replace(REPORT, mail_from=sender, dkim_selector=selector, spf_record=format_spf_record(domain, selector))
    octets = format_failure(report, authserv_id="mx.office.test")
    assert octets.isascii()
    assert set(parse_header(octets).names) <= set(parse_header(format_failure(REPORT, authserv_id="m")).names)
    assert parse_failure(octets).auth_failure == "dmarc"


LETTER = (
    b"Received: from a (b [192.0.2.1]) by c for <Alice@Office.test>; Fri\r\n"
    b"From: boss@far.test\r\n"
    b'To: "Alice" <alice@office.test>,\r\n "a b"@office.test, carol@else.test\r\n'
    b"Cc: alice @ office.test\r\n"
    b"Message-ID: <1@far.test>\r\n"
    b"List-Unsubscribe: <https://far.test/?for=alice%40office.test>, <mailto:out+alice=office.test@far.test>\r\n"
    b"Subject: Hello alice@office.test\r\n"
)


@pytest.mark.rfc(6590, "3", "SHOULD")
def test_nobody_learns_whom_it_was_for() -> None:
    written = Redaction(KEY, ["office.test"]).header(parse_header(LETTER + b"\r\nbody\r\n"))
    assert b"alice@" not in written.lower()
    assert b"alice%40" not in written
    assert b"alice=" not in written
    assert b"carol" not in written
    assert b'"a b"' not in written
    assert b"From: boss@far.test\r\n" in written
    assert b"Message-ID: <1@far.test>\r\n" in written
    assert b"body" not in written
    assert written.count(b"@office.test") == 3
    word = written.split(b"Hello ")[1].split(b"@")[0]
    assert written.count(word) == 5, "the same person is the same word"
    assert word not in Redaction(b"other", ["office.test"]).header(parse_header(LETTER))


def test_a_header_is_text_that_any_mail_can_carry() -> None:
    wild = b"X: \xff\x00\x1b" + b"y" * 3000 + b"\r\nY: a\rZ: forged\r\n\tmore\r\ngarbage\r\n"
    written = Redaction(KEY, []).header(parse_header(wild))
    assert written.isascii()
    assert max(map(len, written.split(b"\r\n"))) <= MOST_LINE
    assert parse_header(written).names == ["x", "y"]


@given(st.binary(max_size=500))
def test_any_header_can_be_shown(octets: bytes) -> None:
    written = Redaction(KEY, ["office.test"]).header(parse_header(b"To: " + octets))
    assert written.isascii()
    assert b"\r\n\r\n" not in written


@pytest.mark.parametrize("wild", [b'"', b'"\\', b"a ", b"a@", b"a", b"a=", b" ", b"@", b"a%40"])
def test_no_header_costs_more_than_its_length(wild: bytes) -> None:
    """Seen without end before: quoted strings that never close, words without a domain."""
    Redaction(KEY, ["office.test"]).text(wild * (1_000_000 // len(wild)), everybody=True)
