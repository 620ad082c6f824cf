"""LIST patterns and options."""

import pytest

from posthouse.standards.imap.listing import parse_list, parse_lsub, parse_status
from posthouse.standards.imap.scanner import ParseError, Scanner


def listing(text: str, *literals: bytes):
    return parse_list(Scanner(b" " + text.encode(), list(literals)), "t")


def test_the_reference_stands_before_each_pattern():
    assert listing("a/ (b c%)").patterns == ("a/b", "a/c%")


def test_only_the_old_form_asks_for_the_delimiter():
    assert (listing('"" ""').extended, listing('"" ""').patterns) == (False, ())
    assert listing('() "" ""').extended


@pytest.mark.parametrize("text", ['"" (' + " ".join(["*"] * 21) + ")", '"" ' + "x" * 1025])
def test_patterns_are_bounded(text):
    """Threat I06."""
    with pytest.raises(ParseError) as caught:
        listing(text)
    assert caught.value.condition == "NO"


def test_an_endless_pattern_in_a_literal():
    with pytest.raises(ParseError):
        listing('"" {100000}\r\n', b"%*" * 50_000)


def test_status_items_once_each():
    assert parse_status(Scanner(b" x (MESSAGES unseen MESSAGES)", []), "t").items == ("MESSAGES", "UNSEEN")


def test_lsub_takes_no_options():
    with pytest.raises(ParseError):
        parse_lsub(Scanner(b' "" * RETURN (CHILDREN)', []), "t")
