"""A 7z list of files is read or is broken; it promises no more files than it could hold."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.filter.content"]):
    from posthouse.filter.content.sevenzip import parse_header


def test_one(octets):
    try:
        listing = parse_header(octets)
    except ValueError:
        return
    assert len(listing.names) <= 16 * 4096


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
