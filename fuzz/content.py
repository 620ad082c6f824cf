"""The whole look at a message: archives, compound files, every decoding, within small bounds."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.filter.content"]):
    from posthouse.filter.content.finding import FINDINGS
    from posthouse.filter.content.looking import look
    from posthouse.filter.content.unpacking import Bounds


def test_one(octets):
    found = look(octets, bounds=Bounds(entries=50, octets=1 << 20))
    assert len(found.all) <= FINDINGS


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
