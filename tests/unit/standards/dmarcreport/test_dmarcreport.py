"""Aggregate reports: there and back in both namespaces, from others, and from those who mean harm."""

import asyncio
import gzip
import io
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.dmarcreport.destination import destinations
from posthouse.standards.dmarcreport.envelope import (
    Parcel,
    filename_of,
    format_content,
    parse_filename,
    parse_subject,
    subject_of,
)
from posthouse.standards.dmarcreport.failure import parse_failure
from posthouse.standards.dmarcreport.read import parse_report
from posthouse.standards.dmarcreport.report import (
    AggregateReport,
    DkimResult,
    Line,
    Override,
    Published,
    Row,
    SpfResult,
    summarise,
)
from posthouse.standards.dmarcreport.unpack import unpack
from posthouse.standards.dmarcreport.write import NAMESPACE, format_report
from posthouse.testing.zone import Zone

ROW = Row(
    source="192.0.2.1",
    count=3,
    disposition="quarantine",
    dkim="fail",
    spf="fail",
    header_from="far.test",
    envelope_from="evil.test",
    envelope_to="office.test",
    overrides=(Override("policy_test_mode", "t=y & <so> on"),),
    dkim_results=(DkimResult("evil.test", "s1", "pass"), DkimResult("far.test", "s2", "fail", "body changed")),
    spf_results=(SpfResult("evil.test", "softfail"),),
)
REPORT = AggregateReport(
    organization='Office & "Co"',
    email="dmarc@office.test",
    report_id="2026-11-21.far.test",
    begin=1_795_132_800,
    end=1_795_219_199,
    published=Published(
        domain="far.test",
        p="reject",
        sp="quarantine",
        np="reject",
        adkim="r",
        aspf="s",
        fo="1",
        testing="y",
        discovery_method="treewalk",
    ),
    rows=(ROW, Row(source="2001:db8::1", count=1, disposition="pass", dkim="pass", spf="pass", header_from="far.test")),
    errors=("sp was bad",),
    generator="posthouse",
)


@pytest.mark.rfc(9990, "3.1.1", "MUST")
def test_a_report_comes_back_as_it_was() -> None:
    octets = format_report(REPORT, extension='<x:y xmlns:x="urn:x"><x:version>2</x:version></x:y>')
    assert f'<feedback xmlns="{NAMESPACE}">'.encode() in octets
    assert parse_report(octets) == REPORT


def test_the_old_form_has_what_it_demands() -> None:
    octets = format_report(REPORT, modern=False)
    assert b"<feedback>" in octets
    assert b"<pct>0</pct>" in octets
    assert b"<type>other</type>" in octets
    found = parse_report(octets)
    assert found.rows[1].disposition == "none"
    assert (found.published.p, found.published.sp) == ("reject", "quarantine")


@pytest.mark.rfc(9990, "3.1.1.3", "MUST")
def test_fractions_of_seconds_are_left_out() -> None:
    written = format_report(REPORT).replace(b"1795132800</begin>", b"1795132800.0</begin>")
    assert written != format_report(REPORT)
    assert parse_report(written).begin == REPORT.begin


def test_errors_are_told_in_one_element() -> None:
    report = replace(REPORT, errors=("sp was bad", "rua was worse"))
    assert parse_report(format_report(report)).errors == ("sp was bad; rua was worse",)
    assert parse_report(format_report(report, modern=False)).errors == report.errors
    assert b"<error>" not in format_report(replace(REPORT, errors=()))


@pytest.mark.rfc(9990, "3.1.1", "MUST")
def test_spf_is_told_of_mail_from_and_once() -> None:
    """HELO stands in for the null reverse-path as its MAIL FROM (RFC 7208 section 2.4)."""
    results = (SpfResult("mx.far.test", "pass", "helo"), SpfResult("far.test", "pass"))
    row = Row(
        source="192.0.2.1", count=1, disposition="none", dkim="fail", spf="pass", header_from="a.test",
        spf_results=results,
    )  # fmt: skip
    report = replace(REPORT, rows=(row,))
    assert parse_report(format_report(report)).rows[0].spf_results == (SpfResult("mx.far.test", "pass", "mfrom"),)
    assert parse_report(format_report(report, modern=False)).rows[0].spf_results == results
    bare = replace(REPORT, rows=(replace(row, spf_results=()),))
    assert parse_report(format_report(bare)).rows[0].spf_results == ()
    assert parse_report(format_report(bare, modern=False)).rows[0].spf_results == (SpfResult("a.test", "none"),)


