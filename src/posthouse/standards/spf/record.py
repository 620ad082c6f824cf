"""SPF records: text to terms, checked whole before anything is evaluated (RFC 7208 sections 4.6 and 12)."""

import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import AddressValueError, IPv4Network, IPv6Network, NetmaskValueError

VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9\-_.]*\Z")
CIDR = re.compile(r"(?P<rest>.*?)(?:/(?P<four>0|[1-9][0-9]?))?(?://(?P<six>0|[1-9][0-9]{0,2}))?\Z", re.DOTALL)
MACRO = re.compile(
    r"%(?:\{(?P<letter>[slodiphcrtvSLODIPHCRTV])(?P<digits>[0-9]*)(?P<reverse>[rR]?)(?P<delimiters>[.\-+,/_=]*)\}|[%_\-])"
)
MACRO_STRING = re.compile(r"(?:[!-$&-~]|%\{[slodiphcrtvSLODIPHCRTV][0-9]*[rR]?[.\-+,/_=]*\}|%[%_\-])*\Z")
DOMAIN_END = re.compile(r"(?:\.(?=[0-9-]*[A-Za-z-])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?|%\{[^}]*\}|%[%_\-])\Z")


class SpfSyntaxError(ValueError):
    """The record is not one: ``permerror`` (RFC 7208 section 2.6.7)."""


class Qualifier(Enum):
    """What a match means (RFC 7208 section 4.6.2)."""

    PASS = "+"
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


@dataclass(frozen=True, slots=True)
class Mechanism:
    """``name`` in lower case; ``domain`` unexpanded, empty when absent; prefix lengths as given or their default."""

    qualifier: Qualifier
    name: str
    domain: str = ""
    four: int = 32
    six: int = 128
    network: IPv4Network | IPv6Network | None = None


@dataclass(frozen=True, slots=True)
class Record:
    mechanisms: tuple[Mechanism, ...]
    redirect: str = ""
    explanation: str = ""


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record at all (RFC 7208 section 4.5)."""
    return VERSION.match(text) is not None


def parse_record(text: str) -> Record:
    """``text`` as a ``Record``; raises ``SpfSyntaxError``."""
    if not text.isascii():
        raise SpfSyntaxError("not US-ASCII")
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in text[6:].split(" "):
        if not term:
            continue
        name, equals, value = term.partition("=")
        if equals and NAME.match(name):
            _add_modifier(modifiers, name.lower(), value)
        else:
            mechanisms.append(_parse_mechanism(term))
    return Record(tuple(mechanisms), modifiers.get("redirect", ""), modifiers.get("exp", ""))


def _add_modifier(modifiers: dict[str, str], name: str, value: str) -> None:
    if name in {"redirect", "exp"}:
        if name in modifiers:
            raise SpfSyntaxError(f"{name} twice")  # RFC 7208 section 6
        _check_domain_spec(value)
        modifiers[name] = value
    elif not MACRO_STRING.match(value):
        raise SpfSyntaxError(f"bad value of modifier {name}")


def _parse_mechanism(term: str) -> Mechanism:
    qualifier = Qualifier.PASS
    if term[0] in "+-~?":
        qualifier, term = Qualifier(term[0]), term[1:]
    name, colon, value = term.partition(":")
    if not colon:
        name, slash, length = term.partition("/")
        value = slash + length
    name = name.lower()
    if name == "all":
        if colon or value:
            raise SpfSyntaxError("all takes no argument")
        return Mechanism(qualifier, "all")
    if name in {"ip4", "ip6"}:
        return Mechanism(qualifier, name, network=_parse_network(name, value if colon else ""))
    if name in {"include", "exists"}:
        _check_domain_spec(value if colon else "")
        return Mechanism(qualifier, name, value)
    if name == "ptr":
        if colon:
            _check_domain_spec(value)
        elif value:
            raise SpfSyntaxError("ptr takes no prefix length")
        return Mechanism(qualifier, "ptr", value)
    if name in {"a", "mx"}:
        return _parse_address_mechanism(qualifier, name, value, named=bool(colon))
    raise SpfSyntaxError(f"unknown mechanism {name[:40]!r}")


def _parse_address_mechanism(qualifier: Qualifier, name: str, value: str, *, named: bool) -> Mechanism:
    found = CIDR.match(value)
    if not found:
        raise SpfSyntaxError("bad prefix length")
    domain, four, six = found["rest"], int(found["four"] or 32), int(found["six"] or 128)
    if found["four"] == "0":
        four = 0
    if found["six"] == "0":
        six = 0
    if four > 32 or six > 128:
        raise SpfSyntaxError("bad prefix length")
    if named:
        _check_domain_spec(domain)
    elif domain:
        raise SpfSyntaxError(f"bad argument of {name}")
    return Mechanism(qualifier, name, domain, four, six)


def _parse_network(name: str, value: str) -> IPv4Network | IPv6Network:
    address, slash, length = value.partition("/")
    if slash and (not length.isdigit() or (length != "0" and length.startswith("0"))):
        raise SpfSyntaxError("bad prefix length")
    try:
        return (IPv4Network if name == "ip4" else IPv6Network)(value if address else "", strict=False)
    except (AddressValueError, NetmaskValueError, ValueError):
        raise SpfSyntaxError(f"bad network in {name}") from None


def _check_domain_spec(text: str) -> None:
    """RFC 7208 section 7.1: a macro-string that ends in a top label or a macro."""
    if not MACRO_STRING.match(text) or not DOMAIN_END.search(text):
        raise SpfSyntaxError(f"bad domain {text[:80]!r}")
    for macro in MACRO.finditer(text):
        if macro["letter"] and macro["letter"] in "crtCRT":
            raise SpfSyntaxError(f"macro {macro[0]} is for explanations")
        if macro["digits"] and int(macro["digits"][:4]) == 0:
            raise SpfSyntaxError("a macro keeps at least one label")
