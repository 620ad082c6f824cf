"""Whatever a message is, it can be described, and its parts lie within it."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.ms.describe import describe, structure_of
    from posthouse.standards.imap.bodystructure import format_bodystructure
    from posthouse.standards.mime.parameters import decode_parameter
    from posthouse.standards.mime.structure import DEPTH, PARTS
    from posthouse.standards.mime.transfer import decode_transfer


def test_one(octets):
    facts = describe(b"Delivered-To: a@b.test\r\n", octets)
    top = structure_of(facts)
    assert len(facts.preview) <= 256
    format_bodystructure(top, extended=True)
    waiting = [(top, 1)]
    seen = 0
    while waiting:
        part, level = waiting.pop()
        seen += 1
        assert level <= DEPTH
        assert 0 <= part.header <= part.body <= part.end <= len(octets)
        decode_transfer(octets[part.body : part.end], part.encoding)
        decode_parameter(part.parameters, "name")
        decode_parameter(part.disposition_parameters, "filename")
        waiting += [(inner, level + 1) for inner in part.parts]
    assert seen <= PARTS + 1


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
