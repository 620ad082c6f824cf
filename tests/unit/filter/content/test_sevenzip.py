"""A list of files that says a thing again and again is broken: each time it would cost as much as its first."""

import pytest

from posthouse.filter.content.sevenzip import parse_header

FOLDERS = b"\x07\x0b\x01\x00" + b"\x01\x01\x00" + b"\x0c\x05\x00"
"""One, of one coder that copies, with five octets."""


def test_a_list_with_one_file_is_read():
    found = parse_header(b"\x01\x04" + b"\x06\x00\x01\x09\x05\x00" + FOLDERS + b"\x08\x00" + b"\x00\x00")
    assert [(folder.size, folder.files) for folder in found.folders] == [(5, [5])]


@pytest.mark.parametrize(
    "header",
    [
        b"\x01\x04" + FOLDERS + b"\x08\x00" * 2,
        b"\x01\x04" + FOLDERS * 2,
        b"\x01\x04\x06\x00\x00" + b"\x0a\x01" * 2,
        b"\x01\x04" + FOLDERS[:-1] + b"\x0a\x01\x00\x00\x00\x00" * 2,
        b"\x01\x04" + FOLDERS + b"\x08\x0d\x00" + b"\x0a\x01" * 2,
        b"\x01\x05\x08" + b"\x0e\x00" * 2 + bytes(8),
    ],
)
def test_nothing_is_said_twice(header):
    with pytest.raises(ValueError, match="twice"):
        parse_header(header + bytes(64))
