"""Whose address is this? One answer for every door, from a snapshot in memory.

Lookups are synchronous and cost a dictionary access: a door asks for each
RCPT. A change in the store replaces the whole index at once, so a transaction
never sees half of it.

Rules, in this order: the address itself; the address without its subaddress
(RFC 5233); the reserved mailbox postmaster (RFC 5321 section 4.5.1); the
catch-all of the domain. A disabled account still receives: it may not log in,
but mail for it was addressed well.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from posthouse.admd.standing import GOOD, Standing, Standings, read_standings
from posthouse.lib.ports import Clock
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage import ports
from posthouse.storage.ports import AccountRow, StorageError, Store

SEPARATOR = "+"
"""Between the mailbox and its detail (RFC 5233 section 1)."""

MAX_OWNERSHIP_STEPS = 1000
"""L23: how many aliases are followed to find out whether somebody may write in the name of an address."""

RETRY_SECONDS = 1.0


class Local(msgspec.Struct, frozen=True):
    """A mailbox of ours. ``address`` is the account's own; ``detail`` what stood behind the separator."""

    account: AccountId
    address: Address
    detail: str = ""


class Alias(msgspec.Struct, frozen=True):
    """An address of ours that stands for others; to be resolved in their turn (``posthouse.mda.expand``)."""

    address: Address
    targets: tuple[Address, ...]


class Unknown(msgspec.Struct, frozen=True):
    """A domain of ours, but nobody there has this name."""

    address: Address


class Foreign(msgspec.Struct, frozen=True):
    """Not a domain of ours."""

    address: Address


Residence = Local | Alias | Unknown | Foreign


