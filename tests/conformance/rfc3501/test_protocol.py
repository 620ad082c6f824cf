"""RFC 3501: what IMAP4rev1 clients still need."""

import pytest

from posthouse.standards.imap import criteria as c
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.fetchitems import BodySection, Section, SectionText
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(3501, "5.1.3", "MUST")
def test_names_are_in_modified_utf7():
    dialogue = Dialogue.logged_in()
    assert e.Select("a", "\u53f0\u5317") == dialogue.event("a SELECT &U,BTFw-")
    assert dialogue.tell(r.Listed("\u53f0\u5317")) == b'* LIST () "/" "&U,BTFw-"\r\n'


@pytest.mark.rfc(3501, "5.1.3", "MUST")
@pytest.mark.parametrize("name", ["&AGE-", "&Jjo!", "&U,BTFw-&ZeVnLIqe-", "&"])
def test_other_spellings_are_not_names(name):
    dialogue = Dialogue.logged_in()
    dialogue.events(f"a CREATE {name}")
    assert dialogue.said.startswith(b"a NO [CANNOT]")


@pytest.mark.rfc(3501, "6.4.1", "MUST")
def test_check_is_noop():
    assert e.Noop("a") == Dialogue.selected().event("a CHECK")


@pytest.mark.rfc(3501, "6.3.9", "MUST")
def test_lsub():
    assert e.List("a", "#news.", ("#news.comp.*",), lsub=True) == Dialogue.logged_in().event('a LSUB "#news." "comp.*"')


@pytest.mark.rfc(3501, "6.4.4", "MUST")
def test_search_answers_with_search():
    dialogue = Dialogue.selected()
    assert dialogue.event("a SEARCH NEW").returns is None
    assert dialogue.tell(r.Found((2, 3, 6))) == b"* SEARCH 2 3 6\r\n"


@pytest.mark.rfc(3501, "6.4.4", "MUST")
def test_old_search_keys():
    event = Dialogue.selected().event("a SEARCH OLD RECENT")
    assert c.And((c.Flagged("\\Recent", wanted=False), c.Flagged("\\Recent"))) == event.criteria


@pytest.mark.rfc(3501, "6.4.5", "MUST")
def test_rfc822_header_does_not_set_seen():
    event = Dialogue.selected().event("a FETCH 1 (RFC822.HEADER RFC822.TEXT)")
    header = BodySection(Section((), SectionText.HEADER), b"RFC822.HEADER", peek=True)
    text = BodySection(Section((), SectionText.TEXT), b"RFC822.TEXT", peek=False)
    assert (header, text) == event.items


@pytest.mark.rfc(3501, "6.4.6", "MUST")
def test_recent_is_not_the_clients_to_set():
    assert frozenset() == Dialogue.selected().event("a STORE 1 +FLAGS (\\Recent)").flags
