"""RFC 2177: IDLE."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(2177, "3", "MUST")
def test_idle_waits_for_done():
    dialogue = Dialogue.selected()
    assert [e.Idle("a")] == dialogue.events("a IDLE")
    assert dialogue.said.startswith(b"+ ")
    assert dialogue.tell(r.Exists(4)) == b"* 4 EXISTS\r\n"
    assert [e.IdleDone("a")] == dialogue.events("DONE")
    assert dialogue.said == b"a OK done\r\n"


@pytest.mark.rfc(2177, "3", "MUST")
def test_no_command_is_carried_out_while_idling():
    events = Dialogue.selected().events("a IDLE", "b EXPUNGE", "c NOOP")
    assert [e.Idle, e.Malformed, e.Noop] == [type(event) for event in events]
