"""RFC 4315: UIDPLUS."""

import pytest

from posthouse.standards.imap import codes
from posthouse.standards.imap import events as e
from posthouse.standards.imap.sequence import SequenceSet
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(4315, "2.1", "MUST")
def test_uid_expunge():
    event = Dialogue.selected().event("a UID EXPUNGE 3000:3002")
    assert e.Expunge("a", SequenceSet(((3000, 3002),))) == event


@pytest.mark.rfc(4315, "3", "MUST")
def test_codes():
    assert codes.append_uid(38505, 3955) == "APPENDUID 38505 3955"
    assert codes.copy_uid(38505, [(304, 3956), (319, 3957), (320, 3958)]) == "COPYUID 38505 304,319:320 3956:3958"


@pytest.mark.rfc(4315, "3", "MUST NOT")
def test_nothing_copied_has_no_code():
    assert codes.copy_uid(38505, []) == ""
