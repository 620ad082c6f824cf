"""Whose address is this? One answer for every door, from a copy that each process has.

Lookups are synchronous: a door asks for each RCPT. Whoever was asked for
lately, and that there is nobody of a name, costs a dictionary access, all others
a look into a file (``storage.register``): so a million accounts take a few MiB of memory.
The store says what was changed since an epoch, and only that is read again;
what is remembered is forgotten at each change, so no transaction sees half of one.

Rules, in this order: the address itself; the address without its subaddress
(RFC 5233); the reserved mailbox postmaster (RFC 5321 section 4.5.1); the
catch-all of the domain. A disabled account still receives: it may not log in,
but mail for it was addressed well.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from copy import copy
from typing import Final, TypeVar

import msgspec

from posthouse.admd.standing import GOOD, Standing, Standings, read_standing, read_standings
from posthouse.lib.ports import Clock
from posthouse.mail.address import Address, fold
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage import directory as kept
from posthouse.storage.directory import AccountRow, AliasRow, DirectoryDelta, DomainRow
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.register import Entry, Register, RegisterFull

Key = TypeVar("Key")
Value = TypeVar("Value")

SEPARATOR = "+"
"""Between the mailbox and its detail (RFC 5233 section 1)."""

MAX_OWNERSHIP_STEPS = 1000
"""L23: how many aliases are followed to find out whether somebody may write in the name of an address."""

RETRY_SECONDS = 1.0

MOST_REMEMBERED: Final = 20_000
"""Addresses, and accounts, that cost no look into the register: about 20 MiB."""


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


class _Person(msgspec.Struct, frozen=True, array_like=True, tag="account"):
    """As the register keeps it."""

    row: AccountRow
    standing: Standing


class _Others(msgspec.Struct, frozen=True, array_like=True, tag="alias"):
    row: AliasRow


_parse = msgspec.msgpack.Decoder(_Person | _Others).decode
_format = msgspec.msgpack.Encoder().encode


def _entries(news: kept.Directory, standings: Standings) -> Iterator[Entry]:
    for alias in news.aliases:
        yield Entry(stored_address(alias.address).key, None, _format(_Others(alias)))
    for account in news.accounts:
        standing = standings.get(account.account, GOOD)
        row = msgspec.structs.replace(account, generation=standing.generation) if standing.generation else account
        yield Entry(stored_address(row.address).key, row.account, _format(_Person(row, standing)), int(row.admin))


class Directory:
    """What ``storage.directory.Directory`` says, asked by key; ``follow`` keeps it true."""

    __slots__ = (
        "_admins",
        "_catch_all",
        "_domains",
        "_is_read",
        "_people",
        "_register",
        "_residences",
        "changed",
        "domains",
        "epoch",
        "hostname",
        "primary",
    )

    def __init__(
        self, snapshot: kept.Directory | None = None, *, hostname: str = "", register: Register | None = None
    ) -> None:
        self.hostname = hostname.lower()
        """Our own name, where our reports come from: postmaster lives there too, and nobody else."""
        self.changed: Callable[[Collection[AccountId] | None], None] = _nothing
        """Called after each update with the accounts it was about; None: it may have been about any."""
        self._register = register or Register()
        self._is_read = False
        self.update(snapshot or kept.Directory(0, (), (), ()))

    def update(self, snapshot: kept.Directory, standings: Standings | None = None) -> None:
        """Replace everything known by ``snapshot``, and by ``standings`` what is said of its accounts."""
        register = self._register.fresh()
        register.fill(_entries(snapshot, standings or {}))
        register.seal()
        self._replace(register, snapshot.epoch, snapshot.domains)

    def _replace(self, register: Register, epoch: int, domains: Sequence[DomainRow]) -> None:
        self._register.close()
        self._register = register
        self._begin(epoch, domains, None)

    def _begin(self, epoch: int, domains: Sequence[DomainRow], accounts: Collection[AccountId] | None) -> None:
        """What is said from now on is of ``epoch``."""
        rows = sorted(domains, key=lambda row: (row.created_at, row.name))
        self.epoch = epoch
        self.primary = rows[0].name if rows else ""
        """The domain a name without one belongs to: the first that was made."""
        self._domains = {row.name: row for row in rows}
        self.domains: tuple[str, ...] = tuple(self._domains)
        """The same object until something changes."""
        self._catch_all = {row.name: stored_address(row.catch_all) for row in rows if row.catch_all}
        self._residences: dict[str, Local | Alias | None] = {}
        self._people: dict[AccountId, _Person | None] = {}
        admins = map(_parse, self._register.marked())
        self._admins = tuple([stored_address(one.row.address) for one in admins])
        self.changed(accounts)

    # -- what is known of a key; what was asked lately is remembered, also that there is nobody

    def _residence(self, key: str) -> Local | Alias | None:
        try:
            return self._residences[key]
        except KeyError:
            return _remember(self._residences, key, self._look_up(key))

    def _look_up(self, key: str) -> Local | Alias | None:
        octets = self._register.named(key)
        if octets is None:
            return None
        found = _parse(octets)
        if isinstance(found, _Person):
            return Local(found.row.account, stored_address(found.row.address))
        return _alias(found.row)

    def _person(self, account: AccountId) -> _Person | None:
        try:
            return self._people[account]
        except KeyError:
            octets = self._register.numbered(account)
            found = _parse(octets) if octets is not None else None
            return _remember(self._people, account, found if isinstance(found, _Person) else None)

    def supposing(self, row: AliasRow) -> "Directory":
        """Who we would be with ``row``; to be asked at once, and never refreshed."""
        other = copy(self)
        other._residences = {stored_address(row.address).key: _alias(row)}  # noqa: SLF001 - it is one of us
        return other

    def domain(self, name: str) -> DomainRow | None:
        return self._domains.get(name)

    @property
    def admins(self) -> tuple[Address, ...]:
        """Who may administer the server."""
        return self._admins

    def standing(self, account: AccountId) -> Standing:
        """What is said of the account beside its row."""
        found = self._person(account)
        return found.standing if found is not None else GOOD

    def holder(self, address: Address) -> Local | Alias | None:
        """The account or alias of this very address; not who answers for it."""
        return self._residence(address.key)

    def resolve(self, address: Address) -> Residence:
        """Where mail for ``address`` goes."""
        domain = address.domain
        local = address.local
        if domain not in self._domains:
            return self._without_domain(address) if not domain or domain == self.hostname else Foreign(address)
        found = self._residence(f"{fold(local)}@{domain}")
        if found is not None:
            return found
        name, separator, detail = local.partition(SEPARATOR)
        if separator and name:
            found = self._residence(f"{fold(name)}@{domain}")
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
        primary = self._residence(f"postmaster@{self.primary}")
        if primary is not None:
            return primary
        return Alias(address, self._admins) if self._admins else Unknown(address)

    def is_local_domain(self, domain: str) -> bool:
        return domain in self._domains

    def account(self, account: AccountId) -> AccountRow | None:
        """The account as it is now, or None when it is gone."""
        found = self._person(account)
        return found.row if found is not None else None

    def login(self, user: str) -> AccountRow | None:
        """The account that logs in as ``user``."""
        found = self._residence(self.login_name(user))
        return self.account(found.account) if isinstance(found, Local) else None

    def login_afresh(self, user: str) -> AccountRow | None:
        """As ``login``, at the price of two looks into the register for every name: who was asked for lately is found
        no faster than who was not, or is not there (threat A04).
        """
        found = self._look_up(self.login_name(user))
        octets = self._register.numbered(found.account if isinstance(found, Local) else AccountId(0))
        person = _parse(octets) if octets is not None else None
        return person.row if isinstance(person, _Person) else None

    def login_name(self, user: str) -> str:
        """The one spelling of ``user``, whether there is such an account or not: the domain may be left out if it is
        the only one, and neither part minds its case.
        """
        if "@" not in user and len(self._domains) == 1:
            user = f"{user}@{self.primary}"
        local, _, domain = user.rpartition("@")
        return f"{fold(local)}@{domain.lower()}"

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
        """Know what the store knew when this began. Who read it earlier and is done later changes nothing any more."""
        while True:
            since = self.epoch
            delta = await store.directory_since(since) if self._is_read else None
            if delta is None:
                if await self._read_all(store):
                    return
                continue
            standings = {row.account: await read_standing(store, row.account) for row in delta.news.accounts}
            if self.epoch == since:
                if delta.news.epoch > since and not self._change(delta, standings):
                    continue
                return

    async def _read_all(self, store: Store) -> bool:
        """Whether nothing was changed meanwhile. A disk that is full is no reason to know nobody."""
        try:
            return await self._read_into(self._register.fresh(), store)
        except RegisterFull:
            return await self._read_into(Register(), store)

    async def _read_into(self, register: Register, store: Store) -> bool:
        """Page by page."""
        begun, epoch = -1, -1
        domains: Sequence[DomainRow] = ()
        standings: Standings = {}
        try:
            async for page in store.directory_pages():
                epoch = page.epoch
                if begun < 0:  # what is said from here on is of a later epoch, and read again
                    begun, domains, standings = epoch, page.domains, await read_standings(store)
                register.fill(_entries(page, standings))
            register.seal()
        except BaseException:
            register.close()
            raise
        if begun < self.epoch:
            register.close()
            return True
        self._is_read = True
        self._replace(register, begun, domains)
        return begun == epoch

    def _change(self, delta: DirectoryDelta, standings: Standings) -> bool:
        """False: there is no room for it, and all must be read anew."""
        news = delta.news
        gone = [stored_address(address).key for address in delta.withdrawn]
        try:
            self._register.change(list(_entries(news, standings)), delta.closed, gone)
        except RegisterFull:
            self._is_read = False
            return False
        self._begin(news.epoch, news.domains, {*delta.closed, *(row.account for row in news.accounts)})
        return True

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


def _alias(row: AliasRow) -> Alias:
    return Alias(stored_address(row.address), tuple([stored_address(target) for target in row.targets]))


def _remember(table: dict[Key, Value], key: Key, value: Value) -> Value:
    """The one that was asked first makes room."""
    if len(table) >= MOST_REMEMBERED:
        del table[next(iter(table))]
    table[key] = value
    return value


def _nothing(_accounts: Collection[AccountId] | None) -> None: ...
