"""Whether a submitter may write in the names a message carries (A08)."""

import pytest

from posthouse.mail.address import Address
from posthouse.msa.identity import (
    NEEDS_SENDER,
    NOT_YOURS,
    ONE_FROM,
    RESENT_NOT_YOURS,
    SENDER_NOT_YOURS,
    author_domain,
    is_disposition_notification,
    judge_authors,
)
from posthouse.standards.imf.header import parse_header

MINE = {"alice@office.test", "sales@office.test"}


def owns(address: Address) -> bool:
    return address.key in MINE


def judge(*lines: str):
    return judge_authors(parse_header("\r\n".join((*lines, "", "")).encode()), owns)


@pytest.mark.parametrize(
    "lines",
    [
        ("From: alice@office.test",),
        ("from: Alice <ALICE@Office.Test>",),
        ('From: "boss@office.test" <alice@office.test>',),
        ("From: alice@office.test (boss@office.test)",),
        ('From: "<boss@office.test> \\"x" <alice@office.test>',),
        ("From:\r\n =?utf-8?q?J=C3=BCrgen?=\r\n <alice@office.test>",),
        ("From: alice@office.test", "Sender: sales@office.test"),
        ("From: alice@office.test, sales@office.test", "Sender: alice@office.test"),
        ("From: alice@office.test", "Resent-From: sales@office.test"),
        ("From: alice@office.test", "Reply-To: anybody@elsewhere.test"),
    ],
)
def test_names_of_ones_own_are_fine(lines):
    assert judge(*lines) is None


@pytest.mark.parametrize(
    ("refusal", "lines"),
    [
        (ONE_FROM, ("Subject: none",)),
        (ONE_FROM, ("From:",)),
        (ONE_FROM, ("From: undisclosed:;",)),
        (ONE_FROM, ("From: group: alice@office.test;",)),
        (ONE_FROM, ("From: alice",)),
        (ONE_FROM, ("From: alice@office.test", "From: alice@office.test")),
        (ONE_FROM, ("From: alice@office.test", "FROM: boss@office.test")),
        (ONE_FROM, ("From : boss@office.test", "From: alice@office.test")),
        (ONE_FROM, ("From: <@elsewhere.test:alice@office.test>",)),
        (NOT_YOURS, ("From: boss@office.test",)),
        (NOT_YOURS, ("From: boss@office.test", "Sender: alice@office.test")),
        (NOT_YOURS, ("From: alice@office.test, boss@office.test", "Sender: alice@office.test")),
        (NOT_YOURS, ("From: alice@office.test <boss@office.test>",)),
        (ONE_FROM, ("From: <boss@office.test> <alice@office.test>, boss@office.test",)),
        (NOT_YOURS, ("From: alice@office.test.evil.test",)),
        (ONE_FROM, ("From: <boss@office.test> <alice@office.test>",)),
        (ONE_FROM, ("From: <boss@office.test <alice@office.test>",)),
        (NOT_YOURS, ("From: alice@elsewhere.test",)),
        (ONE_FROM, ("From: <boss@office.test> <alice@office.test>, alice@office.test",)),
        (NOT_YOURS, ("From:\r\n\tboss@office.test",)),
        (SENDER_NOT_YOURS, ("From: alice@office.test", "Sender: boss@office.test")),
        (SENDER_NOT_YOURS, ("From: alice@office.test", "Sender: alice@office.test", "Sender: alice@office.test")),
        (NEEDS_SENDER, ("From: alice@office.test, sales@office.test",)),
        (RESENT_NOT_YOURS, ("From: alice@office.test", "Resent-From: boss@office.test")),
        (RESENT_NOT_YOURS, ("From: alice@office.test", "Resent-Sender: boss@office.test")),
        (RESENT_NOT_YOURS, ("From: alice@office.test", "Resent-From: alice@office.test", "Resent-From: x@y.test")),
        (ONE_FROM, ('From: "x" "<alice@office.test <boss@office.test>',)),
        (ONE_FROM, ('From: "<alice@office.test \\"<boss@office.test>',)),
    ],
)
def test_no_way_of_writing_it_makes_another_the_author(refusal, lines):
    assert judge(*lines) == refusal


def test_the_domain_of_the_author_is_the_first_ones():
    assert author_domain(parse_header(b"From: a@office.test, b@other.test\r\n\r\n")) == "office.test"
    assert author_domain(parse_header(b"Subject: x\r\n\r\n")) == ""


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("multipart/report; report-type=disposition-notification; boundary=x", True),
        ('Multipart/Report;\r\n boundary="x"; report-type="Disposition-Notification"', True),
        ("multipart/report; report-type=delivery-status", False),
        ("text/plain; report-type=disposition-notification", False),
        ("", False),
    ],
)
def test_a_disposition_notification_is_known_by_its_type(value, is_one):
    assert is_disposition_notification(parse_header(f"Content-Type: {value}\r\n\r\n".encode())) is is_one


def test_nobody_hides_behind_very_many_of_our_own_addresses():
    """Threat A08: what the reader of addresses would leave out (L7) is not passed over."""
    mine = "alice@office.test"
    many = ", ".join([mine] * 2001)
    assert judge(f"From: {mine}", f"Sender: {many}, bob@office.test") == SENDER_NOT_YOURS
    assert judge(f"From: {many}, bob@office.test", f"Sender: {mine}") == ONE_FROM
    assert judge(f"From: {mine}{',' * 20000} bob@office.test") == ONE_FROM
