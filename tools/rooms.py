"""Writes docs/rooms.md from the docstrings of the rooms, in the order of the floors in pyproject.toml.

python tools/rooms.py          writes the page
python tools/rooms.py --check  says whether it is not what it would be written as
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "posthouse"
PAGE = ROOT / "docs" / "rooms.md"

HEAD = """\
# The rooms

Written by `python tools/rooms.py` from the docstrings of the packages; do not edit.

The house has floors. A room may import the floors below it and answers the floor above with a value; import contracts
hold this (`script/check`, [ADR 0001](adr/0001-rooms.md)). Highest floor first.
"""


def read_floors() -> list[str]:
    """The rooms, top to bottom. One in brackets is planned; a name with underscores is no room."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    return [room for layer in layers if (PACKAGE / (room := layer.strip("()")) / "__init__.py").is_file()]


def format_page() -> str:
    """The page as it should be."""
    return HEAD + "".join(f"\n## {room}\n\n{_docstring(room)}\n" for room in read_floors())


def _docstring(room: str) -> str:
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8"))) or ""
    return re.sub(r"``([^`]*)``", r"`\1`", text)


def main(arguments: list[str]) -> int:
    text = format_page()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != text:
        print("docs/rooms.md: run python tools/rooms.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
