"""What findings mean, by class and by what the office has decided."""

from posthouse.filter.action import Action
from posthouse.filter.content.finding import Finding, Kind
from posthouse.filter.content.policy import DEFAULTS, Policy


def test_every_class_has_a_default_and_a_reason() -> None:
    assert set(DEFAULTS) == set(Kind)


def test_a_class_adds_its_weight_once() -> None:
    clues = Policy().weigh([Finding(Kind.LINK, str(number)) for number in range(20)])
    assert sum(clue.score for clue in clues) == DEFAULTS[Kind.LINK][1]
    assert len(clues) == 20


def test_what_is_to_be_held_is_not_refused_for_its_score() -> None:
    clues = Policy().weigh([Finding(kind, "x") for kind in Kind if DEFAULTS[kind][0] is Action.QUARANTINE])
    assert {clue.score for clue in clues} == {0.0}
    assert {clue.action for clue in clues} == {Action.QUARANTINE}


def test_what_is_allowed_still_raises_suspicion() -> None:
    (clue,) = Policy({Kind.MACRO: Action.ACCEPT}).weigh([Finding(Kind.MACRO, "x")])
    assert (clue.action, clue.name, clue.source) == (Action.ACCEPT, "content.macro", "content")
    assert clue.score > 0


def test_an_ambiguous_structure_alone_is_only_suspicious() -> None:
    assert [clue.action for clue in Policy().weigh([Finding(Kind.AMBIGUOUS, "x")])] == [Action.ACCEPT]
