"""Who really gets a message: aliases, groups and subaddresses followed to mailboxes and to addresses elsewhere.

Loops end because no address is followed twice; L23 bounds what one address
may stand for. The DSN parameters travel as RFC 3461 section 5.2.7 wants it:
an alias with one target passes them on, a group passes them on without
SUCCESS and is itself reported as "expanded".
"""

from collections.abc import Sequence

import msgspec

from posthouse.admd.directory import Alias, Directory, Foreign, Local, Unknown
from posthouse.admd.limits import Limits
from posthouse.mail.address import Address
from posthouse.mail.envelope import Notify, OriginalRecipient, Recipient
from posthouse.mail.ids import AccountId
from posthouse.mail.reply import Reply

NOBODY = Reply(550, "5.1.1", ("no such user here",))
LOOP = Reply(554, "5.4.6", ("the aliases of this address go in circles",))
TOO_MANY = Reply(554, "5.3.5", ("this address stands for too many others",))


class Leaf(msgspec.Struct, frozen=True):
    """A recipient where it ends, and the place in the envelope of the one it came from."""

    recipient: Recipient
    index: int


class Copy(msgspec.Struct, frozen=True):
    """One copy for one account, however many recipients lead there. ``address`` is the one it is delivered to."""

    account: AccountId
    address: Address
    leaves: tuple[Leaf, ...]


class Lost(msgspec.Struct, frozen=True):
    """A recipient that leads nowhere, and why."""

    leaf: Leaf
    reply: Reply


class Expansion(msgspec.Struct, frozen=True):
    copies: tuple[Copy, ...]
    onward: tuple[Leaf, ...] = ()
    """Recipients elsewhere."""
    expanded: tuple[Leaf, ...] = ()
    """Groups whose sender asked to hear of success."""
    lost: tuple[Lost, ...] = ()


def expand(directory: Directory, recipients: Sequence[Recipient], limits: Limits) -> Expansion:
    """Where a message to ``recipients`` goes. Nobody gets two copies."""
    if len(recipients) == 1:
        recipient = recipients[0]
        residence = directory.resolve(recipient.address)
        if type(residence) is Local:
            return Expansion((Copy(residence.account, _delivered_to(recipient, residence), (Leaf(recipient, 0),)),))
    walk = _Walk(directory, limits)
    for index, recipient in enumerate(recipients):
        walk.follow(Leaf(recipient, index))
    return walk.result()


def _delivered_to(recipient: Recipient, residence: Local) -> Address:
    """RFC 9228 section 4: the address of the delivery, with its detail; the account's own spelling without one."""
    return recipient.address if residence.detail else residence.address


class _Walk:
    """One expansion in progress. Iterative: what an alias says costs time, never stack."""

    __slots__ = ("_copies", "_directory", "_expanded", "_limits", "_lost", "_onward")

    def __init__(self, directory: Directory, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits
        self._copies: dict[AccountId, tuple[Address, list[Leaf]]] = {}
        self._onward: dict[Address, Leaf] = {}
        self._expanded: list[Leaf] = []
        self._lost: list[Lost] = []

    def follow(self, start: Leaf) -> None:
        """Everything that one recipient of the envelope stands for."""
        waiting = [(start, 0)]
        seen: set[str] = set()
        found = 0
        left = self._limits.alias_expansion
        while waiting:
            leaf, depth = waiting.pop()
            residence = self._directory.resolve(leaf.recipient.address)
            if isinstance(residence, Alias):
                key = leaf.recipient.address.key
                if key in seen:
                    continue
                seen.add(key)
                left -= len(residence.targets)
                if left < 0 or depth >= self._limits.alias_depth:  # L23
                    self._lost.append(Lost(leaf, TOO_MANY if left < 0 else LOOP))
                    found += 1
                else:
                    waiting += [(target, depth + 1) for target in self._targets(leaf, residence)]
            else:
                found += 1
                self._arrive(leaf, residence)
        if not found:
            self._lost.append(Lost(start, LOOP))

    def _targets(self, leaf: Leaf, alias: Alias) -> list[Leaf]:
        given = leaf.recipient
        notify = given.notify
        if len(alias.targets) > 1 and notify is not None and Notify.SUCCESS in notify:  # RFC 3461 section 5.2.7.3 (c)
            self._expanded.append(leaf)
            notify &= ~Notify.SUCCESS
        original = given.original or as_original(given.address)
        return [Leaf(Recipient(target, notify, original), leaf.index) for target in reversed(alias.targets)]

    def _arrive(self, leaf: Leaf, residence: Local | Unknown | Foreign) -> None:
        if isinstance(residence, Local):
            address = _delivered_to(leaf.recipient, residence)
            self._copies.setdefault(residence.account, (address, []))[1].append(leaf)
        elif isinstance(residence, Foreign):
            self._onward.setdefault(leaf.recipient.address, leaf)
        else:
            self._lost.append(Lost(leaf, NOBODY))

    def result(self) -> Expansion:
        return Expansion(
            tuple(Copy(account, address, tuple(leaves)) for account, (address, leaves) in self._copies.items()),
            tuple(self._onward.values()),
            tuple(self._expanded),
            tuple(self._lost),
        )


def as_original(address: Address) -> OriginalRecipient:
    """RFC 3461 section 5.2.1 (d): an ORCPT of ours names the address from the RCPT command."""
    return OriginalRecipient("utf-8" if address.needs_utf8 else "rfc822", str(address))
