"""LIST patterns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.imap.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a/b/c", False),
        ("a/%", "a", False),
        ("%/%", "a/b", True),
        ("a*c", "abc", True),
        ("a*c", "a/b/c", True),
        ("a*c", "ab", False),
        ("inbox", "INBOX", True),
        ("Inbox/%", "INBOX/x", True),
        ("inbox*", "INBOX/x", True),
        ("", "a", False),
        ("*%", "a/b", True),
        ("%*b", "a/b", True),
    ],
)
def test_matches(pattern, name, matches):
    assert matches == Pattern(pattern).matches(name)


@given(st.text("ab/*%", max_size=12), st.text("ab/", max_size=12))
def test_agrees_with_a_regular_expression(pattern, name):
    """The slow and obvious way."""
    translated = "".join({"*": ".*", "%": "[^/]*"}.get(c, re.escape(c)) for c in pattern)
    assert Pattern(pattern).matches(name) == bool(re.fullmatch(translated, name))


def test_a_thousand_wildcards_are_no_bomb():
    """Threat I06; with backtracking this would not end."""
    assert not Pattern("*a" * 500 + "%b").matches("a" * 2000 + "/")