TEXT = st.text(max_size=30)


@given(TEXT, TEXT, st.integers(0, 10**9))
def test_any_text_makes_a_report_that_can_be_read(organization: str, comment: str, count: int) -> None:
    row = Row(
        source="192.0.2.9",
        count=count,
        disposition="none",
        dkim="fail",
        spf="pass",
        header_from="a.test",
        overrides=(Override("other", comment),),
    )
    report = AggregateReport(
        organization=organization,
        email="",
        report_id="1",
        begin=0,
        end=1,
        published=Published(domain="a.test"),
        rows=(row,),
    )
    assert parse_report(format_report(report)).rows[0].count == count


@given(st.binary(max_size=300))
def test_any_octets_are_a_report_or_a_value_error(octets: bytes) -> None:
    for sample in (octets, b"<feedback>" + octets, format_report(REPORT)[: len(octets) * 5] + octets):
        try:
            parse_report(sample)
        except ValueError:
            continue


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><feedback><report_metadata><report_id>&b;</report_id></report_metadata></feedback>'


@pytest.mark.parametrize(
    "octets",
    [
        LAUGHS,
        b'<!DOCTYPE feedback SYSTEM "file:///etc/passwd"><feedback/>',
        b"<feedback>" + b"<a>" * 100,
        b"<feedback><" + b"a" * 100 + b"/></feedback>",
        b"<feedback><report_metadata><report_id>&a;</report_id></report_metadata></feedback>",
        b"<html/>",
        b"<feedback/>",
        b"",
        format_report(REPORT).replace(b"192.0.2.1", b"192.0.2.999"),
        format_report(REPORT).replace(b"<count>3", b"<count>-3"),
        format_report(REPORT).replace(b"<count>3", b"<count>" + b"9" * 5000),
        format_report(REPORT).replace(b"<begin>1", b"<begin>x"),
    ],
)
def test_what_is_no_report_or_means_harm_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError):
        parse_report(octets)


def test_too_many_records_are_refused() -> None:
    record = format_report(REPORT).partition(b"<record>")[2].partition(b"</record>")[0]
    octets = (
        b"<feedback>"
        + (b"<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>" * 50_001)
        + b"</feedback>"
    )
    assert record
    with pytest.raises(ValueError, match="too many"):
        parse_report(octets)


# -- packing (threat D11)


def test_gzip_zip_and_plain_are_unpacked() -> None:
    octets = format_report(REPORT)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a!b!1!2.xml", octets)
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("a!b!1!2.xml", octets)
    for one in (octets, gzip.compress(octets), packed.getvalue(), stored.getvalue()):
        assert unpack(one) == octets


def test_bombs_are_refused() -> None:
    zeros = bytes(100_000_000)
    with pytest.raises(ValueError, match="too much"):
        unpack(gzip.compress(zeros))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.xml", zeros)
    with pytest.raises(ValueError, match="too much"):
        unpack(packed.getvalue())
    with pytest.raises(ValueError, match="too large"):
        unpack(bytes(11 * 1024 * 1024))
    with pytest.raises(ValueError):
        unpack(gzip.compress(b"x" * 1000)[:20])


@given(st.binary(max_size=100))
def test_any_packing_is_unpacked_or_a_value_error(octets: bytes) -> None:
    for start in (b"\x1f\x8b\x08", b"PK\x03\x04", b""):
        try:
            unpack(start + octets)
        except ValueError:
            continue


# -- mail


def test_names_of_the_mail() -> None:
    assert (
        subject_of(REPORT, "mx.office.test")
        == "Report Domain: far.test Submitter: mx.office.test Report-ID: <2026-11-21.far.test>"
    )
    assert filename_of(REPORT, "mx.office.test") == "mx.office.test!far.test!1795132800!1795219199.xml.gz"
    assert parse_subject(subject_of(REPORT, "mx.office.test")) == Parcel(
        "far.test", "mx.office.test", "2026-11-21.far.test"
    )
    assert parse_filename(filename_of(REPORT, "mx.office.test", unique="a-1")) == Parcel(
        "far.test", "mx.office.test", "a1"
    )
    assert parse_subject("hello") is parse_filename("../../x!y!1!2.xml") is None


def test_the_mail_carries_the_file() -> None:
    from email import message_from_bytes

    packed = gzip.compress(format_report(REPORT))
    mail = message_from_bytes(format_content(REPORT, packed, submitter="mx.office.test", boundary="b1"))
    text, file = mail.get_payload()
    assert (text.get_content_type(), file.get_content_type()) == ("text/plain", "application/gzip")
    assert file.get_filename() == filename_of(REPORT, "mx.office.test")
    assert file.get_payload(decode=True) == packed


