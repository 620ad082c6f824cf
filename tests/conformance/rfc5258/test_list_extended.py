"""RFC 5258, RFC 5819, RFC 6154: LIST with options."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(5258, "3", "MUST")
def test_several_patterns():
    event = Dialogue.logged_in().event('a LIST (SUBSCRIBED) "" ("INBOX" "Sent/%") RETURN (CHILDREN)')
    assert (("INBOX", "Sent/%"), {"SUBSCRIBED"}, {"CHILDREN"}) == (event.patterns, event.selection, event.returns)


@pytest.mark.rfc(5258, "3", "MUST")
@pytest.mark.parametrize("command", ['LIST (FOO) "" "*"', 'LIST "" "*" RETURN (FOO)', 'LIST (RECURSIVEMATCH) "" "*"'])
def test_unknown_and_lonely_options_are_bad(command):
    assert isinstance(Dialogue.logged_in().event("a " + command), e.Malformed)


@pytest.mark.rfc(5258, "3.5", "MUST")
def test_childinfo():
    told = Dialogue.logged_in().tell(r.Listed("Foo", child_info=("SUBSCRIBED",)))
    assert told == b'* LIST () "/" "Foo" ("CHILDINFO" ("SUBSCRIBED"))\r\n'


@pytest.mark.rfc(5819, "2", "MUST")
def test_status_with_list():
    event = Dialogue.logged_in().event('a LIST "" % RETURN (STATUS (MESSAGES UNSEEN))')
    assert event.status == ("MESSAGES", "UNSEEN")


@pytest.mark.rfc(6154, "5.2", "MUST")
def test_a_use_we_do_not_know_is_refused_with_useattr():
    dialogue = Dialogue.logged_in()
    assert e.Create("a", "x", ("\\Sent",)) == dialogue.event("a CREATE x (USE (\\Sent))")
    dialogue.events("b CREATE x (USE (\\Foo))")
    assert dialogue.said.startswith(b"b NO [USEATTR]")
