"""Rows for people and for programs: a table that fits the terminal, or one JSON object a line."""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TextIO

import click

GAP = 2
LEAST_WIDTH = 8
PLAIN_WIDTH = 80
LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """``shrinks``: gives way when the terminal is narrow. ``right``: numbers."""

    key: str
    title: str
    form: Callable[[Any], str] = str
    shrinks: bool = False
    right: bool = False


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], *, as_json: bool, note: str = "") -> None:
    """All rows. ``note`` names a value that stands on a line of its own under its row, where there is one.

    The first ``LOOKED_AT`` say how wide the columns are: a list may be longer than memory.
    """
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    coming = iter(rows)
    table = list(islice(coming, LOOKED_AT))
    if not table:
        click.echo("none", err=True)
        return
    width = terminal_width(sys.stdout)
    widths = _widths([_cells(row, columns) for row in table], columns, width)
    click.echo(_line([column.title for column in columns], columns, widths))
    for row in chain(table, coming):
        click.echo(_line(_cells(row, columns), columns, widths, cut=width is not None))
        if note and row.get(note):
            text = visible(str(row[note]))
            click.echo("    " + (shorten(text, width - 4) if width else text))


def print_fields(row: Mapping[str, Any], forms: Mapping[str, Callable[[Any], str]], *, as_json: bool) -> None:
    """One row as a list of names and values; what is too long for a line goes on below its beginning."""
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
        return
    indent = max((len(name) for name in row), default=0) + GAP
    width = terminal_width(sys.stdout)
    for name, value in row.items():
        many = isinstance(value, (list, Mapping))
        room = width or (PLAIN_WIDTH if many else None)
        parts = wrap(visible(forms.get(name, _plain)(value)), room and room - indent, whole_words=many)
        for at, part in enumerate(parts):
            click.echo(f"{'' if at else name:<{indent}}{part}".rstrip())


def done(row: Any, text: str, *, as_json: bool) -> None:
    """Say what was done."""
    print_fields(row, {}, as_json=True) if as_json else click.echo(text)


def terminal_width(stream: TextIO) -> int | None:
    """The columns of the terminal that ``stream`` is; None for a file or a pipe, where nothing is cut."""
    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if stream.isatty() else None


def wrap(text: str, width: int | None, *, whole_words: bool = False) -> list[str]:
    """``text`` in lines of at most ``width``; at least one."""
    if width is None or len(text) <= width:
        return [text]
    room = max(width, LEAST_WIDTH)
    return textwrap.wrap(text, room, break_long_words=not whole_words, break_on_hyphens=False) or [""]


def visible(text: str) -> str:
    """``text`` without what a terminal would obey: strangers choose addresses and replies."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _widths(cells: Sequence[Sequence[str]], columns: Sequence[Column], width: int | None) -> list[int]:
    """The width of each column; those that may shrink share what the terminal leaves them."""
    widths = [max(len(column.title), *(len(line[at]) for line in cells)) for at, column in enumerate(columns)]
    if width is None:
        return widths
    while sum(widths) + GAP * (len(widths) - 1) > width:
        widest = max((at for at, column in enumerate(columns) if column.shrinks), key=lambda at: widths[at], default=-1)
        if widest < 0 or widths[widest] <= LEAST_WIDTH:
            break
        widths[widest] -= 1
    return widths


def _cells(row: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    return [visible(column.form(row.get(column.key, ""))) for column in columns]


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], *, cut: bool = True) -> str:
    parts = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        text = shorten(cell, width) if cut else cell
        parts.append(text.rjust(width) if column.right else text.ljust(width))
    return (" " * GAP).join(parts).rstrip()


# -- forms


def size(value: Any) -> str:
    """Octets for people."""
    number = float(value or 0)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def count(number: int, noun: str) -> str:
    """How many of what."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def span(value: Any) -> str:
    """Seconds for people."""
    seconds = int(value or 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def moment(value: Any) -> str:
    """Milliseconds since 1970 as a time of day."""
    from datetime import datetime

    if not value:
        return ""
    return datetime.fromtimestamp(int(value) / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def yes_or_no(value: Any) -> str:
    return "yes" if value else "no"


def sender(value: Any) -> str:
    """The null reverse-path is shown as the wire shows it."""
    return str(value) or "<>"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return yes_or_no(value)
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_plain(item)}" for name, item in value.items())
    return str(value)
