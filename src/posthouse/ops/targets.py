"""Where an alias would lead, before it is made: round in a circle, or to an address of ours that nobody has."""

from collections.abc import Iterator, Sequence

from posthouse.admd.directory import SEPARATOR, Alias, Directory, Unknown
from posthouse.mail.address import Address


def find_circle(directory: Directory, address: Address) -> Sequence[Address]:
    """The way from ``address`` back to itself, both ends included; nothing if there is none."""
    came_from: dict[str, Address] = {}
    waiting = [address]
    for here in waiting:
        for target in _targets(directory, here):
            if target.key == address.key:
                return [*reversed(list(_way_back(here, came_from))), address]
            if target.key not in came_from:
                came_from[target.key] = here
                waiting.append(target)
    return ()


def find_unknown(directory: Directory, targets: Sequence[Address]) -> Sequence[Address]:
    """Those of ``targets`` that are ours and nobody's: mail for them would be refused."""
    return [target for target in targets if isinstance(directory.resolve(target), Unknown)]


def _targets(directory: Directory, address: Address) -> Iterator[Address]:
    """What ``address`` stands for, each as the alias that answers for it: a subaddress belongs to its alias."""
    residence = directory.resolve(address)
    for target in residence.targets if isinstance(residence, Alias) else ():
        plain = Address(target.local.partition(SEPARATOR)[0], target.domain)
        found, whole = directory.resolve(plain), directory.resolve(target)
        same = isinstance(found, Alias) and isinstance(whole, Alias) and found.targets == whole.targets
        yield plain if plain.local and same else target


def _way_back(address: Address, came_from: dict[str, Address]) -> Iterator[Address]:
    at: Address | None = address
    while at is not None:
        yield at
        at = came_from.get(at.key)
