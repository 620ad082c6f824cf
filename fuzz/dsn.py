"""A delivery status is read or refused with ValueError, within bounds; a message made 7-bit is 7-bit or refused."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.standards.dsn.parse import MAX_RECIPIENTS, parse_delivery_status
    from posthouse.standards.mime.downgrade import Unconvertible, convert_to_7bit


def one_input(data):
    try:
        status = parse_delivery_status(data)
    except ValueError:
        pass
    else:
        assert 1 <= len(status.recipients) <= MAX_RECIPIENTS
    try:
        converted = convert_to_7bit(data)
    except Unconvertible:
        return
    assert converted.isascii()
    assert converted.count(b"\n") == converted.count(b"\r\n") == converted.count(b"\r")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
