"""SPF macros (RFC 7208 section 7)."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from posthouse.standards.spf.record import MACRO

MAX_NAME = 253
"""RFC 7208 section 7.3: longer names lose labels from the left."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the macros of one check stand for. ``validated`` is the answer to ``p``, asked for only when it is used."""

    address: IPv4Address | IPv6Address
    sender: str
    domain: str
    helo: str
    receiver: str = "unknown"
    now: int = 0
    validated: str = "unknown"


def uses_validated_name(text: str) -> bool:
    """Whether expanding ``text`` needs the costly ``p``."""
    return any((macro["letter"] or "") in "pP" for macro in MACRO.finditer(text) if macro["letter"])


def uses_sender(text: str) -> bool:
    """Whether expanding ``text`` tells senders of one domain apart."""
    return any((macro["letter"] or "") in "sSlL" for macro in MACRO.finditer(text) if macro["letter"])


def expand(text: str, scope: Scope) -> str:
    """``text`` with every macro replaced."""
    return MACRO.sub(lambda macro: _expand_one(macro, scope), text)


def expand_domain(text: str, scope: Scope) -> str:
    """``text`` as a name to look up: expanded, without the last dot, shortened from the left to 253 characters."""
    name = expand(text, scope).rstrip(".")
    while len(name) > MAX_NAME and "." in name:
        name = name.partition(".")[2]
    return name


def _expand_one(macro: "re.Match[str]", scope: Scope) -> str:
    letter = macro["letter"]
    if letter is None:
        return {"%%": "%", "%_": " ", "%-": "%20"}[macro[0]]
    value = _value(letter.lower(), scope)
    labels = re.split(f"[{re.escape(macro['delimiters'])}]", value) if macro["delimiters"] else value.split(".")
    if macro["reverse"]:
        labels.reverse()
    if macro["digits"]:
        labels = labels[-int(macro["digits"][:4]) :]
    value = ".".join(labels)
    return quote(value, safe="-._~") if letter.isupper() else value


def _value(letter: str, scope: Scope) -> str:
    local, _, domain = scope.sender.rpartition("@")
    match letter:
        case "s":
            return scope.sender
        case "l":
            return local
        case "o":
            return domain
        case "d":
            return scope.domain
        case "i":
            return dotted(scope.address)
        case "p":
            return scope.validated
        case "v":
            return "in-addr" if scope.address.version == 4 else "ip6"
        case "h":
            return scope.helo
        case "c":
            return str(scope.address)
        case "r":
            return scope.receiver
        case _:
            return str(scope.now)


def dotted(address: IPv4Address | IPv6Address) -> str:
    """The address as ``i`` spells it: dotted quad, or nibbles with dots."""
    if isinstance(address, IPv4Address):
        return str(address)
    return ".".join(address.exploded.replace(":", "").upper())
