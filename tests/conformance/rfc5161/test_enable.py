"""RFC 5161: ENABLE."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(5161, "3.1", "MUST")
def test_what_is_unknown_is_ignored():
    dialogue = Dialogue.logged_in()
    assert e.Enable("a", ("CONDSTORE",)) == dialogue.event("a ENABLE CONDSTORE X-GOOD-IDEA")
    assert dialogue.said == b"* ENABLED CONDSTORE\r\na OK done\r\n"


@pytest.mark.rfc(5161, "3.1", "MUST")
@pytest.mark.parametrize("dialogue", [Dialogue(), Dialogue.selected()])
def test_only_between_login_and_select(dialogue):
    assert isinstance(dialogue.event("a ENABLE CONDSTORE"), e.Malformed)
