"""Whatever stands in a header, its readers give values and never an error but ValueError; nothing of it is lost."""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.standards.imf.address import mailboxes
    from posthouse.standards.imf.date import parse_date
    from posthouse.standards.imf.header import parse_header
    from posthouse.standards.imf.messageid import parse_message_id, parse_message_ids
    from posthouse.standards.imf.subject import base_subject
    from posthouse.standards.mime.encodedword import decode_words


def test_one(octets):
    header = parse_header(octets)
    assert b"".join(octets[one.start : one.end] for one in header.fields) == header.octets or header.excess
    for name in header.names:
        for value in header.all(name):
            look(value)
    look(octets)


def look(value):
    base_subject(decode_words(value))
    parse_message_ids(value)
    parse_message_id(value)
    with suppress(ValueError):
        parse_date(value)
    for one in mailboxes(value):
        with suppress(ValueError):
            assert one.address.domain


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
