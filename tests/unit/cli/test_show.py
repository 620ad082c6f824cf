"""Tables for people, JSON for programs."""

import json

import pytest

from posthouse.cli import show
from posthouse.cli.show import Column, print_fields, print_rows

COLUMNS = (Column("id", "ID"), Column("size", "SIZE", show.size, right=True), Column("to", "TO", shrinks=True))
ROWS = [{"id": "a1", "size": 2048, "to": "alice@office.test"}, {"id": "b2", "size": 10, "to": "b" * 200 + "@x.test"}]


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_table_has_a_title_and_aligned_columns(capsys) -> None:
    print_rows(ROWS[:1], COLUMNS, as_json=False)
    assert lines(capsys) == ["ID     SIZE  TO", "a1  2.0 KiB  alice@office.test"]


def test_a_table_fits_the_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_rows([{**row, "note": "n" * 200} for row in ROWS], COLUMNS, as_json=False, note="note")
    shown = lines(capsys)
    assert max(len(line) for line in shown) == 80
    assert shown[3].endswith("…")


def test_into_a_pipe_nothing_is_cut(capsys) -> None:
    print_rows(ROWS, COLUMNS, as_json=False)
    assert ROWS[1]["to"] in lines(capsys)[2]


def test_a_list_longer_than_memory_is_shown_as_it_comes(capsys, monkeypatch) -> None:
    """The first rows give the widths; what is wider later is not cut in a pipe, and not lost on a terminal."""
    monkeypatch.setattr(show, "LOOKED_AT", 2)
    shown = []

    def rows():
        for number in range(5):
            shown.append(len(lines(capsys)))
            yield {"id": f"{number}", "size": 1, "to": "b" * (number + 1)}

    print_rows(rows(), COLUMNS, as_json=False)
    assert shown == [0, 0, 3, 1, 1]
    assert lines(capsys) == ["4    1 B  bbbbb"]


def test_json_is_one_object_a_line_with_all_values(capsys) -> None:
    print_rows(ROWS, COLUMNS, as_json=True)
    assert [json.loads(line) for line in lines(capsys)] == ROWS


def test_an_empty_list_says_so_beside_the_data(capsys) -> None:
    print_rows([], COLUMNS, as_json=False)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "none\n")


def test_strangers_cannot_write_to_the_terminal(capsys) -> None:
    """A reply of another server or an address may hold escape sequences."""
    print_rows([{"id": "\x1b[2J", "size": 1, "to": "a\r\nb\u202e"}], COLUMNS, as_json=False, note="id")
    print_fields({"last": "\x1b]0;title\x07"}, {}, as_json=False)
    assert all(line.isprintable() for line in lines(capsys))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (50 * 2**20, "50 MiB"), (3 * 2**41, "6.0 TiB")],
)
def test_sizes(value, shown) -> None:
    assert shown == show.size(value)


@pytest.mark.parametrize(("value", "shown"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200000, "2 d")])
def test_spans(value, shown) -> None:
    assert shown == show.span(value)


def test_one_is_not_several() -> None:
    assert [show.count(number, "message") for number in (0, 1, 2)] == ["0 messages", "1 message", "2 messages"]


def test_many_values_in_one_field_stand_on_several_lines(capsys) -> None:
    """In a pipe too: nothing is cut, and no line is longer than a plain terminal."""
    doors = {f"door-number-{number}": number for number in range(20)}
    print_fields({"sessions": doors, "hostname": "mx"}, {}, as_json=False)
    shown = lines(capsys)
    assert max(map(len, shown)) <= 80
    assert " ".join(line[10:] for line in shown[:-1]).split() == [f"{name}={count}" for name, count in doors.items()]
    assert all(line.startswith("door", 10) for line in shown[:-1])
    assert shown[-1] == "hostname  mx"


def test_a_long_text_is_wrapped_on_a_terminal_only(capsys, monkeypatch) -> None:
    reply = "550 5.7.1 " + "no " * 60 + "x" * 100
    print_fields({"reply": reply}, {}, as_json=False)
    assert lines(capsys) == [f"reply  {reply}"]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_fields({"reply": reply, "empty": ""}, {}, as_json=False)
    shown = lines(capsys)
    assert max(map(len, shown)) <= 80
    assert "".join(shown[:-1]).replace(" ", "") == "reply" + reply.replace(" ", "")
    assert shown[-1] == "empty"


def test_fields_show_lists_and_words(capsys) -> None:
    print_fields({"enabled": True, "aliases": ["a", "b"], "doors": {"smtp": 1}}, {}, as_json=False)
    assert lines(capsys) == ["enabled  yes", "aliases  a, b", "doors    smtp=1"]
