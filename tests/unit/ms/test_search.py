"""Text is found whatever its case and however its accents are written."""

import pytest

from posthouse.ms.search import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hello", "hELLO"), ("Grüße", "GRÜSSE"), ("Ä", "a\u0308"), ("ﬁn", "FIN"), ("Ω", "\u2126")],
)
def test_equal(one, other):
    assert fold(one) == fold(other)


def test_different():
    assert fold("ä") != fold("a")
