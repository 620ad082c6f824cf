"""Messages of one conversation share a base subject."""

import pytest

from posthouse.standards.imf.subject import base_subject, is_reply


@pytest.mark.parametrize(
    "subject",
    ["hello", "Re: hello", "RE:hello", "Fwd: hello", "fw: Re:  hello", "[list] hello", "Re: [list] Re: hello", "hello (fwd)",
     "[fwd: hello]", "[Fwd: Re: [x] hello (fwd)]", "re[2]: hello", "[a][b] hello"],
)  # fmt: skip
def test_decorations_are_taken_off(subject):
    assert base_subject(subject) == "hello"


@pytest.mark.parametrize("subject", ["[only]", "reply: x", "a: b", "(fwd", "[[x", ""])
def test_what_is_no_decoration_stays(subject):
    assert base_subject(subject) == subject


def test_an_answer_says_so():
    assert is_reply("Re: x")
    assert not is_reply("Really: x")


def test_a_bomb_is_only_text():
    base_subject("[a]" * 100_000 + "re:" * 100_000)
