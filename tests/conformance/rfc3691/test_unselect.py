"""RFC 3691: UNSELECT."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(3691, "2", "MUST")
def test_unselect_removes_nothing_and_deselects():
    dialogue = Dialogue.selected()
    assert e.Close("a", expunge=False) == dialogue.event("a UNSELECT")
    assert not dialogue.core.selected
    dialogue.events("b UNSELECT")
    assert dialogue.said.startswith(b"b BAD ")
