"""A winmail.dat is read or is broken; what comes out of it was in it."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.filter.content"]):
    from posthouse.filter.content.tnef import read_tnef


def test_one(octets):
    try:
        for _, content in read_tnef(octets):
            assert content in octets
    except ValueError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
