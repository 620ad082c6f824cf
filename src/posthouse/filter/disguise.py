"""Whether something stands before us and gives all strangers one address of ours (threat A01).

Behind a NAT or a proxy that hides who calls, everybody comes from a private
address. If that is in a network that may relay, the whole world may. A machine
of ours says one name, or a few; the world says many. So it is noticed when
nearly all calls come from one private address under many names: that address
then relays no more, and the postmaster has an alarm.
"""

from collections.abc import Callable
from ipaddress import ip_address

from posthouse.observe.ports import Journal, Level

CALLS = 50
"""Calls that are looked at together."""

SHARE = 0.9
"""Of them, from one private address."""

NAMES = 10
"""And under so many names."""


class Disguise:
    """Counts over a window of calls; ``found`` is told of an address once."""

    __slots__ = ("_calls", "_found", "_journal", "_names", "_private", "hidden", "known")

    def __init__(
        self, journal: Journal, *, known: frozenset[str] = frozenset(), found: Callable[[str], None] | None = None
    ) -> None:
        self._journal = journal
        self._found = found
        self._calls = 0
        self._names: dict[str, tuple[int, set[int]]] = {}
        self._private: dict[str, bool] = {}
        self.known = known
        """Machines of ours that may call under many names."""
        self.hidden: frozenset[str] = frozenset()
        """Addresses behind which the world was seen."""

    def hides(self, address: str) -> bool:
        return address in self.hidden and address not in self.known

    def note(self, address: str, name: str) -> None:
        """Somebody called from there under this name."""
        self._calls += 1
        if self._is_private(address):
            calls, names = self._names.get(address, (0, set()))
            if len(names) < NAMES:
                names.add(hash(name.lower()))
            self._names[address] = (calls + 1, names)
        if self._calls >= CALLS:
            self._look()
            self._calls = 0
            self._names.clear()

    def _look(self) -> None:
        for address, (calls, names) in self._names.items():
            if calls >= SHARE * CALLS and len(names) >= NAMES and address not in self.hidden | self.known:
                self.hidden |= {address}
                self._journal.note(
                    "relay.disguised",
                    Level.ALARM,
                    peer=address,
                    reason="all strangers seem to come from there, through a NAT or proxy: it relays no more",
                )
                if self._found is not None:
                    self._found(address)

    def _is_private(self, address: str) -> bool:
        known = self._private.get(address)
        if known is None:
            try:
                known = ip_address(address).is_private
            except ValueError:
                known = False
            if len(self._private) >= 1000:
                self._private.clear()
            self._private[address] = known
        return known
