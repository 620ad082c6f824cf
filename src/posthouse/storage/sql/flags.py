r"""Flags as the database keeps them: sorted, one space between; a flag holds no space (RFC 9051 section 9, atom)."""

from functools import lru_cache

from posthouse.storage.mailbox import Change

_SYSTEM = {name.lower(): name for name in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")}


@lru_cache(maxsize=4096)
def parse_flags(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache(maxsize=4096)
def format_flags(flags: frozenset[str]) -> str:
    r"""System flags in canonical case; ``\Recent`` is no flag of a message any more (RFC 9051 appendix E)."""
    canonical = {_SYSTEM.get(flag.lower(), flag) for flag in flags if flag.lower() != "\\recent"}
    return " ".join(sorted(canonical))


def changed_flags(before: frozenset[str], change: Change, flags: frozenset[str]) -> frozenset[str]:
    """Keywords are the same in any case and stay as first written (RFC 9051 section 2.3.2)."""
    named = {flag.lower() for flag in flags}
    if change is Change.REMOVE:
        return frozenset(flag for flag in before if flag.lower() not in named)
    known = {flag.lower(): flag for flag in before}
    wanted = frozenset(known.get(flag.lower(), flag) for flag in flags)
    return wanted if change is Change.REPLACE else before | wanted