@pytest.mark.rfc(9990, "4", "MUST")
@pytest.mark.parametrize(
    ("rua", "expected"),
    [
        (["mailto:d@far.test"], ("d@far.test",)),
        (["mailto:d@sub.far.test"], ("d@sub.far.test",)),
        (["mailto:d@victim.test"], ()),
        (["mailto:d@agreed.test"], ("d@agreed.test",)),
        (["mailto:d@moved.test"], ("new@moved.test",)),
        (["mailto:d@stolen.test"], ()),
        (["https://far.test/x", "mailto:a@b@far.test", "mailto:a\r\nb@far.test"], ()),
        ([f"mailto:d{number}@far.test" for number in range(1000)], ("d0@far.test", "d1@far.test")),
        (["mailto:a..b@far.test", "mailto:.a@far.test", "mailto:a@-far.test", "mailto:a@."], ()),
        (["mailto:d@wrong.test"], ()),
    ],
)
def test_reports_go_only_to_those_who_agreed(rua: list[str], expected: tuple[str, ...]) -> None:
    zone = Zone(
        {
            "_dmarc.far.test": {"txt": (b"v=DMARC1; p=none",)},
            "far.test._report._dmarc.agreed.test": {"txt": (b"v=DMARC1",)},
            "far.test._report._dmarc.moved.test": {"txt": (b"v=DMARC1; rua=mailto:new@moved.test",)},
            "far.test._report._dmarc.wrong.test": {"txt": (b"v=DMARC1; rua=mailto:a..b@wrong.test",)},
            "far.test._report._dmarc.stolen.test": {"txt": (b"v=DMARC1; rua=mailto:v@victim.test",)},
        }
    )
    assert asyncio.run(destinations(zone, "far.test", rua)) == expected


def test_a_summary_counts_messages() -> None:
    assert summarise([REPORT, REPORT]) == (
        Line("192.0.2.1", "far.test", 0, 6, 6),
        Line("2001:db8::1", "far.test", 2, 0, 0),
    )


# -- failure reports


@pytest.mark.rfc(6591, "B", "example")
def test_a_failure_report() -> None:
    found = parse_failure(
        b"Feedback-Type: auth-failure\r\nUser-Agent: Someisp!Mail-Feedback/1.0\r\nVersion: 1\r\n"
        b"Original-Mail-From: <randomuser@example.net>\r\nReceived-Date: Thu, 7 Oct 2010 13:42:21 -0400\r\n"
        b"Source-IP: 192.0.2.1\r\nReported-Domain: Example.com\r\nAuthentication-Results: mx.x.test; dkim=fail header.d=example.com\r\n"
        b"DKIM-Domain: example.com\r\nDKIM-Selector: s1\r\nAuth-Failure: dmarc\r\nIdentity-Alignment: dkim, spf\r\nDelivery-Result: reject\r\nIncidents: 4\r\n"
    )
    assert (found.feedback_type, found.auth_failure, found.incidents) == ("auth-failure", "dmarc", 4)
    assert (found.source_ip, found.reported_domains) == ("192.0.2.1", ("example.com",))
    assert found.identity_alignment == ("dkim", "spf")
    assert found.results[0].property("header", "d") == "example.com"


@pytest.mark.rfc(5965, "3.5", "example")
def test_comments_in_a_failure_report_are_passed_over() -> None:
    found = parse_failure(
        b"Feedback-Type: Abuse (sent by hand)\r\nVersion: 1 (one)\r\nUser-Agent: Some/1.0 (x)\r\n"
        b"Source-IP: IPv6:2001:db8::1 (far.test)\r\nReported-Domain: (it is) far.test\r\nIncidents: 3 (or so)\r\n"
    )
    assert (found.feedback_type, found.source_ip, found.incidents) == ("abuse", "2001:db8::1", 3)
    assert (found.reported_domains, found.user_agent) == (("far.test",), "Some/1.0 (x)")


@given(st.binary(max_size=200))
def test_any_octets_are_a_failure_report_or_a_value_error(octets: bytes) -> None:
    parse_failure(b"Feedback-Type: abuse\r\nVersion: 1\r\n" + octets)
    with pytest.raises(ValueError):
        parse_failure(b"X: y\r\n\r\n" + octets)
