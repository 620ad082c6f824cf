"""RFC 6855: UTF8=ACCEPT."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.testing.imap import Dialogue


def accepting() -> Dialogue:
    dialogue = Dialogue.logged_in()
    dialogue.events("x ENABLE UTF8=ACCEPT")
    return dialogue


@pytest.mark.rfc(6855, "3", "MUST")
def test_names_are_quoted_utf8_after_enable():
    dialogue = accepting()
    assert e.Create("a", "Entwürfe") == dialogue.event('a CREATE "Entwürfe"')
    assert '* LIST () "/" "Entwürfe"\r\n'.encode() == dialogue.tell(r.Listed("Entwürfe"))


@pytest.mark.rfc(6855, "3", "MUST NOT")
def test_no_utf8_before_enable():
    assert Dialogue.logged_in().tell(r.Listed("Entwürfe")).isascii()


@pytest.mark.rfc(6855, "4", "MUST")
def test_append_of_a_message_with_utf8_headers():
    event = accepting().events("a APPEND INBOX UTF8 (~{3+}", "abc)")[0]
    assert e.StartAppend("a", "INBOX", frozenset(), None, 3, utf8=True) == event


@pytest.mark.rfc(6855, "3", "MUST")
def test_search_names_no_charset():
    """The client may say nothing of charsets once UTF-8 is accepted."""
    dialogue = Dialogue.selected("UTF8=ACCEPT")
    assert isinstance(dialogue.event("a SEARCH CHARSET UTF-8 SUBJECT x"), e.Malformed)
