"""RFC 7888: non-synchronizing literals."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(7888, "3", "MUST")
def test_no_continuation_for_a_non_synchronizing_literal():
    dialogue = Dialogue()
    assert e.Login("a", "alice", "secret") == dialogue.event("a LOGIN {5+}", "alice {6+}", "secret")
    assert b"+" not in dialogue.said[:1]


@pytest.mark.rfc(7888, "4", "MUST")
def test_octets_of_a_refused_literal_are_never_a_command():
    events = Dialogue.logged_in().events("a SELEKT {8+}", "b LOGOUT", "c NOOP")
    assert [e.Malformed("a", "Unknown command")] == events[:1]
    assert not any(isinstance(event, e.Logout) for event in events)


@pytest.mark.rfc(7888, "4", "MAY")
def test_a_too_big_literal_is_answered_bye_toobig():
    dialogue = Dialogue.logged_in()
    dialogue.events("a SELECT {999999999+}", "b LOGOUT")
    assert dialogue.said.startswith(b"* BYE [TOOBIG]")
    assert dialogue.core.closed


@pytest.mark.rfc(7888, "5", "MUST NOT")
def test_never_both_capabilities():
    for dialogue in (Dialogue(), Dialogue.logged_in()):
        assert dialogue.tell(r.Capabilities()).count(b" LITERAL") == 1


@pytest.mark.rfc(7888, "5", "MUST")
def test_literal_minus_stops_at_4096_octets():
    dialogue = Dialogue()
    assert b" LITERAL- " in dialogue.tell(r.Capabilities())
    dialogue.events("a LOGIN {4097+}")
    assert dialogue.core.closed
