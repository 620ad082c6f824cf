"""The threat model is true of the drill and of the code: rows name what exists, and nothing is left out."""

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from posthouse.drill.catalogue.index import CATALOGUE
from posthouse.drill.taxonomy import CONSISTENCY, DETECTABILITY, DOMAINS, FAULT_CLASSES, MEANS, SEVERITIES

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("threatmodel", ROOT / "tools" / "threatmodel.py")
MODEL = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(MODEL)

IDS = {one.id for one in CATALOGUE}


def test_the_page_is_as_it_would_be_written():
    assert MODEL.main(["--check"]) == 0, "python tools/threatmodel.py"


@pytest.mark.parametrize("rows", [MODEL.FAULTS, MODEL.FAILURES], ids=["faults", "failures"])
def test_every_entry_is_in_each_matrix(rows):
    at = 2 if rows is MODEL.FAULTS else 4
    named = {ident for row in rows for ident in row[at].split()}
    assert named == IDS


def test_words_are_those_of_the_taxonomy():
    for _, classes, _, mechanisms in MODEL.FAULTS:
        assert set(classes.split()) <= set(FAULT_CLASSES)
        assert set(mechanisms.split()) <= set(MODEL.MECHANISMS)
    for _, kind, severity, _, _ in MODEL.FAILURES:
        domain, detect, consist = kind.split()
        assert domain in DOMAINS
        assert detect in DETECTABILITY
        assert consist in CONSISTENCY
        assert severity in SEVERITIES
    for _, means, _, _ in MODEL.MECHANISMS.values():
        assert set(means.split()) <= set(MEANS)


def test_every_mechanism_is_used():
    assert {name for row in MODEL.FAULTS for name in row[3].split()} == set(MODEL.MECHANISMS)


@pytest.mark.parametrize("name", sorted(row[2] for row in MODEL.MECHANISMS.values()))
def test_a_mechanism_is_where_it_is_said_to_be(name):
    module, _, last = name.rpartition(".")
    assert hasattr(importlib.import_module(f"posthouse.{module}"), last)


def test_every_link_of_the_page_leads_to_a_heading():
    text = MODEL.PAGE.read_text("utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#### (.*)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\(#([^)]+)\)", text)) <= headings
    assert len(headings) == len(IDS)


@pytest.mark.parametrize(("title", "patterns"), MODEL.TRUSTED, ids=[row[0] for row in MODEL.TRUSTED])
def test_what_is_trusted_exists_and_stays_small(title, patterns):
    """A trusted core that doubles is noticed here, and not in an advisory."""
    for pattern in patterns:
        assert list(MODEL.PACKAGE.glob(pattern)), pattern
    assert 100 < sum(map(MODEL.count_lines, MODEL._files(patterns))) < 16_000
