"""Reports out of mails, as several generators send them, and as those send them who mean harm."""

import gzip
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import samples

from posthouse.mta.feedback.reading import MOST_REPORTS, Read, read_message
from posthouse.supervisor.worker import ANSWER_OCTETS

NOW = 1_795_300_000


def read(octets: bytes) -> Read:
    """As it comes back from a worker."""
    answer = msgspec.msgpack.encode(read_message(octets, NOW))
    assert len(answer) < ANSWER_OCTETS
    return msgspec.msgpack.decode(answer, type=Read)


@pytest.mark.parametrize("sample", [samples.GOOGLE, samples.OLD, samples.MODERN, samples.AMAZON])
@pytest.mark.parametrize(
    ("pack", "kind"),
    [
        (samples.gz, "application/gzip"),
        (samples.gz, "application/octet-stream"),
        (samples.zipped, "application/zip"),
        (samples.zipped, "application/x-zip-compressed"),
        (bytes, "text/xml"),
        (bytes, "application/xml"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_an_aggregate_report_is_found_however_it_is_packed(sample, pack, kind, alone) -> None:
    (report,) = read(samples.mail(pack(sample), kind=kind, alone=alone)).reports
    assert (report.kind, report.domain, report.begin) == ("report.dmarc", "office.test", 1_795_132_800)
    bad, good = report.senders
    assert (bad.source, bad.count, bad.passed, bad.refused) == ("203.0.113.66", 40, False, True)
    assert (bad.path, bad.signers) == ("evil.test:pass", ())
    assert (good.source, good.count, good.passed, good.refused) == ("198.51.100.7", 12, True, False)
    assert report.policy.startswith("p=reject sp=reject")


def test_reasons_and_byte_order_marks_are_read() -> None:
    (report,) = read(samples.mail(samples.gz(samples.MICROSOFT))).reports
    (line,) = report.senders
    assert (line.author, line.source, line.why, line.signers) == (
        "office.test", "2001:db8::66", ("local_policy",), ("list.test:pass",),
    )  # fmt: skip
    assert report.reporter == "Enterprise Outlook"


@pytest.mark.parametrize("kind", ["application/tlsrpt+gzip", "application/tlsrpt+json", "application/gzip"])
def test_a_tls_report_is_found(kind) -> None:
    packed = samples.TLS_GOOGLE if kind.endswith("json") else samples.gz(samples.TLS_GOOGLE)
    (report,) = read(samples.mail(packed, kind=kind)).reports
    assert (report.kind, report.domain) == ("report.tls", "office.test")
    assert [(one.failure, one.count, one.host) for one in report.sessions] == [
        ("", 31, ""),
        ("certificate-expired", 3, "mx.office.test"),
    ]


def test_failures_without_details_are_counted() -> None:
    (report,) = read(samples.mail(samples.gz(samples.TLS_MICROSOFT), kind="application/tlsrpt+gzip")).reports
    assert [(one.policy, one.failure, one.count) for one in report.sessions] == [
        ("no-policy-found", "", 5),
        ("no-policy-found", "validation-failure", 2),
    ]


def test_a_failure_report_is_found() -> None:
    (report,) = read(samples.FAILURE).reports
    assert (report.kind, report.domain, report.begin) == ("report.failure", "office.test", NOW)
    assert report.failure is not None
    assert (report.failure.source_ip, report.failure.auth_failure) == ("203.0.113.66", "dmarc")


def laughs() -> bytes:
    entities = b"".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">'.encode() for at in range(9))
    return b'<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a "ha">' + entities + b"]><feedback>&j;</feedback>"


EXTERNAL = b'<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><feedback>&x;</feedback>'


def name_of(value: object) -> str:
    """Packed octets hold the time at which they were packed: no name for a test that two processes must find."""
    return value if isinstance(value, str) else "octets"


@pytest.mark.parametrize(
    ("packed", "trouble"),
    [
        (samples.gz(laughs()), "document type"),
        (samples.gz(EXTERNAL), "document type"),
        (gzip.compress(b"<feedback>" + bytes(100_000_000)), "too much"),
        (gzip.compress(gzip.compress(samples.GOOGLE)), ""),
        (samples.gz(samples.GOOGLE)[:-20], "cut short"),
        (samples.gz(samples.GOOGLE[:-200]), "not well-formed"),
        (samples.gz(b"<html/>"), "not an aggregate report"),
        (samples.gz(b"<feedback>" * 5000), "too deep"),
        (samples.gz(b"{" * 50_000), "not JSON"),
        (samples.gz(b"[" * 50_000), ""),
        (samples.gz(b'{"policies":' + b"[" * 50_000), "not JSON"),
        (samples.zipped(samples.GOOGLE)[:40], ""),
        (samples.gz(samples.GOOGLE.replace(b">12<", b">-1<")), "bad number"),
        (samples.gz(samples.GOOGLE.replace(b"198.51.100.7", b"localhost")), "does not appear"),
    ],
    ids=name_of,
)
def test_what_is_malformed_is_no_report(packed, trouble) -> None:
    found = read(samples.mail(packed))
    assert found.reports == []
    assert trouble in " ".join(found.troubles)


def test_a_report_of_very_many_lines_keeps_the_most_messages() -> None:
    record = samples.GOOGLE[samples.GOOGLE.index(b"  <record>") : samples.GOOGLE.rindex(b"  <record>")]
    many = b"".join(
        record.replace(b"198.51.100.7", f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}".encode()) for at in range(3000)
    )
    plain = samples.GOOGLE.replace(b"</feedback>", many + b"</feedback>")  # packed it would look like a bomb
    (report,) = read(samples.mail(plain, kind="text/xml")).reports
    assert len(report.senders) == 1000
    assert report.senders[0].count == 40
    assert report.unlisted == 12 * 2002


def test_of_many_reports_in_one_mail_some_are_read() -> None:
    part = samples.mail(samples.gz(samples.GOOGLE)).partition(b"A report.\r\n--q\r\n")[2].removesuffix(b"--q--\r\n")
    head = samples.mail(b"").partition(b"A report.\r\n--q\r\n")
    assert len(read(head[0] + head[1] + (part + b"--q\r\n") * 50 + b"--q--\r\n").reports) == MOST_REPORTS


def test_mail_that_is_no_report_has_none() -> None:
    assert read(b"From: a@b\r\nSubject: report domain: x\r\n\r\n<p>hello</p>\r\n").reports == []
    assert read(b"").reports == []
