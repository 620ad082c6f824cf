import pytest

from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.events import Malformed
from posthouse.testing.wire import HELLO, smtp

REPLIES = [
    each.reply if isinstance(each, Malformed) else each for name, each in vars(refusals).items() if name.isupper()
]


@pytest.mark.rfc(2034, "4", "MUST")
@pytest.mark.parametrize("refusal", REPLIES, ids=str)
def test_each_refusal_has_a_code_of_its_own_class(refusal):
    assert refusal.status is not None
    assert refusal.status.split(".")[0] == str(refusal.code)[0]


@pytest.mark.rfc(2034, "4", "MUST NOT")
def test_the_greeting_and_the_answer_to_a_hello_have_none():
    wire = smtp()
    wire.client(HELLO)
    assert all(line[4:5] != b"2" for line in wire.written.split(b"\r\n"))


@pytest.mark.rfc(5321, "4.5.3.1.5", "MUST")
@pytest.mark.parametrize("refusal", REPLIES, ids=str)
def test_a_reply_line_is_at_most_512_octets_with_room_for_an_id(refusal):
    assert all(len(line) < 400 for line in refusal.octets.split(b"\r\n"))
