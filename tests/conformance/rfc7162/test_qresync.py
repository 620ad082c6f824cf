"""RFC 7162: CONDSTORE and QRESYNC as far as the protocol core goes."""

import pytest

from posthouse.standards.imap import attributes, codes
from posthouse.standards.imap import criteria as c
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.fetchitems import Attribute
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(7162, "3.1.3", "MUST")
def test_unchangedsince():
    event = Dialogue.selected().event("a UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\\Deleted)")
    assert event.unchanged_since == 12121230045
    assert codes.modified((7, 9)) == "MODIFIED 7,9"


@pytest.mark.rfc(7162, "3.1.4.1", "MUST")
def test_changedsince_tells_modseq():
    event = Dialogue.selected().event("a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)")
    assert event.changed_since == 12345
    assert Attribute.MODSEQ in event.items
    assert attributes.modseq(12346) == b"MODSEQ (12346)"


@pytest.mark.rfc(7162, "3.1.5", "MUST")
def test_search_by_modseq():
    dialogue = Dialogue.selected()
    assert c.ChangedSince(620162338) == dialogue.event('a SEARCH MODSEQ "/flags/\\\\draft" all 620162338').criteria
    assert dialogue.tell(r.Found((2, 5), 917162500)) == b"* SEARCH 2 5 (MODSEQ 917162500)\r\n"


@pytest.mark.rfc(7162, "3.2.3", "MUST")
def test_qresync_brings_condstore():
    assert {"QRESYNC", "CONDSTORE"} == Dialogue.selected("QRESYNC").core.enabled


@pytest.mark.rfc(7162, "3.2.5", "MUST")
def test_qresync_parameter_before_enable_is_bad():
    dialogue = Dialogue.logged_in()
    dialogue.events("a SELECT INBOX (QRESYNC (1 2))")
    assert dialogue.said.startswith(b"a BAD ")


@pytest.mark.rfc(7162, "3.2.5", "MUST")
@pytest.mark.parametrize(
    "known",
    [
        "0 2",
        "1 0",
        "1 2 *",
        "1 2 1:*",
        "1 2 $",
        "1 2 3,0",
        "1 2 3 (* 1)",
        "1 2 3 (1 *)",
        "1 2 (1:* 1:4)",
        "1 2 3 ($ $)",
    ],
)
def test_qresync_parameter_that_does_not_read_is_bad(known):
    """Section 7: UIDVALIDITY and mod-sequence are not 0; no ``*`` in what is known."""
    dialogue = Dialogue.selected("QRESYNC")
    assert isinstance(dialogue.event(f"a SELECT INBOX (QRESYNC ({known}))"), e.Malformed)


@pytest.mark.rfc(7162, "3.2.6", "MUST")
@pytest.mark.parametrize("command", ["FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "UID FETCH 1 FLAGS (VANISHED)"])
def test_vanished_without_uid_fetch_or_changedsince_is_bad(command):
    assert isinstance(Dialogue.selected("QRESYNC").event("a " + command), e.Malformed)


@pytest.mark.rfc(7162, "3.2.10.1", "MUST")
def test_vanished_earlier():
    assert Dialogue.selected().tell(r.Vanished("41,43:116", earlier=True)) == b"* VANISHED (EARLIER) 41,43:116\r\n"
