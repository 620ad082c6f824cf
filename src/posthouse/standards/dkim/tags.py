"""Tag lists (RFC 6376 section 3.2): the grammar that signatures and key records share."""

import re

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
FOLDING_SPACE = re.compile(r"[ \t\r\n]+")
OUTER = " \t\r\n"
"""What may stand around a name or value; Python would strip more."""


def parse_tags(text: str) -> dict[str, str]:
    """Names to values, outer white space removed; raises ``ValueError`` for a name twice or a bad one."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip(OUTER):
            continue
        name, equals, value = part.partition("=")
        name = name.strip(OUTER)
        if not equals or not (name.isidentifier() and name.isascii() and name[0] != "_"):
            raise ValueError(f"not a tag: {part.strip(OUTER)[:40]!r}")
        if name in tags:
            raise ValueError(f"tag {name} twice")
        tags[name] = value.strip(OUTER)
    return tags


def without_space(value: str) -> str:
    """``value`` with the white space that folding may have put anywhere into it removed."""
    return FOLDING_SPACE.sub("", value)
