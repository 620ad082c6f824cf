r"""Flags as the database keeps them: sorted, one space between; a flag holds no space (RFC 9051 section 9, atom)."""

from functools import lru_cache

_SYSTEM = {name.lower(): name for name in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")}


@lru_cache(maxsize=4096)
def parse_flags(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache(maxsize=4096)
def format_flags(flags: frozenset[str]) -> str:
    r"""System flags in canonical case; ``\Recent`` is no flag of a message any more (RFC 9051 appendix E)."""
    canonical = {_SYSTEM.get(flag.lower(), flag) for flag in flags if flag.lower() != "\\recent"}
    return " ".join(sorted(canonical))
