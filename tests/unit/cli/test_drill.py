"""``posthouse drill``: what is told without attacking anything."""

import json

import pytest
from click.testing import CliRunner

from posthouse.cli.drill import drill
from posthouse.drill.catalogue.index import CATALOGUE


def say(*words, good=0):
    done = CliRunner().invoke(drill, words)
    assert done.exit_code == good, done.output
    return done.output


def test_the_whole_catalogue_is_listed():
    rows = [json.loads(line) for line in say("list", "--json").splitlines()]
    assert [row["id"] for row in rows] == [one.id for one in CATALOGUE]
    assert all(row["attack"] for row in rows)


def test_filters_narrow_the_list():
    rows = [json.loads(line) for line in say("list", "--surface", "tls", "--motive", "E", "--json").splitlines()]
    assert {row["surface"] for row in rows} == {"tls"}


def test_the_list_ends_with_totals_and_fits_a_terminal():
    told = say("list").splitlines()
    assert max(map(len, told)) <= 80
    assert f"{len(CATALOGUE)} entries: " in "\n".join(told)
    assert "    waits for webmail" in told
    assert say("list", "S01").splitlines()[-1] == "1 entry: 1 attack"


def test_a_plan_says_how_long_a_profile_takes():
    assert "All of it takes about 2 minutes" in say("plan", "--profile", "essay")
    assert "All of it" not in say("plan", "S01")


def test_a_plan_says_what_it_would_use_at_most():
    told = say("plan", "S01", "W01")
    assert "S01" in told
    assert "1 attack on 1 sandbox server, every target on loopback; 1 without an attack." in told
    assert "At most 1 minute; most end much sooner." in told


def test_an_explanation_names_attack_limits_and_how_to_run_it(tmp_path):
    told = say("explain", "s04", "--reports", str(tmp_path))
    assert told.startswith("S04  ")
    assert "posthouse drill run S04" in told
    assert "L2" in told


@pytest.mark.parametrize("words", [("explain", "X99"), ("plan", "nothing"), ("report", "--reports", "/nonexistent")])
def test_what_is_not_there_is_said_with_what_to_do(words):
    told = say(*words, good=1)
    assert "posthouse drill" in told


def test_a_live_server_that_is_not_there_is_refused(tmp_path):
    words = (
        "run",
        "T01",
        "--target",
        "local",
        "--socket",
        str(tmp_path / "none.sock"),
        "--yes",
        "--reports",
        str(tmp_path),
    )
    assert "no server answers" in say(*words, good=4)


def test_nobody_attacks_a_live_server_without_asking(tmp_path):
    done = CliRunner().invoke(drill, ("run", "T01", "--target", "local", "--socket", str(tmp_path / "s")), input="n\n")
    assert done.exit_code == 1
    assert not list(tmp_path.iterdir())
