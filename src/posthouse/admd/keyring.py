"""The DKIM keys of our domains: kept sealed on a shelf, used from memory, moved along their lives.

Who signs asks ``keys_of``: a dictionary access, no I/O. All nodes share the
shelf; each reads it again when it has changed something and once a minute.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from posthouse.admd.directory import Directory
from posthouse.admd.keys import (
    DAY,
    KINDS,
    REMEMBERED_DAYS,
    KeyRow,
    Policy,
    State,
    activate,
    advance,
    format_row,
    new_selector,
    parse_row,
    retire,
    shows,
)
from posthouse.admd.vault import Vault, VaultLocked
from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level
from posthouse.standards.dkim.keypair import KeyPair, generate_ed25519, generate_rsa, signing_key
from posthouse.standards.dkim.sign import SigningKey
from posthouse.standards.dns.ports import DnsTrouble, Resolver
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

KIND: Final = "dkim.key"
JOB: Final = "dkim.keys"
PAGE: Final = 500
LEASE_SECONDS: Final = 300
"""Longer than one round takes: a node that dies in it is followed by another."""
TEND_SECONDS: Final = 60.0
MAKERS: Final = {"rsa": generate_rsa, "ed25519": generate_ed25519}

Rows = Mapping[str, Sequence[KeyRow]]


class KeyRing:
    """``vault`` may be locked: then nothing signs, and ``trouble`` says why."""

    __slots__ = (
        "_clock", "_directory", "_journal", "_opened", "_policy", "_rows", "_signing", "_store", "_unseen", "trouble",
        "vault",
    )  # fmt: skip

    def __init__(
        self,
        store: Store,
        directory: Directory,
        vault: Vault,
        *,
        clock: Clock,
        journal: Journal,
        policy: Policy | None = None,
    ) -> None:
        self._store = store
        self._directory = directory
        self.vault = vault
        self._clock = clock
        self._journal = journal
        self._policy = policy or Policy()
        self._rows: Rows = {}
        self._signing: dict[str, tuple[SigningKey, ...]] = {}
        self._opened: dict[tuple[str, str, bytes], SigningKey] = {}
        self._unseen: dict[str, int] = {}
        """Names of active keys whose record the DNS did not show when it was last asked, and since when."""
        self.trouble = ""
        """What keeps mail from being signed that should be, in words for the operator."""

    # -- asked for each message

    def keys_of(self, domain: str) -> tuple[SigningKey, ...]:
        """The keys that sign for ``domain``: only for a domain of ours, only its own (threat A08)."""
        return self._signing.get(domain, ()) if self._directory.is_local_domain(domain) else ()

    def nearest(self, domain: str) -> str:
        """``domain`` or the nearest domain above it that is ours and can sign; empty when there is none.

        For our own reports, which come from the name of the machine: relaxed
        alignment is enough (RFC 9989 section 4.4.1).
        """
        while domain:
            if self.keys_of(domain):
                return domain
            domain = domain.partition(".")[2]
        return ""

    # -- what is there

    def rows(self, domain: str = "") -> list[KeyRow]:
        """All keys, or those of ``domain``, as last read."""
        if domain:
            return list(self._rows.get(domain, ()))
        return [row for rows in self._rows.values() for row in rows]

    async def refresh(self) -> None:
        """Read the shelf, and open what is new on it in a thread."""
        rows: dict[str, list[KeyRow]] = {}
        for row in await self._read():
            rows.setdefault(row.domain, []).append(row)
        active = [row for row in _all(rows) if row.state is State.ACTIVE]
        active.sort(key=lambda row: KINDS.index(row.kind))  # RSA above: some verifiers look no further
        opened = await asyncio.to_thread(self._open, active, self._opened)
        self._rows = rows
        self._opened = opened
        signing: dict[str, tuple[SigningKey, ...]] = {}
        for row in active:
            key = opened.get(_identity(row))
            if key is not None:
                signing[row.domain] = (*signing.get(row.domain, ()), key)
        self._signing = signing
        self._tell(active)

    async def _read(self) -> list[KeyRow]:
        found: list[KeyRow] = []
        after = ""
        while notes := await self._store.list_notes(KIND, after=after, limit=PAGE):
            for note in notes:
                try:
                    found.append(parse_row(note.value))
                except msgspec.MsgspecError:
                    self._journal.note("dkim.unreadable", Level.ALARM, key=note.key)
            after = notes[-1].key
        return found

    def _open(
        self, active: Iterable[KeyRow], known: Mapping[tuple[str, str, bytes], SigningKey]
    ) -> dict[tuple[str, str, bytes], SigningKey]:
        opened: dict[tuple[str, str, bytes], SigningKey] = {}
        for row in active:
            try:
                key = known.get(_identity(row)) or signing_key(
                    row.domain, row.selector, self.vault.open(row.sealed, row.about)
                )
            except (VaultLocked, ValueError):
                continue
            opened[_identity(row)] = key
        return opened

    def _tell(self, active: Sequence[KeyRow]) -> None:
        """Say once that mail goes unsigned."""
        locked = sorted({row.domain for row in active if _identity(row) not in self._opened})
        trouble = ""
        if locked:
            trouble = f"the DKIM keys of {', '.join(locked)} cannot be opened: {self.vault.why or 'the seal is broken'}"
        elif self.vault.is_locked:
            trouble = f"no DKIM key can be made: {self.vault.why}"
        if trouble and trouble != self.trouble:
            self._journal.note("dkim.locked", Level.ALARM, reason=trouble)
        self.trouble = trouble

    # -- changed

    async def make(self, domain: str, kinds: Iterable[str] = ()) -> list[KeyRow]:
        """**Durable.** New keys for ``domain``, not in use yet; made in a thread. Raises ``VaultLocked``."""
        now = self._now
        taken = {row.selector for row in self.rows(domain)}
        made: list[KeyRow] = []
        for kind in kinds or self._policy.kinds:
            pair = await asyncio.to_thread(MAKERS[kind])
            selector = new_selector(kind, taken, now)
            taken.add(selector)
            made.append(self._seal(domain, selector, pair, now))
        await self.write(made)
        return made

    def _seal(self, domain: str, selector: str, pair: KeyPair, now: int) -> KeyRow:
        row = KeyRow(domain, selector, pair.kind, State.MADE, pair.record, now)
        return msgspec.structs.replace(row, sealed=self.vault.seal(pair.der, row.about))

    async def activate(self, domain: str, selectors: Collection[str]) -> Sequence[KeyRow]:
        """**Durable.** The operator's word that these are published: they sign from now on."""
        return await self.write(activate(self.rows(domain), selectors, self._now))

    async def retire(self, domain: str, selectors: Collection[str]) -> Sequence[KeyRow]:
        """**Durable.** They sign no more."""
        chosen = [row for row in self.rows(domain) if row.selector in selectors]
        return await self.write([after for row in chosen if (after := retire(row, self._now)) is not row])

    async def forget(self, domain: str) -> None:
        """**Durable.** The domain is ours no more: nothing of its keys is kept."""
        await self._store.drop_notes(KIND, [_key(row) for row in self.rows(domain)])
        await self.refresh()

    async def forget_locked(self) -> Sequence[KeyRow]:
        """**Durable.** Give up all keys that do not open any more; what they signed can still be verified."""
        lost = [row for row in self.rows() if row.sealed and not self._opens(row)]
        return await self.write([msgspec.structs.replace(retire(row, self._now), sealed=b"") for row in lost])

    def _opens(self, row: KeyRow) -> bool:
        try:
            self.vault.open(row.sealed, row.about)
        except VaultLocked:
            return False
        return True

    async def write(self, rows: Sequence[KeyRow]) -> Sequence[KeyRow]:
        """**Durable.** All or none of ``rows``, then in force here."""
        if rows:
            await self._store.put_notes([_note(row, self._now) for row in rows])
            for row in rows:
                self._journal.note("dkim.key", domain=row.domain, selector=row.selector, state=row.state.value)
        await self.refresh()
        return rows

    # -- moved along

    async def tend(self, resolver: Resolver, owner: str) -> None:
        """One round for all domains: see what the DNS shows, take the next steps. One node does it at a time."""
        await self.refresh()
        held = self._now
        if not await self._hold(owner, held):
            return
        first = await anext(aiter(self._store.directory_pages()))  # read after the keys, which come after it
        ours = {row.name for row in first.domains}
        for domain in sorted(ours):
            if self._now - held > LEASE_SECONDS * 500:  # slow answers of a slow DNS: half of the time is over
                held = self._now
                if not await self._hold(owner, held):
                    return
            await self.tend_domain(domain, resolver)
        for domain in set(self._rows) - ours:
            await self.forget(domain)

    async def _hold(self, owner: str, now: int) -> bool:
        return await self._store.lease(JOB, owner, now, now + LEASE_SECONDS * 1000) is not None

    async def tend_domain(self, domain: str, resolver: Resolver | None) -> None:
        """The same for one domain; without ``resolver`` nothing is looked up."""
        seen = await self._see(domain, resolver) if resolver is not None else set()
        step = advance(self.rows(domain), self._now, self._policy, seen)
        if step.changed:
            await self.write(step.changed)
        if step.wanted and not self.vault.is_locked:
            await self.make(domain, step.wanted)

    async def _see(self, domain: str, resolver: Resolver) -> set[str]:
        """The selectors whose record the DNS shows; of waiting keys always, of active ones to give warning."""
        seen: set[str] = set()
        for row in self.rows(domain):
            if row.state not in {State.MADE, State.ACTIVE}:
                continue
            try:
                records = (await resolver.txt(row.name)).records
            except DnsTrouble:
                continue
            if shows(records, row):
                seen.add(row.selector)
                self._unseen.pop(row.name, None)
            elif row.state is State.ACTIVE and row.name not in self._unseen:
                self._unseen[row.name] = self._now
                self._journal.note("dkim.unpublished", Level.ALARM, domain=domain, name=row.name)
        return seen

    @property
    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def _identity(row: KeyRow) -> tuple[str, str, bytes]:
    return row.domain, row.selector, row.sealed


def _key(row: KeyRow) -> str:
    return f"{row.domain}/{row.selector}"


def _note(row: KeyRow, now: int) -> Note:
    expires_at = row.removed_at + REMEMBERED_DAYS * DAY if row.state is State.REMOVED else 0
    return Note(KIND, _key(row), format_row(row), now, expires_at)


def _all(rows: Mapping[str, Sequence[KeyRow]]) -> Iterable[KeyRow]:
    return (row for among in rows.values() for row in among)
