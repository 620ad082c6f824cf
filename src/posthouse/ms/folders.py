"""The mailboxes of an account as a hierarchy (RFC 9051 section 5.1): INBOX in any case, ``/`` between levels."""

from collections.abc import Iterable, Sequence

from posthouse.storage.mailbox import Mailbox

DELIMITER = "/"
MOST_MAILBOXES = 10_000
"""Of one account (threat I06)."""
MOST_MESSAGES = 2_000_000
"""Of one account before COPY ends: small ones cost no quota, and COPY doubles a mailbox each time."""


def find_mailbox(mailboxes: Sequence[Mailbox], name: str) -> Mailbox | None:
    """The mailbox called ``name``; INBOX whatever its case."""
    if name.isascii() and name.upper() == "INBOX":
        name = "INBOX"
    for mailbox in mailboxes:
        if mailbox.name == name:
            return mailbox
    return None


def parents_of(name: str) -> list[str]:
    """The names above ``name``, nearest last."""
    levels = name.split(DELIMITER)
    return [DELIMITER.join(levels[:count]) for count in range(1, len(levels))]


def names_with_children(names: Iterable[str]) -> frozenset[str]:
    """Every name that has another below it, whether or not it is a mailbox itself."""
    return frozenset(parent for name in names for parent in parents_of(name))


def room_left(mailboxes: Sequence[Mailbox], quota: int) -> int:
    """Octets an account may still store, by what its mailboxes hold. A quota of 0 leaves no room."""
    return quota - sum(mailbox.size for mailbox in mailboxes)
