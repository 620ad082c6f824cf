"""RFC 2971: ID."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(2971, "3.1", "MUST")
def test_in_any_state():
    for dialogue in (Dialogue(), Dialogue.logged_in(), Dialogue.selected()):
        assert e.Id("a", (("name", "sodr"), ("vendor", None))) == dialogue.event('a ID ("name" "sodr" "vendor" NIL)')


@pytest.mark.rfc(2971, "3.2", "MUST")
def test_nil_when_we_say_nothing():
    assert Dialogue().tell(r.Id()) == b"* ID NIL\r\n"


@pytest.mark.rfc(2971, "3.3", "MUST NOT")
def test_more_than_30_pairs_and_long_names_are_cut():
    pairs = " ".join(f'"{"x" * 40}{n}" "v"' for n in range(40))
    event = Dialogue().event(f"a ID ({pairs})")
    assert (len(event.pairs), len(event.pairs[0][0])) == (30, 30)
