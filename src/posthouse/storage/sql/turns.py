"""What each turn of the directory's epoch was about: a note of its number, so that others need not read all anew.

Releases that know nothing of it turn the epoch without one: then a number is
missing, and who finds that reads all.
"""

from collections.abc import Sequence
from typing import Any, Final

from posthouse.mail.ids import AccountId

EPOCH: Final = "directory.epoch"
"""The thing that says which."""
KIND: Final = "directory.turn"
KEPT: Final = 1000
PAGE: Final = 2000
"""Accounts or aliases in one page of the whole."""

ACCOUNT: Final = "account"
ALIAS: Final = "alias"
DOMAIN: Final = "domain"


def format_turn(epoch: int) -> str:
    return f"{epoch:016}"


def format_subject(kind: str, name: object) -> bytes:
    return f"{kind}/{name}".encode()


def parse_turns(rows: Sequence[Sequence[Any]], since: int, epoch: int) -> tuple[list[AccountId], list[str]] | None:
    """Accounts and aliases of the turns ``rows`` (key, value) behind ``since``; None if one is missing."""
    if [row[0] for row in rows] != [format_turn(number) for number in range(since + 1, epoch + 1)]:
        return None
    subjects = dict.fromkeys(bytes(row[1]).decode().partition("/")[::2] for row in rows)
    accounts = [AccountId(int(name)) for kind, name in subjects if kind == ACCOUNT]
    return accounts, [name for kind, name in subjects if kind == ALIAS]
