"""What a malformed command is answered with, and how long a literal is."""

from posthouse.lib.sansio import Slice
from posthouse.standards.imap.events import Malformed
from posthouse.standards.imap.responses import Bye, Condition, Notice, Tagged, body_length, refuse


def test_refusals():
    assert Tagged("a", Condition.BAD, "what?") == refuse(Malformed("a", "what?"))
    assert Tagged("a", Condition.NO, "no", "CANNOT") == refuse(Malformed("a", "no", condition="NO", code="CANNOT"))
    assert Notice(Condition.BAD, "what?") == refuse(Malformed("", "what?"))
    assert Bye("enough", "TOOBIG") == refuse(Malformed("", "enough", fatal=True, code="TOOBIG"))


def test_length_of_octets_and_slices():
    assert body_length((b"abc", Slice("x", 100, 7), b"")) == 10
