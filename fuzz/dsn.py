"""A delivery status is read or refused; a message is made fit to be carried, or refused: within bounds, no crash."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.standards.dsn.parse import MAX_RECIPIENTS, parse_delivery_status
    from posthouse.standards.mime.downgrade import EIGHT_BITS, READERS, SEVEN_BITS, Unconvertible, convert


def one_input(data):
    try:
        status = parse_delivery_status(data)
    except ValueError:
        pass
    else:
        assert 1 <= len(status.recipients) <= MAX_RECIPIENTS
    for carrier in (SEVEN_BITS, EIGHT_BITS, READERS):
        try:
            converted = convert(data, carrier)
        except Unconvertible:
            assert not carrier.takes(data)
        else:
            assert carrier.takes(converted)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
