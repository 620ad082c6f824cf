"""RFC 5256 section 2.1: the base subject."""

import pytest

from posthouse.standards.imf.subject import base_subject


@pytest.mark.rfc(5256, "2.1", "MUST")
@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("  a   b\tc ", "a b c"),
        ("x (fwd) (FWD) ", "x"),
        ("re: fw: FWD: x", "x"),
        ("Re [list]: x", "x"),
        ("[a] [b] re: x", "x"),
        ("[a] x", "x"),
        ("[a]", "[a]"),
        ("re: [a]", "[a]"),
        ("[fwd: re: x]", "x"),
        ("[fwd: x", "[fwd: x"),
        ("(fwd)", ""),
    ],
)
def test_extraction(subject, base):
    assert base_subject(subject) == base
