"""Writes docs/standards.md: the standards we follow, with the rooms that cite them, from rfc/index.toml and src.

python tools/standards.py          writes the page
python tools/standards.py --check  says what is wrong with index, citations or page
"""

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "posthouse"
PAGE = ROOT / "docs" / "standards.md"
STATES = ("yes", "partly", "no")

CITATION = re.compile(r"\bRFC (\d{3,6})\b")
LOOSE = re.compile(r"\b(?:RFC-?|rfc[- ]?)\d{3,6}\b|\bRFC \d{3,6}(?:,? §|, [Ss]ec(?:tion|\.))")
"""Forms that a search for ``RFC nnnn section`` would not find."""
NAMES = frozenset({"RFC822", "rfc822"})
"""Words of the standards themselves, such as ``message/rfc822``."""

HEAD = """\
# Standards

Written by `python tools/standards.py` from `rfc/index.toml` and the citations in the source; do not edit.

*yes*: meant to be followed whole, so that any deviation is a bug, but for what the note says. *partly*: the note says
what there is. *no*: asked for, not there yet. The rooms are those whose code cites the standard (of many, its core and
its door); each citation stands on the line that obeys it, with its section. Conformance tests, one for each normative
sentence we have come to, are in [tests/conformance](../tests/conformance/), by number.
"""

TITLES = {
    "transport": "Sending and relaying",
    "reports": "Telling the sender",
    "messages": "Messages",
    "access": "Reading",
    "login": "Logging in",
    "authentication": "Whose mail it is",
    "network": "Names and connections",
}


def read_index() -> dict[str, dict[int, dict[str, Any]]]:
    """Group, number, entry."""
    groups = tomllib.loads((ROOT / "rfc" / "index.toml").read_text("utf-8"))
    return {group: {int(number): entry for number, entry in entries.items()} for group, entries in groups.items()}


def read_citations() -> dict[int, set[str]]:
    """Numbers, and the rooms that cite them: ``mta``, ``standards.smtp``, ``services.imapd``."""
    found = defaultdict(set)
    for path in sorted(SOURCE.rglob("*.py")):
        for number in CITATION.findall(path.read_text("utf-8")):
            found[int(number)].add(room_of(path))
    return dict(found)


def room_of(path: Path) -> str:
    """A room; in the rooms that have many, the part of it."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:2]) if parts[0] in {"standards", "services"} and len(parts) > 1 else parts[0]


def find_problems() -> Iterator[str]:
    """What a reader of index and code would be misled by."""
    index = {number: entry for entries in read_index().values() for number, entry in entries.items()}
    cited = read_citations()
    for number in sorted(set(cited) - set(index)):
        yield f"RFC {number} is cited by {', '.join(sorted(cited[number]))} and is not in rfc/index.toml"
    for number, entry in index.items():
        if entry["status"] not in STATES:
            yield f"RFC {number}: status is one of {', '.join(STATES)}, not {entry['status']}"
        elif entry["status"] == "partly" and not entry.get("note"):
            yield f"RFC {number} is followed partly: the note must say what there is"
        elif entry["status"] != "no" and number not in cited and "part of RFC" not in entry.get("note", ""):
            yield f"RFC {number} is said to be followed, but no line cites it"
    for path in sorted(SOURCE.rglob("*.py")):
        for line_number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for form in set(LOOSE.findall(line)) - NAMES:
                yield f"{path.relative_to(ROOT)}:{line_number}: {form}: write it as RFC nnnn section n"


def format_page() -> str:
    """The page as it should be."""
    cited = read_citations()
    parts = [HEAD]
    for group, entries in read_index().items():
        parts.append(f"\n## {TITLES[group]}\n\n| RFC | | status | rooms |\n|---|---|---|---|\n")
        parts += [_row(number, entry, cited.get(number, set())) for number, entry in entries.items()]
    return "".join(parts)


def _row(number: int, entry: dict[str, Any], rooms: set[str]) -> str:
    note = f"; {entry['note']}" if entry.get("note") else ""
    link = f"[{number}](https://www.rfc-editor.org/rfc/rfc{number})"
    near = {room for room in rooms if "." in room} or rooms  # its core and its door, where it has such
    shown = ", ".join(f"`{room}`" for room in sorted(near)) if entry["status"] != "no" else ""
    return f"| {link} | {entry['title']} | {entry['status']}{note} | {shown} |\n"


def main(arguments: list[str]) -> int:
    problems = list(find_problems())
    if "--check" not in arguments:
        PAGE.write_text(format_page(), encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != format_page():
        problems.append("docs/standards.md: run python tools/standards.py")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
