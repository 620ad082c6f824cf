"""HTML is looked through whatever it is; few findings come of it."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.filter.content"]):
    from posthouse.filter.content.finding import FINDINGS, Findings
    from posthouse.filter.content.links import judge_html


def test_one(octets):
    found = Findings({})
    judge_html(octets, found)
    assert len(found.all) <= FINDINGS


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
