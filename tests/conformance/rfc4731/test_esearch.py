"""RFC 4731 and RFC 5182: ESEARCH and saved results."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.sequence import SAVED
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(4731, "3.1", "MUST")
def test_empty_return_is_all():
    assert {"ALL"} == Dialogue.selected().event("a SEARCH RETURN () FLAGGED").returns


@pytest.mark.rfc(4731, "3.1", "MUST")
def test_unknown_return_option_is_bad():
    assert isinstance(Dialogue.selected().event("a SEARCH RETURN (FOO) ALL"), e.Malformed)


@pytest.mark.rfc(4731, "3.1", "MUST")
def test_nothing_found():
    """MIN, MAX and ALL are left out, COUNT is not."""
    dialogue = Dialogue.selected()
    assert dialogue.tell(r.Esearch("a", by_uid=True, count=0, all="")) == b'* ESEARCH (TAG "a") UID COUNT 0\r\n'


@pytest.mark.rfc(5182, "2", "MUST")
def test_dollar_stands_for_the_saved_result():
    assert Dialogue.selected().event("a FETCH $ FLAGS").numbers == SAVED
