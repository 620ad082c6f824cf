"""Response codes (RFC 9051 section 7.1, RFC 5530) that are more than one word."""

from collections.abc import Iterable

from posthouse.standards.imap.sequence import format_sequence_set


def append_uid(uidvalidity: int, uid: int) -> str:
    """RFC 4315 section 3."""
    return f"APPENDUID {uidvalidity} {uid}"


def copy_uid(uidvalidity: int, pairs: Iterable[tuple[int, int]]) -> str:
    """RFC 4315 section 3; ``pairs`` (source, target) in ascending order. Nothing copied: no code."""
    known = list(pairs)
    if not known:
        return ""
    sources, targets = (format_sequence_set([pair[side] for pair in known]) for side in (0, 1))
    return f"COPYUID {uidvalidity} {sources} {targets}"


def permanent_flags(flags: Iterable[str], *, keywords: bool = True) -> str:
    r"""``\*``: new keywords may be made."""
    return f"PERMANENTFLAGS ({' '.join([*flags, *([chr(92) + '*'] if keywords else [])])})"


def uid_next(uid: int) -> str:
    return f"UIDNEXT {uid}"


def uid_validity(number: int) -> str:
    return f"UIDVALIDITY {number}"


def highest_modseq(number: int) -> str:
    """RFC 7162 section 3.1.2.1."""
    return f"HIGHESTMODSEQ {number}"


def modified(numbers: Iterable[int]) -> str:
    """RFC 7162 section 3.1.3: those that UNCHANGEDSINCE refused."""
    return f"MODIFIED {format_sequence_set(numbers)}"


def mailbox_id(identity: str) -> str:
    """RFC 8474 section 4."""
    return f"MAILBOXID ({identity})"


def bad_charset() -> str:
    return "BADCHARSET (US-ASCII UTF-8)"
