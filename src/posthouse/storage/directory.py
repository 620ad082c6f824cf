"""Who we are: domains, accounts and aliases, as the engine keeps them."""

from collections.abc import Sequence
from typing import TypedDict

import msgspec

from posthouse.mail.ids import AccountId


class DomainRow(msgspec.Struct, frozen=True):
    """A domain of ours, as an A-label in lower case. ``catch_all`` is an address of ours or empty."""

    name: str
    catch_all: str = ""
    created_at: int = 0


class AccountRow(msgspec.Struct, frozen=True):
    """An account. ``verifiers`` are credentials as ``admd.credentials`` writes them; never a password."""

    account: AccountId
    address: str
    name: str
    verifiers: tuple[str, ...]
    quota: int
    used: int
    admin: bool = False
    enabled: bool = True
    created_at: int = 0
    generation: int = 0
    """How often all its sessions were ended; not the engine's business, ``admd.directory`` knows it from a shelf."""


class AccountChange(TypedDict, total=False):
    """What becomes of an account; whatever is not said stays."""

    name: str
    verifiers: Sequence[str]
    quota: int
    admin: bool
    enabled: bool


class AliasRow(msgspec.Struct, frozen=True):
    """An address that stands for others: one target makes an alias, several make a group."""

    address: str
    targets: tuple[str, ...]
    created_at: int = 0


class Directory(msgspec.Struct, frozen=True):
    """All we are, at one instant; ``epoch`` grows with every change."""

    epoch: int
    domains: tuple[DomainRow, ...]
    accounts: tuple[AccountRow, ...]
    aliases: tuple[AliasRow, ...]


class Population(msgspec.Struct, frozen=True):
    """How many live in a domain."""

    accounts: int = 0
    aliases: int = 0


class DirectoryDelta(msgspec.Struct, frozen=True):
    """What became of the directory behind some epoch."""

    news: Directory
    """Of the epoch now: all domains, and the accounts and aliases that were changed, as they are."""
    closed: tuple[AccountId, ...] = ()
    """Accounts that were changed and are not there any more."""
    withdrawn: tuple[str, ...] = ()
    """Addresses of aliases that are not there any more."""
