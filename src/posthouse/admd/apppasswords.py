"""Passwords for one mail program each: random, for some doors only, with an end, taken back one by one (threat A09).

An app password has 130 random bits. Nobody finds it by guessing from its digest,
so a keyed fast hash is enough where a password that a person chose needs a slow
one; SCRAM is not offered with it, because that would need a verifier of its own
for each. Kept on the shelf ``app.password``; when one was last used is on the
shelf ``app.used``, written at most once an hour.
"""

import asyncio
import hmac
import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

KIND: Final = "app.password"
USED: Final = "app.used"

SCOPES: Final = ("imap", "pop3", "smtp")
"""What each is good for: a door, or several."""

ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 letters that nobody takes for another one: five bits each."""

MARK: Final = "app"
CHARACTERS: Final = 26
GROUP: Final = 5
MOST: Final = 50
"""Of one account."""

USED_SECONDS: Final = 3600.0
KEPT: Final = 400 * 86400 * 1000


class AppPassword(msgspec.Struct, frozen=True):
    """One of an account. ``digest`` is all that is kept of its secret."""

    account: AccountId
    id: str
    name: str
    scopes: tuple[str, ...]
    digest: bytes
    created_at: int
    expires_at: int = 0
    """0: when it is taken back."""

    @property
    def key(self) -> str:
        return f"{self.account}/{self.id}"


class Use(msgspec.Struct, frozen=True):
    """When and from where one was last used."""

    at: int
    peer: str


def generate_app_password() -> str:
    """A new one, in groups: spaces and hyphens mean nothing when it is typed."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS))
    return "-".join((MARK, *(letters[at : at + GROUP] for at in range(0, CHARACTERS, GROUP))))


def parse_app_password(text: str) -> str | None:
    """The letters of what looks like an app password; None for everything else."""
    if len(text) > 2 * CHARACTERS or text[:3].lower() != MARK:
        return None
    letters = text[3:].replace("-", "").replace(" ", "").lower()
    return letters if len(letters) == CHARACTERS and not letters.strip(ALPHABET) else None


class AppPasswords:
    """Those of all accounts. ``secret`` is that of the store (``admd.secret``)."""

    __slots__ = ("_clock", "_journal", "_secret", "_store", "_used", "_writing")

    def __init__(self, store: Store, secret: bytes, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._secret = secret
        self._clock = clock
        self._journal = journal
        self._used: Lru[str, float] = Lru(10_000)
        self._writing: set[asyncio.Task[None]] = set()

    async def add(
        self, account: AccountId, name: str, scopes: Iterable[str], *, seconds: float | None
    ) -> tuple[AppPassword, str]:
        """**Durable.** A new one and its secret, which is told this once. Raises ``ValueError``."""
        wanted = tuple(sorted(set(scopes)))
        if not wanted or not set(wanted) <= set(SCOPES):
            raise ValueError(f"the scope is some of {', '.join(SCOPES)}")
        if len(await self.of(account)) >= MOST:
            raise ValueError(f"the account has {MOST} app passwords already")
        now, shown = int(self._clock.now() * 1000), generate_app_password()
        digest = self._digest(account, parse_app_password(shown) or "")
        expires_at = now + int(seconds * 1000) if seconds is not None else 0
        made = AppPassword(account, secrets.token_hex(4), name, wanted, digest, now, expires_at)
        await self._store.put_notes((Note(KIND, made.key, msgspec.msgpack.encode(made), now, expires_at),))
        return made, shown

    async def of(self, account: AccountId) -> Sequence[AppPassword]:
        """Those that are good now, the oldest first."""
        now = int(self._clock.now() * 1000)
        notes = await self._store.list_notes(KIND, prefix=f"{account}/", limit=2 * MOST)
        found = [msgspec.msgpack.decode(note.value, type=AppPassword) for note in notes]
        return sorted((one for one in found if not 0 < one.expires_at <= now), key=lambda one: (one.created_at, one.id))

    async def uses(self, passwords: Sequence[AppPassword]) -> dict[str, Use]:
        """By id: when each was last used, those that ever were."""
        notes = await self._store.notes(USED, [one.key for one in passwords])
        return {note.key.partition("/")[2]: Use(note.at, note.value.decode()) for note in notes}

    async def revoke(self, account: AccountId, ids: Iterable[str] | None = None) -> int:
        """**Durable.** Take back those, or all; how many there were."""
        keys = [one.key for one in await self.of(account)] if ids is None else [f"{account}/{one}" for one in ids]
        if not keys:
            return 0
        await self._store.drop_notes(USED, keys)
        return await self._store.drop_notes(KIND, keys)

    async def find(self, account: AccountId | None, letters: str) -> AppPassword | None:
        """The one with these letters; for nobody the same is done in vain (threat A04)."""
        digest = self._digest(account or AccountId(0), letters)
        found = None
        for one in await self.of(account or AccountId(0)):
            if hmac.compare_digest(one.digest, digest):
                found = one
        return found

    def note_use(self, password: AppPassword, peer: str) -> None:
        """It has let somebody in; written beside the road, once an hour."""
        now = self._clock.monotonic()
        last = self._used.get(password.key)
        if last is not None and now - last < USED_SECONDS:
            return
        self._used.put(password.key, now)
        task = asyncio.get_running_loop().create_task(self._write(password, peer))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def flush(self) -> None:
        """Returns when all uses are written."""
        await asyncio.gather(*self._writing)

    async def _write(self, password: AppPassword, peer: str) -> None:
        at = int(self._clock.now() * 1000)
        try:
            await self._store.put_notes((Note(USED, password.key, peer.encode(), at, at + KEPT),))
        except StorageError as error:
            self._journal.note("app-password.unwritten", Level.WARNING, reason=str(error))

    def _digest(self, account: AccountId, letters: str) -> bytes:
        """Bound to the account: a row that is copied to another one is worth nothing."""
        return hmac.digest(self._secret, f"app\0{account}\0{letters}".encode(), "sha256")
