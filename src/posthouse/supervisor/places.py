"""Where in a TOML file a key stands: ``tomllib`` does not say, and an operator wants the line."""

import re

Key = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?\Z")
_ASSIGNMENT = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*=")
_PART = re.compile(r"[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'")


def find_places(text: str) -> dict[Key, int]:
    """The line of every table and key, counted from 1. Good enough to point at; not a parser."""
    places: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header is not None:
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                places.setdefault(table, number)
                table = (*table, counts[table])
            else:
                table = _inside(table, counts)
            places.setdefault(table, number)
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment is not None:
            places.setdefault((*table, *_parts(assignment[1])), number)
    return places


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _inside(table: Key, counts: dict[Key, int]) -> Key:
    """``[a.b]`` after ``[[a]]`` belongs to the last ``a``."""
    for length in range(len(table) - 1, 0, -1):
        if table[:length] in counts:
            return (*table[:length], counts[table[:length]], *table[length:])
    return table


def line_of(key: Key, places: dict[Key, int]) -> int:
    """The line of ``key``, or of the nearest table around it; 0 when that is the whole file."""
    for length in range(len(key), 0, -1):
        line = places.get(key[:length])
        if line is not None:
            return line
    return 0
