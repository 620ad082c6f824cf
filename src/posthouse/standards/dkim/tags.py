"""Tag lists (RFC 6376 section 3.2): the grammar that signatures and key records share."""

import re

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
OUTER = " \t\r\n"
"""What may stand around a name or value; Python would strip more."""
_HEX_OCTET = re.compile(rb"=([0-9A-Fa-f]{2})")


def parse_tags(text: str) -> dict[str, str]:
    """Names to values, outer white space removed; raises ``ValueError`` for a name twice or a bad one, or none."""
    tags: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip(OUTER):  # a list may end in a semicolon
        parts.pop()
    for part in parts:
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
    return value.replace(" ", "").replace("\t", "").replace("\r", "").replace("\n", "")


def decode_quoted(value: str) -> str:
    """RFC 6376 section 2.11: what a ``dkim-quoted-printable`` value says, white space removed."""
    if "=" not in value:
        return without_space(value)
    octets = _HEX_OCTET.sub(lambda match: bytes([int(match[1], 16)]), without_space(value).encode("utf-8", "replace"))
    return octets.decode("utf-8", "replace")
