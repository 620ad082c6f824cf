"""What is offered in which state."""

import pytest

from posthouse.standards.imap.offer import Offer, format_capabilities

OFFER = Offer(append_octets=77, starttls=True, mechanisms=("PLAIN",), extensions=("IDLE", "CONDSTORE"))


@pytest.mark.parametrize(
    ("secured", "authenticated", "words"),
    [
        (False, False, b"IMAP4rev1 IMAP4rev2 LITERAL- ID SASL-IR ENABLE STARTTLS LOGINDISABLED"),
        (True, False, b"IMAP4rev1 IMAP4rev2 LITERAL- ID SASL-IR ENABLE AUTH=PLAIN"),
        (True, True, b"IMAP4rev1 IMAP4rev2 LITERAL+ ID IDLE CONDSTORE APPENDLIMIT=77"),
    ],
)
def test_capabilities(secured, authenticated, words):
    assert words == format_capabilities(OFFER, secured=secured, authenticated=authenticated)


def test_only_what_is_offered_can_be_enabled():
    assert {"CONDSTORE", "IMAP4REV2"} == OFFER.enableable


def test_budgets_come_from_the_limits():
    """L30 and L31 in one place."""
    offer = Offer(append_octets=1, early_line_octets=10, early_literals=2, early_literal_octets=5)
    assert offer.early_budget == {"line": 10, "literals": 2, "literal octets": 10}
