"""Older and newer by the rules of whoever numbers."""

import itertools

import pytest

from posthouse.ops.versions import sort_key


@pytest.mark.parametrize(
    ("ecosystem", "versions"),
    [
        ("generic", ["1.0.2", "1.1.0", "1.1.1", "1.1.1a", "1.1.1w", "3.0.0-alpha1", "3.0.0-rc1", "3.0.0", "3.0.9", "3.0.10"]),
        ("generic", ["3.13.0rc2", "3.13.0", "3.13.1"]),
        ("PyPI", ["odd-one", "1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.10", "1!0.5"]),
        ("Debian:12", ["1.0~rc1-1", "1.0-1", "1.0-1+deb12u1", "1.0-2", "1.0a-1", "1.10-1", "1:0.9-1", "2:0.1-1"]),
    ],
)  # fmt: skip
def test_each_is_older_than_the_next(ecosystem: str, versions: list[str]) -> None:
    keys = [sort_key(version, ecosystem) for version in versions]
    for first, second in itertools.pairwise(keys):
        assert first < second
        assert first != second
        assert not second < first


@pytest.mark.parametrize(
    ("ecosystem", "first", "second"),
    [
        ("generic", "3.0", "3.0.0"),
        ("generic", "v3.11.1", "3.11.1"),
        ("PyPI", "1.0", "1.0.0"),
        ("Debian", "0:1-1", "1-1"),
    ],
)
def test_two_ways_to_write_the_same(ecosystem: str, first: str, second: str) -> None:
    assert sort_key(first, ecosystem) == sort_key(second, ecosystem)


@pytest.mark.parametrize("version", ["", "~", "-", ":", "1:", "9" * 5000, "\0", "ü", "1..2", "a-b-c"])
@pytest.mark.parametrize("ecosystem", ["generic", "PyPI", "Debian"])
def test_whatever_comes_has_a_place(ecosystem: str, version: str) -> None:
    assert (sort_key(version, ecosystem) < sort_key("1", ecosystem)) in {True, False}