def stored_address(text: str) -> Address:
    """The ``Address`` that was written into the store as ``str(address)``."""
    local, at, domain = text.rpartition("@")
    if not at:
        local, domain = text, ""
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        local = local[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return Address(local, domain.lower())


class Directory:
    """The index of one ``storage.ports.Directory``; ``follow`` keeps it true."""

    __slots__ = (
        "_accounts",
        "_admins",
        "_catch_all",
        "_domains",
        "_index",
        "_logins",
        "_standings",
        "changed",
        "domains",
        "epoch",
        "hostname",
        "primary",
    )

    def __init__(self, snapshot: ports.Directory | None = None, *, hostname: str = "") -> None:
        self.hostname = hostname.lower()
        """Our own name, where our reports come from: postmaster lives there too, and nobody else."""
        self.changed: Callable[[], None] = _nothing
        """Called after each update."""
        self.update(snapshot or ports.Directory(0, (), (), ()))

    def update(self, snapshot: ports.Directory, standings: Standings | None = None) -> None:
        """Replace everything known by ``snapshot``, and by ``standings`` what is said of its accounts."""
        self._standings: Mapping[AccountId, Standing] = standings or {}
        if standings:
            snapshot = msgspec.structs.replace(snapshot, accounts=tuple(map(self._of_today, snapshot.accounts)))
        index: dict[str, Local | Alias] = {}
        for alias in snapshot.aliases:
            address = stored_address(alias.address)
            index[address.key] = Alias(address, tuple(stored_address(target) for target in alias.targets))
        for account in snapshot.accounts:
            address = stored_address(account.address)
            index[address.key] = Local(account.account, address)
        domains = sorted(snapshot.domains, key=lambda row: (row.created_at, row.name))
        self.epoch = snapshot.epoch
        self.primary = domains[0].name if domains else ""
        """The domain a name without one belongs to: the first that was made."""
        self._index = index
        self._domains = {row.name: row for row in domains}
        self.domains: tuple[str, ...] = tuple(self._domains)
        """The same object until something changes."""
        self._catch_all = {row.name: stored_address(row.catch_all) for row in domains if row.catch_all}
        self._accounts = {account.account: account for account in snapshot.accounts}
        self._logins = {stored_address(account.address).key: account for account in snapshot.accounts}
        self._admins = tuple(
            stored_address(account.address)
            for account in sorted(snapshot.accounts, key=lambda row: (not row.admin, row.account))
            if account.admin
        )
        self.changed()

    def _of_today(self, account: AccountRow) -> AccountRow:
        generation = self.standing(account.account).generation
        return msgspec.structs.replace(account, generation=generation) if generation else account

    @property
    def admins(self) -> tuple[Address, ...]:
        """Who may administer the server."""
        return self._admins

    def standing(self, account: AccountId) -> Standing:
        """What is said of the account beside its row."""
        return self._standings.get(account, GOOD)

    def resolve(self, address: Address) -> Residence:
        """Where mail for ``address`` goes."""
        domain = address.domain
        local = address.local
        # Most mail is for a mailbox under its plain name; str.lower is what casefold gives for ASCII, and faster.
        key = f"{local.lower() if local.isascii() else local.casefold()}@{domain}"
        found = self._index.get(key)
        if found is not None:
            return found
        if domain not in self._domains:
            return self._without_domain(address) if not domain or domain == self.hostname else Foreign(address)
        name, separator, detail = local.partition(SEPARATOR)
        if separator and name:
            found = self._index.get(f"{name.casefold()}@{domain}")
            if isinstance(found, Local):
                return Local(found.account, found.address, detail)
            if found is not None:
                return Alias(address, found.targets)
        if name.lower() == "postmaster":
            return self._postmaster(address)
        catch_all = self._catch_all.get(domain)
        return Alias(address, (catch_all,)) if catch_all is not None else Unknown(address)

    def _without_domain(self, address: Address) -> Residence:
        """RFC 5321 section 4.1.1.3: ``<postmaster>`` needs no domain; that of the host itself is no other."""
        if address.local.lower() != "postmaster":
            return Foreign(address)
        if not self.primary:
            return Unknown(address)
        return self.resolve(Address("postmaster", self.primary))

    def _postmaster(self, address: Address) -> Residence:
        """RFC 5321 section 4.5.1: postmaster is somebody, in every domain we serve, whatever was configured."""
        primary = self._index.get(f"postmaster@{self.primary}")
        if primary is not None:
            return primary
        return Alias(address, self._admins) if self._admins else Unknown(address)

    def is_local_domain(self, domain: str) -> bool:
        return domain in self._domains

    def account(self, account: AccountId) -> AccountRow | None:
        """The account as it is now, or None when it is gone."""
        return self._accounts.get(account)

    def login(self, user: str) -> AccountRow | None:
        """The account that logs in as ``user``."""
        return self._logins.get(self.login_name(user))

    def login_name(self, user: str) -> str:
        """The one spelling of ``user``, whether there is such an account or not: the domain may be left out if it is
        the only one, and neither part minds its case.
        """
        if "@" not in user and len(self._domains) == 1:
            user = f"{user}@{self.primary}"
        local, _, domain = user.rpartition("@")
        return f"{local.casefold()}@{domain.lower()}"

    def owns(self, account: AccountId, address: Address) -> bool:
        """Whether mail for ``address`` reaches ``account``, who may then write in its name (RFC 6409 section 6.1).

        Or the account was granted the whole domain: the smarthost of an office that has users of its own.
        """
        if address.domain in self.standing(account).grants:
            return True
        waiting = [address]
        seen: set[str] = set()
        while waiting and len(seen) < MAX_OWNERSHIP_STEPS:
            residence = self.resolve(waiting.pop())
            if isinstance(residence, Local):
                if residence.account == account:
                    return True
            elif isinstance(residence, Alias) and residence.address.key not in seen:
                seen.add(residence.address.key)
                waiting.extend(residence.targets[:MAX_OWNERSHIP_STEPS])
        return False

    async def refresh(self, store: Store) -> None:
        """Read the store once. Who read it earlier and is done later changes nothing any more."""
        snapshot = await store.directory()  # first: what is said later is of a later epoch, and read again
        standings = await read_standings(store)
        if snapshot.epoch >= self.epoch:
            self.update(snapshot, standings)

    async def follow(self, store: Store, *, clock: Clock, journal: Journal) -> None:
        """Stay true to the store until cancelled. What is known stays in force while the store cannot be read."""
        changed = asyncio.Event()
        unwatch = store.watch_directory(changed.set)
        try:
            while True:
                changed.clear()
                started = clock.monotonic()
                try:
                    await self.refresh(store)
                except StorageError as error:
                    journal.note("directory.unreadable", Level.ALARM, reason=str(error), at=started)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                await changed.wait()
        finally:
            unwatch()


def _nothing() -> None: ...
