"""From where the owner of an account logs in: networks that nobody can lock him out of (threats A02, A03, O11).

A good login leaves two notes on the shelf ``known.network``, good for 90 days: of
the very address, and of the network around it (/24, IPv6 /48), each as a keyed
hash with the account, so that the store tells nobody where people live. What is
asked again soon is in memory; a network is looked up only when somebody there
would be turned away.
"""

import asyncio
import hmac
from enum import IntEnum
from ipaddress import ip_address
from typing import Final

from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level
from posthouse.storage.directory import AccountRow
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

KIND: Final = "known.network"
KEPT_SECONDS: Final = 90 * 86400
AGAIN_SECONDS: Final = 86400.0
"""A note is renewed once a day."""
VAIN_SECONDS: Final = 10.0
"""So long we remember that somebody is not known: an attack costs the store no question for each guess."""
MOST: Final = 65536
MOST_WRITING: Final = 1000

_PREFIXES = {4: (32, 24), 6: (64, 48)}


class Kinship(IntEnum):
    """How well an address is known to an account."""

    STRANGE = 0
    NEAR = 1
    """Somebody logged in from the network around it."""
    KNOWN = 2
    """The account logged in from there."""


class Familiar:
    """Where accounts log in from. ``secret`` is that of the store (``admd.secret``)."""

    __slots__ = ("_clock", "_journal", "_secret", "_seen", "_store", "_vain", "_writing")

    def __init__(self, store: Store, secret: bytes, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._secret = secret
        self._clock = clock
        self._journal = journal
        self._seen: Lru[str, float] = Lru(MOST)
        self._vain: Lru[str, tuple[float, Kinship]] = Lru(MOST)
        self._writing: set[asyncio.Task[None]] = set()

    def recall(self, account: AccountRow, address: str) -> Kinship:
        """What memory alone knows."""
        one, around = self._keys(account, address)
        return Kinship.KNOWN if one in self._seen else Kinship.NEAR if around in self._seen else Kinship.STRANGE

    async def kinship(self, account: AccountRow, address: str) -> Kinship:
        """What is known to any node, ever since 90 days ago."""
        one, around = self._keys(account, address)
        now = self._clock.monotonic()
        if one in self._seen:
            return Kinship.KNOWN
        asked = self._vain.get(one)
        if asked is not None and now - asked[0] < VAIN_SECONDS:
            return asked[1]
        try:
            notes = await self._store.notes(KIND, (one, around))
        except StorageError as error:
            self._journal.note("known-network.unread", Level.WARNING, reason=str(error))
            return self.recall(account, address)
        found = {note.key for note in notes}
        kinship = Kinship.KNOWN if one in found else Kinship.NEAR if around in found else Kinship.STRANGE
        self._vain.put(one, (now, kinship))
        return kinship

    def note_login(self, account: AccountRow, address: str) -> None:
        """The account has logged in from there; written beside the road."""
        one, around = self._keys(account, address)
        now = self._clock.monotonic()
        self._vain.drop(one)
        stale = [key for key in (one, around) if now - (self._seen.get(key) or -AGAIN_SECONDS) >= AGAIN_SECONDS]
        if stale and len(self._writing) < MOST_WRITING:
            for key in stale:
                self._seen.put(key, now)
            task = asyncio.get_running_loop().create_task(self._write(stale))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def flush(self) -> None:
        """Returns when all is written."""
        await asyncio.gather(*self._writing)

    async def _write(self, keys: list[str]) -> None:
        at = int(self._clock.now() * 1000)
        try:
            await self._store.put_notes([Note(KIND, key, b"", at, at + KEPT_SECONDS * 1000) for key in keys])
        except StorageError as error:
            self._journal.note("known-network.unwritten", Level.WARNING, reason=str(error))

    def _keys(self, account: AccountRow, address: str) -> tuple[str, str]:
        """Of the address and of what is around it. Another generation knows nothing of the one before."""
        one, around = networks_of(address)
        who = f"known\0{account.account}\0{account.generation}\0"
        return tuple(hmac.digest(self._secret, f"{who}{net}".encode(), "sha256")[:16].hex() for net in (one, around))  # type: ignore[return-value] # two of two


def networks_of(address: str) -> tuple[str, str]:
    """The address itself (IPv6: its /64) and its /24 or /48."""
    try:
        ip = ip_address(address)
    except ValueError:
        return (address, address)
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    bits, number = (32 if ip.version == 4 else 128), int(ip)
    one, around = (f"{ip.version}:{number >> (bits - prefix):x}/{prefix}" for prefix in _PREFIXES[ip.version])
    return (one, around)
