"""A zip directory lists only so much, in one pass, and lies within the archive."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.filter.content"]):
    from posthouse.filter.content.zipdirectory import read_directory


def test_one(octets):
    try:
        directory = read_directory(octets, 100)
    except ValueError:
        return
    assert len(directory.entries) <= 100


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
