"""The journal: nothing a stranger wrote can look like something else."""

import io
import json
import os

import pytest

from posthouse.observe.counting import EVENTS, CountingJournal, unlisted
from posthouse.observe.journal import MAX_VALUE, MAX_WAITING, StreamJournal
from posthouse.observe.ports import Level
from posthouse.testing.journal import KeptJournal, KeptMeter

NASTY = [
    'a" level=alarm x="',
    "line\nbreak",
    "\x1b[2J",
    "\u202egpj.exe",
    "\udcff",
    "back\\slash",
    "tab\t",
    "\x00",
    "\x7f",
    "",
]


def journal(*, as_json: bool, level: Level = Level.INFO) -> tuple[StreamJournal, io.StringIO]:
    sink = io.StringIO()
    return StreamJournal(sink, as_json=as_json, level=level), sink


@pytest.mark.parametrize("value", NASTY)
def test_logfmt_stays_on_its_line_and_in_its_value(value):
    writing, sink = journal(as_json=False)
    writing.note("smtp.refused", helo=value, code=550)
    line = sink.getvalue()
    assert line.count("\n") == 1
    assert line.endswith(" code=550\n")
    assert all(character.isprintable() for character in line[:-1])
    assert line.replace('\\"', "").count('"') % 2 == 0


@pytest.mark.parametrize("value", NASTY)
def test_json_gives_back_what_was_said(value):
    writing, sink = journal(as_json=True)
    writing.note("smtp.refused", helo=value, code=550, tls=None, ok=True)
    line = sink.getvalue()
    assert line.isascii()
    assert line.count("\n") == 1
    entry = json.loads(line)
    assert (entry["event"], entry["helo"], entry["code"], entry["tls"], entry["ok"]) == (
        "smtp.refused",
        value,
        550,
        None,
        True,
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_long_values_are_cut(as_json):
    writing, sink = journal(as_json=as_json)
    writing.note("x", value="y" * 100_000)
    assert len(sink.getvalue()) < MAX_VALUE + 200


def test_quiet_entries_are_left_out():
    writing, sink = journal(as_json=True, level=Level.WARNING)
    writing.note("x")
    assert sink.getvalue() == ""


def test_bound_values_are_in_every_entry():
    writing, sink = journal(as_json=True)
    writing.bind(door="smtp").bind(peer="192.0.2.1").note("x", door="lmtp")
    entry = json.loads(sink.getvalue())
    assert (entry["door"], entry["peer"]) == ("lmtp", "192.0.2.1")


def test_a_bug_has_its_traceback_and_is_written_at_once():
    writing, sink = journal(as_json=True)
    writing.attach(lambda _delay, _callback: None)
    writing.note("waits")
    assert sink.getvalue() == ""
    try:
        raise ValueError("on purpose")  # noqa: TRY301 - it needs a traceback
    except ValueError as error:
        writing.bug("smtp.bug", error, peer="192.0.2.1")
    first, second = map(json.loads, sink.getvalue().splitlines())
    assert (first["event"], second["level"]) == ("waits", "alarm")
    assert "ValueError: on purpose" in second["traceback"]


def test_entries_of_one_turn_are_written_together():
    writing, sink = journal(as_json=True)
    calls = []
    writing.attach(lambda _delay, callback: calls.append(callback))
    for _ in range(10):
        writing.note("x")
    assert (len(calls), sink.getvalue()) == (1, "")
    calls[0]()
    assert sink.getvalue().count("\n") == 10


def test_a_reader_that_does_not_keep_up_loses_entries_and_is_told():
    writing, sink = journal(as_json=True)
    calls = []
    writing.attach(lambda _delay, callback: calls.append(callback))
    for _ in range(MAX_WAITING // 500):
        writing.note("x", value="y" * MAX_VALUE)
    calls[0]()
    assert len(sink.getvalue()) <= MAX_WAITING + 200
    assert json.loads(sink.getvalue().splitlines()[-1])["event"] == "journal.lost"


def test_a_sink_that_is_gone_stops_nobody():
    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    writing = StreamJournal(Gone(), as_json=True)
    writing.note("x")
    writing.note("y")


def test_events_are_counted_and_passed_on():
    kept, meter = KeptJournal(), KeptMeter()
    counting = CountingJournal(kept, meter)
    counting.note("mail.accepted", door="smtp", peer="192.0.2.1")
    counting.bind(door="imap").note("net.broken_off")
    counting.bug("x.bug", ValueError())
    counting.note("disk.full", Level.ALARM)
    assert [entry.event for entry in kept.entries] == ["mail.accepted", "net.broken_off", "x.bug", "disk.full"]
    assert meter.counts == {
        ("messages", (("door", "smtp"), ("result", "accepted"))): 1,
        ("broken_off", (("door", "imap"),)): 1,
        ("bugs", (("event", "x.bug"),)): 1,
        ("alarms", (("event", "disk.full"),)): 1,
    }


def test_every_event_counts_something_that_is_listed():
    assert unlisted() == []
    assert EVENTS


def test_a_pipe_that_nobody_reads_stops_nobody():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as far, os.fdopen(writing, "w") as near:
        journal = StreamJournal(near, as_json=True)
        calls = []
        journal.attach(lambda _delay, callback: calls.append(callback))
        for number in range(2000):
            journal.note("x", number=number, value="y" * 100)
        calls.pop()()
        assert len(calls) == 1  # the rest waits for its reader
        heard = b""
        while calls:
            heard += os.read(far.fileno(), 100_000)
            calls.pop()()
        os.set_blocking(far.fileno(), False)
        heard += far.read() or b""
    assert [json.loads(line)["number"] for line in heard.splitlines()] == list(range(2000))
