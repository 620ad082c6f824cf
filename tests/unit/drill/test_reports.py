"""A run is told in every form, and a report that was changed is found out."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from posthouse.drill.catalogue.index import CATALOGUE
from posthouse.drill.compare import compare
from posthouse.drill.reports.document import document_of
from posthouse.drill.reports.forms import FORMS, format_report
from posthouse.drill.reports.keep import NotThere, find, keep, note_proof, proofs, read, verify
from posthouse.drill.result import Attempt, Result, Run
from posthouse.drill.verdict import Assertion, Kind, Verdict, judge

NASTY = "<script>alert(1)</script> | ` & \x00 \x1b[31m ü"
KNOWN = {one.id: one for one in CATALOGUE}


def attempt(ok=True):
    assertions = (
        Assertion("second messages", Kind.ATTACK, "0", "0" if ok else NASTY, ok),
        Assertion("a letter arrives", Kind.TWIN, "True", "True", ok=True),
    )
    verdict, why = judge(assertions)
    return Attempt(verdict, why, assertions, {"connections": 3, "octets": 9, "acknowledged": 4}, "us EHLO\n", 0.5)


def a_run(name="20261121-000000-aaaa"):
    run = Run(name, "quick", "sandbox", "a network with lo only", 42, 1_795_000_000.0, 12.3)
    good, bad = attempt(), attempt(ok=False)
    run.results = [
        Result(KNOWN["S01"], Verdict.HELD, "", (good,)),
        Result(KNOWN["S05"], Verdict.BROKEN, bad.why, (bad,)),
        Result(KNOWN["W01"], Verdict.UNPROVEN, "waits for webmail", skipped=True),
    ]
    run.limits = {"L1": ["message_octets = 52428800 octets"]}
    run.acknowledged = 8
    return run


def document(name="20261121-000000-aaaa"):
    return document_of(a_run(name), (), {"S01": "2026-11-20"})


def test_the_document_counts_by_weakness_class_and_failure():
    told = document()
    assert told["totals"] == {"HELD": 1, "BROKEN": 1, "UNPROVEN": 1}
    assert told["matrices"]["weakness"]["D-3"] == {"HELD": 0, "BROKEN": 1, "UNPROVEN": 0}
    assert told["matrices"]["fault"]["SF-d"]["HELD"] == 1
    assert told["matrices"]["failure"]["V4"]["UNPROVEN"] == 1
    assert told["matrices"]["fault_by_severity"]["SF-n"]["V2"]["BROKEN"] == 1
    assert told["results"][1]["limits"][0] == {"id": "L1", "values": ["message_octets = 52428800 octets"]}
    assert told["budget_used"] == {"connections": 6, "octets": 18}
    json.dumps(told)


@pytest.mark.parametrize("colour", [False, True])
def test_the_scorecard_fits_eighty_columns(colour):
    text = format_report(document(), "text", colour=colour)
    assert ("\x1b[" in text) is colour
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= 80
    assert "BROKEN    S05" in plain
    assert "posthouse drill run S05 --seed 42" in plain
    assert "waits for webmail" in plain
    assert plain.endswith("3 entries: 1 held, 1 broken, 1 unproven\n")


def test_one_entry_is_not_told_as_several():
    run = a_run()
    del run.results[1:]
    assert "\n1 entry: 1 held" in format_report(document_of(run, (), {}), "text")


def test_junit_counts_broken_as_failures_and_unproven_as_skipped():
    suite = ET.fromstring(format_report(document(), "junit"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [case.find("failure") is not None for case in suite.iter("testcase")] == [False, True, False]


def test_sarif_has_a_rule_and_a_result_for_each_entry():
    (run,) = json.loads(format_report(document(), "sarif"))["runs"]
    assert [one["id"] for one in run["tool"]["driver"]["rules"]] == ["S01", "S05", "W01"]
    assert [one["level"] for one in run["results"]] == ["none", "error", "note"]
    assert [one["ruleIndex"] for one in run["results"]] == [0, 1, 2]


class Page(HTMLParser):
    VOID = frozenset({"meta", "rect", "circle"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.wrong, self.asked = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.asked += [value for name, value in attrs if name in {"src", "href", "srcset"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, _attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_is_whole_asks_for_nothing_and_runs_nothing():
    page = Page()
    text = format_report(document(), "html")
    page.feed(text)
    assert not page.open
    assert not page.wrong
    assert not page.asked
    assert "script" not in page.tags
    assert page.tags.count("svg") == 4
    assert "&lt;script&gt;" in text


def test_markdown_keeps_what_a_server_said_in_its_cell():
    text = format_report(document(), "md")
    rows = [line for line in text.splitlines() if line.startswith("| S05")]
    assert len(rows) == 1
    assert "&lt;script" in rows[0]
    assert rows[0].replace("\\|", "").count("|") == 5


def test_no_line_is_longer_than_a_terminal_is_wide():
    told = document()
    told["run"] |= {"aborted": "word " * 60, "left_behind": "/a/directory " * 20, "profile": "p" * 60}
    told["seed"] = 10**30
    for counts in told["matrices"]["fault"].values():
        counts |= {"HELD": 97, "BROKEN": 1, "UNPROVEN": 1}
    assert max(map(len, format_report(told, "text").splitlines())) <= 80


def test_gauges():
    assert 'posthouse_drill_verdict{id="S05",severity="V2"} -1\n' in format_report(document(), "openmetrics")


@pytest.mark.parametrize("form", FORMS)
def test_a_run_without_entries_is_told_too(form):
    run = a_run()
    run.results = []
    assert format_report(document_of(run, (), {}), form)


# -- kept


def test_reports_are_chained_and_changes_are_found(tmp_path):
    first = keep(document("one"), tmp_path, {"S01-1": "us EHLO\n"})
    second = keep(document("two"), tmp_path, {})
    assert read("last", tmp_path)["run"]["id"] == "two"
    assert read("one", tmp_path)["results"][0]["attempts"][0]["evidence"][0]["path"] == "S01-1.txt"
    assert read("two", tmp_path)["chain"]["previous"] == read("one", tmp_path)["chain"]["sha256"]
    assert verify(first, read("one", tmp_path), tmp_path) == []
    assert verify(second, read("two", tmp_path), tmp_path) == []
    changed = read("two", tmp_path)
    changed["results"][1]["verdict"] = "HELD"
    faults = verify(second, changed, tmp_path)
    assert any("hash" in fault for fault in faults)
    assert any("S05" in fault for fault in faults)
    (tmp_path / "one" / "S01-1.txt").write_text("us HELO\n")
    assert verify(first, read("one", tmp_path), tmp_path) == ["S01: the evidence S01-1.txt is gone or changed"]
    (tmp_path / "key").write_text("another")
    assert any("signature" in fault for fault in verify(second, read("two", tmp_path), tmp_path))
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_a_verdict_without_an_attempt_is_found(tmp_path):
    told = document("one")
    told["results"][2]["verdict"] = "HELD"
    file = keep(told, tmp_path, {})
    assert verify(file, read("one", tmp_path), tmp_path) == ["W01: HELD without an attempt"]


def test_what_is_no_report_is_said_to_be_none(tmp_path):
    with pytest.raises(NotThere, match="no report last"):
        find("last", tmp_path)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(NotThere, match="is no report"):
        read(str(tmp_path / "x.json"), tmp_path)


def test_proofs_are_remembered(tmp_path):
    assert proofs(tmp_path) == {}
    note_proof(tmp_path, "S01", "2026-11-20")
    note_proof(tmp_path, "A01", "2026-11-21")
    assert proofs(tmp_path) == {"S01": "2026-11-20", "A01": "2026-11-21"}


def test_what_is_worse_comes_first():
    before, after = document("one"), document("two")
    after["results"][0]["verdict"] = "BROKEN"
    after["results"][1]["verdict"] = "HELD"
    changes = compare(before, after)
    assert [(one.id, one.is_regression) for one in changes] == [("S01", True), ("S05", False)]
    assert compare(before, before) == []
