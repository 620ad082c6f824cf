"""TLS reports: there and back, the standard's own example, and those who mean harm."""

import asyncio
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.tlsrpt.envelope import filename_of, format_content, subject_of
from posthouse.standards.tlsrpt.record import find_record, parse_record
from posthouse.standards.tlsrpt.report import (
    Failure,
    Line,
    PolicyReport,
    TlsReport,
    format_report,
    parse_report,
    summarise,
)
from posthouse.testing.zone import Zone

REPORT = TlsReport(
    organization="Office",
    contact="tls@office.test",
    report_id="1@office.test",
    begin=1_795_132_800,
    end=1_795_219_199,
    policies=(
        PolicyReport(
            policy_type="sts",
            domain="far.test",
            successes=5326,
            failures=303,
            policy=("version: STSv1", "mode: testing"),
            mx_hosts=("*.mail.far.test",),
            details=(
                Failure(
                    result_type="certificate-expired",
                    count=303,
                    sending_mta_ip="2001:db8::1",
                    receiving_mx_hostname="mx.far.test",
                    reason_code="X509",
                ),
            ),
        ),
    ),
)


def test_a_report_comes_back_as_it_was() -> None:
    assert parse_report(format_report(REPORT)) == REPORT


@pytest.mark.rfc(8460, "B", "example")
def test_an_example_in_the_form_of_the_standard() -> None:
    found = parse_report(
        b'{"organization-name":"Company-X","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":"2016-04-01T23:59:59Z"},'
        b'"contact-info":"sts-reporting@company-x.example","report-id":"5065427c-23d3-47ca-b6e0-946ea0e8c4be",'
        b'"policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":"Company-Y.example","mx-host":"*.mail.company-y.example"},'
        b'"summary":{"total-successful-session-count":5326,"total-failure-session-count":303},'
        b'"failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"2001:db8:abcd:0012::1","receiving-mx-hostname":"mx1.mail.company-y.example","failed-session-count":100},'
        b'{"result-type":"validation-failure","failed-session-count":"3","unknown":[1]}]}]}'
    )
    (policy,) = found.policies
    assert (policy.domain, policy.mx_hosts) == ("company-y.example", ("*.mail.company-y.example",))
    assert [one.count for one in policy.details] == [100, 3]
    assert found.end - found.begin == 86399


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"report-id":"1","policies":[1]}',
        b'{"report-id":"1","policies":[{}]}',
        format_report(REPORT).replace(b"303", b"-1"),
        format_report(REPORT).replace(b"303", b"1e99"),
        format_report(REPORT).replace(b"303", b"true"),
        b" " * 11_000_000,
    ],
)
def test_what_is_no_report_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError):
        parse_report(octets)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["policies", "policy", "summary", "date-range", "report-id", "start-datetime", "failure-details"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_report_or_a_value_error(found: object) -> None:
    import json

    try:
        parse_report(json.dumps(found).encode())
    except ValueError:
        return


def test_the_mail_carries_the_file() -> None:
    from email import message_from_bytes

    packed = gzip.compress(format_report(REPORT))
    mail = message_from_bytes(format_content(REPORT, packed, domain="far.test", submitter="office.test", boundary="b1"))
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "tlsrpt"
    assert (mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"]) == ("far.test", "office.test")
    file = mail.get_payload()[1]
    assert (file.get_content_type(), file.get_payload(decode=True)) == ("application/tlsrpt+gzip", packed)
    assert (
        file.get_filename()
        == filename_of(REPORT, "far.test", "office.test")
        == "office.test!far.test!1795132800!1795219199.json.gz"
    )
    assert subject_of(REPORT, "far.test", "office.test").endswith("Report-ID: <1@office.test>")


def test_a_summary_puts_failures_first() -> None:
    assert summarise([REPORT, REPORT]) == (
        Line("far.test", "sts", "certificate-expired", 606),
        Line("far.test", "sts", "", 10652),
    )


@pytest.mark.rfc(8460, "3", "MUST")
@pytest.mark.parametrize(
    ("text", "uris"),
    [
        ("v=TLSRPTv1;rua=mailto:reports@example.com", ("mailto:reports@example.com",)),
        ("v=TLSRPTv1; rua=https://a.test/v1/tls , mailto:b@a.test ;x=y", ("https://a.test/v1/tls", "mailto:b@a.test")),
        ("v=TLSRPTv1; rua=ftp://a.test,mailto:b@a.test!10m", None),
        ("v=TLSRPTv1 ;rua=mailto:b@a.test; x=y; rua=mailto:c@a.test", ("mailto:b@a.test", "mailto:c@a.test")),
        ("v=TLSRPTv1; rua=", None),
        ("v=TLSRPTv2; rua=mailto:b@a.test", None),
        ("rua=mailto:b@a.test; v=TLSRPTv1", None),
        ("", None),
    ],
)
def test_who_asks_for_reports(text, uris) -> None:
    assert parse_record(text) == uris


@pytest.mark.rfc(8460, "3", "MUST")
def test_two_records_are_none() -> None:
    record = b"v=TLSRPTv1; rua=mailto:b@a.test"
    zone = Zone({"_smtp._tls.a.test": {"txt": (b"other", record)}, "_smtp._tls.b.test": {"txt": (record, record)}})
    assert asyncio.run(find_record(zone, "a.test")) == ("mailto:b@a.test",)
    assert asyncio.run(find_record(zone, "b.test")) == ()
    assert asyncio.run(find_record(zone, "c.test")) == ()
