"""The catalogue is whole, its words are those of the taxonomy, and each attack belongs to a threat."""

import inspect
import re

import pytest

from posthouse.drill.attacks.index import all_scenarios
from posthouse.drill.catalogue.index import CATALOGUE, Unknown, select
from posthouse.drill.explain import explain
from posthouse.drill.taxonomy import FAULT_CLASSES, WEAKNESSES
from posthouse.drill.threat import threat
from posthouse.supervisor.weakened import WEAKENINGS

SERIES = {
    "S": 15,
    "T": 9,
    "A": 11,
    "D": 11,
    "B": 8,
    "R": 11,
    "M": 10,
    "I": 10,
    "J": 4,
    "V": 2,
    "W": 16,
    "P": 11,
    "O": 11,
}
"""How many threats each letter has; 129 together."""


def test_every_threat_is_there_once():
    assert [one.id for one in CATALOGUE] == list(dict.fromkeys(one.id for one in CATALOGUE))
    expected = {f"{letter}{number:02}" for letter, last in SERIES.items() for number in range(1, last + 1)}
    assert {one.id for one in CATALOGUE} == expected
    assert len(CATALOGUE) == 129


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.id)
def test_a_threat_says_what_why_and_how(one):
    for text in (one.what, one.why, one.how):
        assert text.endswith("."), text
    assert one.motives
    assert all(re.fullmatch(r"CVE-\d{4}-\d+|GHSA(-\w{4}){3}", name) for name in one.cves)
    assert all(len(viewpoints) == 8 for viewpoints in one.viewpoints().values())


def test_a_word_outside_the_taxonomy_is_refused():
    texts = {"what": "x.", "why": "x.", "how": "x.", "surface": "smtp", "failure": "C u = V4"}
    with pytest.raises(ValueError, match="'XX' is none of"):
        threat("X01", "x", **texts, attack="XX")
    with pytest.raises(ValueError, match="D-99"):
        threat("X01", "x", **texts, essay="D-99")


def test_every_weakness_of_the_essay_has_an_entry_in_its_profile():
    named = {word for one in select(profile="essay") for word in one.essay}
    assert set(WEAKNESSES) <= named


def test_selections():
    assert [one.id for one in select(("a01", "S01"))] == ["S01", "A01"]
    assert {one.surface for one in select(surface="web")} == {"web"}
    assert all("HW" in one.classes for one in select(fault="HW"))
    assert len(select(profile="full")) == len(select(profile="soak")) == len(CATALOGUE)
    for wrong in ({"ids": ("X99",)}, {"profile": "nightly"}):
        with pytest.raises(Unknown):
            select(**wrong)


@pytest.mark.parametrize("ident", sorted(all_scenarios()))
def test_an_attack_belongs_to_a_threat_and_says_its_steps(ident):
    scenario = all_scenarios()[ident]
    (known,) = (one for one in CATALOGUE if one.id == ident)
    assert not known.needs, "what can be attacked does not wait for anything"
    assert (inspect.getdoc(scenario.attack) or "").startswith(f"{ident}: ")
    assert not scenario.weakened or scenario.weakened in WEAKENINGS


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.id)
def test_an_explanation_fits_the_page(one):
    text = explain(one, all_scenarios().get(one.id), None, "")
    assert text.startswith(f"{one.id}  {one.title}\n")
    assert max(map(len, text.splitlines())) <= 80


def test_every_class_has_a_place_in_the_scorecard():
    assert {code for one in CATALOGUE for code in one.classes} == set(FAULT_CLASSES)
