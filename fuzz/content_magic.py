"""Whatever octets are, they are recognised as something or as nothing; names are judged."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.filter.content"]):
    from posthouse.filter.content.finding import Findings
    from posthouse.filter.content.magic import recognise, recognise_script
    from posthouse.filter.content.names import judge_name


def test_one(octets):
    recognise(octets)
    recognise_script(octets)
    found = Findings({})
    judge_name(octets.decode("utf-8", "replace"), found)
    assert all("\n" not in one.text for one in found.all)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
