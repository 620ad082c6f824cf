"""SASLprep."""

import pytest

from posthouse.standards.sasl.saslprep import saslprep


@pytest.mark.parametrize(
    ("text", "expected"),
    [("user", "user"), ("USER", "USER"), ("I\u00adX", "IX"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")],
)
def test_mapping_and_normalisation(text: str, expected: str) -> None:
    assert expected == saslprep(text)


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\u0221", "\ue000", "a\u0627", "tab\t"])
def test_prohibited_characters(text: str) -> None:
    with pytest.raises(ValueError):
        saslprep(text)


def test_empty_stays_empty() -> None:
    assert saslprep("") == ""
