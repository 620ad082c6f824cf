"""DMARC policy records (RFC 9989 sections 4.7 and 4.8). Records of the RFC 7489 era are read alike."""

import re
from dataclasses import dataclass
from enum import Enum

from posthouse.standards.dkim.tags import NAME

VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
URI = re.compile(r"(?P<uri>[A-Za-z][A-Za-z0-9+.-]*:[^\s,!]+)(?:!(?P<most>[0-9]{1,15})(?P<unit>[kmgtKMGT]?))?\Z")
"""The size after ``!`` is obsolete (RFC 9989 section 4.8); who still sends reports to him does well to keep to it."""
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
MAX_REPORT_URIS = 10


class Policy(Enum):
    """What the domain owner asks for (``p``, ``sp``, ``np``), weakest first."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Record:
    """A record; ``sp`` and ``np`` are None when absent, ``psd`` is ``y``, ``n`` or ``u``."""

    p: Policy
    sp: Policy | None = None
    np: Policy | None = None
    psd: str = "u"
    testing: bool = False
    strict_dkim: bool = False
    strict_spf: bool = False
    rua: tuple[str, ...] = ()
    rua_octets: tuple[int, ...] = ()
    """For each of ``rua`` the largest report it takes; 0 when it sets no limit."""
    ruf: tuple[str, ...] = ()
    ruf_octets: tuple[int, ...] = ()
    fo: str = "0"
    void: bool = False
    """What it asks for cannot be understood, and nobody wants reports: no DMARC where it applies."""


def is_dmarc(text: str) -> bool:
    """Whether a TXT record begins as a DMARC record must; others are discarded unseen."""
    return VERSION.match(text) is not None


def parse_record(text: str) -> Record:
    """The record (RFC 9989 section 4.10.1).

    A bad or missing ``p``, or a bad ``sp`` or ``np``, makes it ``p=none`` if somebody wants
    reports and void otherwise; every other error falls back to the default of its tag.
    """
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals and NAME.match(name.strip()):
            tags.setdefault(name.strip().lower(), value.strip())
    rua, rua_octets = _uris(tags.get("rua", ""))
    ruf, ruf_octets = _uris(tags.get("ruf", ""))
    requests = {name: _policy(tags[name]) for name in ("p", "sp", "np") if name in tags}
    is_bad = "p" not in requests or None in requests.values()
    if is_bad:
        requests = {}
    return Record(
        p=requests.get("p") or Policy.NONE,
        sp=requests.get("sp"),
        np=requests.get("np"),
        psd=_choice(tags.get("psd", ""), "ynu", "u"),
        testing=_choice(tags.get("t", ""), "yn", "n") == "y",
        strict_dkim=_choice(tags.get("adkim", ""), "rs", "r") == "s",
        strict_spf=_choice(tags.get("aspf", ""), "rs", "r") == "s",
        rua=rua,
        rua_octets=rua_octets,
        ruf=ruf,
        ruf_octets=ruf_octets,
        fo=tags.get("fo", "0"),
        void=is_bad and not rua,
    )


def _policy(value: str) -> Policy | None:
    try:
        return Policy(value.lower())
    except ValueError:
        return None


def _choice(value: str, allowed: str, default: str) -> str:
    value = value.lower()
    return value if len(value) == 1 and value in allowed else default


def _uris(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The URIs, and the sizes that they set."""
    matches = (URI.match(part.strip()) for part in text.split(","))
    found = [match for match in matches if match][:MAX_REPORT_URIS]
    sizes = [int(match["most"] or 0) * UNITS[(match["unit"] or "").lower()] for match in found]
    return tuple([match["uri"] for match in found]), tuple(sizes)
