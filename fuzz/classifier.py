"""The tokens of any message: bounded, and always the same."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.filter.classifier"]):
    from posthouse.filter.classifier.tokens import LONGEST, MOST, tokens_of


def test_one(octets):
    tokens = tokens_of(octets)
    assert len(tokens) <= MOST
    assert all(0 < len(token) <= LONGEST for token in tokens)
    assert tokens_of(octets) == tokens


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
