"""Who we are: domains, accounts, aliases; and small things with a name."""

from collections.abc import Mapping, Sequence

import msgspec

from posthouse.mail.ids import AccountId
from posthouse.storage.directory import (
    AccountChange,
    AccountRow,
    AliasRow,
    Directory,
    DirectoryDelta,
    DomainRow,
    Population,
)
from posthouse.storage.errors import Conflict, Missing
from posthouse.storage.mailbox import USER_ROLES
from posthouse.storage.postgresql.mailboxes import make_mailbox, subscribe
from posthouse.storage.postgresql.tx import Row, Tx
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql import turns
from posthouse.storage.sql.paging import Order, Place, population, target_pattern

EPOCH = turns.EPOCH
SOME_ACCOUNTS = sql.ANY_ACCOUNTS + " WHERE a.account_id = ANY($1::bigint[]) AND t.account_id = ANY($1::bigint[])"
SOME_ALIASES = sql.ANY_ALIASES + " WHERE address = ANY($1::text[])"
HOLD_EPOCH = "SELECT value FROM thing WHERE name = $1 FOR UPDATE"


async def read_directory(tx: Tx) -> Directory:
    return Directory(
        epoch=await read_epoch(tx),
        domains=tuple([DomainRow(*row) for row in await tx.rows(sql.DOMAINS)]),
        accounts=tuple([_account(row) for row in await tx.rows(sql.ACCOUNTS)]),
        aliases=tuple([_alias(row) for row in await tx.rows(sql.ALIASES)]),
    )


async def read_page(tx: Tx, order: Order, behind: Place) -> Directory:
    """Accounts behind a place; with the first of them, all domains. Read may be what is newer than the epoch."""
    epoch = await read_epoch(tx)
    domains = tuple([DomainRow(*row) for row in await tx.rows(sql.DOMAINS)]) if behind == order.first else ()
    accounts = tuple([_account(row) for row in await tx.rows(order.accounts, *behind, turns.PAGE)])
    return Directory(epoch, domains, accounts, ())


async def read_alias_page(tx: Tx, order: Order, behind: Place) -> Directory:
    epoch = await read_epoch(tx)
    aliases = tuple([_alias(row) for row in await tx.rows(order.aliases, *behind, turns.PAGE)])
    return Directory(epoch, (), (), aliases)


async def read_population(tx: Tx) -> Mapping[str, Population]:
    return population(await tx.rows(sql.ACCOUNTS_OF_DOMAINS), await tx.rows(sql.ALIASES_OF_DOMAINS))


async def read_aliases_to(tx: Tx, address: str) -> list[AliasRow]:
    aliases = [_alias(row) for row in await tx.rows(sql.ALIASES_LIKE, target_pattern(address))]
    return [alias for alias in aliases if address in alias.targets]


async def read_accounts(tx: Tx, accounts: Sequence[AccountId]) -> list[AccountRow]:
    """Those of ``accounts`` that are there."""
    return [_account(row) for row in await tx.rows(SOME_ACCOUNTS, list(accounts))]


async def read_since(tx: Tx, since: int) -> DirectoryDelta | None:
    epoch = await read_epoch(tx)
    changed = turns.parse_turns(await tx.rows(sql.TURNS, turns.KIND, turns.format_turn(since)), since, epoch)
    if changed is None:
        return None
    accounts = await read_accounts(tx, changed[0])
    aliases = [_alias(row) for row in await tx.rows(SOME_ALIASES, changed[1])]
    domains = tuple([DomainRow(*row) for row in await tx.rows(sql.DOMAINS)])
    there, named = {row.account for row in accounts}, {row.address for row in aliases}
    return DirectoryDelta(
        Directory(epoch, domains, tuple(accounts), tuple(aliases)),
        tuple(account for account in changed[0] if account not in there),
        tuple(address for address in changed[1] if address not in named),
    )


def _alias(row: Row) -> AliasRow:
    return AliasRow(row[0], msgspec.json.decode(row[1], type=tuple[str, ...]), row[2])


async def read_epoch(tx: Tx) -> int:
    row = await tx.row(sql.GET_THING, EPOCH)
    return int(row[0]) if row else 0


def _account(row: Row) -> AccountRow:
    account, address, name, verifiers, quota, used, admin, enabled, created_at = row
    decoded = msgspec.json.decode(verifiers, type=tuple[str, ...])
    return AccountRow(AccountId(account), address, name, decoded, quota, used, bool(admin), bool(enabled), created_at)


def _text(values: Sequence[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


async def turn_epoch(tx: Tx) -> None:
    """The first statement of whoever changes the directory: one after the other, whatever the node.

    ``note_turn`` says what it was about.
    """
    row = await tx.row(HOLD_EPOCH, EPOCH)
    tx.epoch = int(row[0]) + 1 if row else 1
    await tx.run(sql.PUT_THING, EPOCH, b"%d" % tx.epoch)


async def note_turn(tx: Tx, kind: str, name: object) -> None:
    subject = turns.format_subject(kind, name)
    await tx.run(sql.PUT_NOTE, turns.KIND, turns.format_turn(tx.epoch), subject, 0, 0)
    await tx.run(sql.FORGET_TURNS, turns.KIND, turns.format_turn(max(0, tx.epoch - turns.KEPT)))


async def put_domain(tx: Tx, domain: DomainRow) -> None:
    await turn_epoch(tx)
    await note_turn(tx, turns.DOMAIN, domain.name)
    await tx.run(sql.PUT_DOMAIN, domain.name, domain.catch_all, domain.created_at)


async def remove_domain(tx: Tx, name: str) -> None:
    await turn_epoch(tx)
    await note_turn(tx, turns.DOMAIN, name)
    if await tx.row(sql.DOMAIN_EXISTS, name) is None:
        raise Missing(name)
    user = await tx.row(sql.DOMAIN_USERS, name)
    if user is not None:
        raise Conflict(f"{name} is used by {user[0]}")
    await tx.run(sql.REMOVE_DOMAIN, name)


async def create_account(
    tx: Tx, address: str, name: str, verifiers: Sequence[str], quota: int, admin: bool, at: int
) -> AccountId:
    await turn_epoch(tx)
    if await tx.row(sql.ADDRESS_TAKEN, address) is not None:
        raise Conflict(address)
    account = AccountId(await tx.number())
    await note_turn(tx, turns.ACCOUNT, account)
    domain = address.rpartition("@")[2]
    await tx.run(sql.ADD_ACCOUNT, account, address, domain, name, _text(verifiers), int(admin), at)
    await tx.run(sql.ADD_TALLY, account, quota)
    for role in USER_ROLES:
        await make_mailbox(tx, account, role.value, role, at)
        await subscribe(tx, account, role.value, wanted=True)
    return account


async def change_account(tx: Tx, account: AccountId, change: AccountChange) -> None:
    await turn_epoch(tx)
    await note_turn(tx, turns.ACCOUNT, account)
    row = await tx.row(sql.READ_ACCOUNT, account)
    if row is None:
        raise Missing(f"account {account}")
    name, verifiers, admin, enabled = row
    await tx.run(
        sql.CHANGE_ACCOUNT,
        account,
        change.get("name", name),
        _text(change["verifiers"]) if "verifiers" in change else verifiers,
        int(change.get("admin", admin)),
        int(change.get("enabled", enabled)),
    )
    if "quota" in change:
        (await tx.tally(account)).quota = change["quota"]


async def remove_account(tx: Tx, account: AccountId) -> None:
    await turn_epoch(tx)
    await note_turn(tx, turns.ACCOUNT, account)
    if await tx.row(sql.READ_ACCOUNT, account) is None:
        raise Missing(f"account {account}")
    await tx.tally(account)
    await tx.run(sql.ACCOUNT_BLOBS_MAY_BE_ORPHANS, account)
    for statement in sql.REMOVE_ACCOUNT:
        await tx.run(statement, account)
    tx.forget()
    tx.changed.add(account)


async def put_alias(tx: Tx, alias: AliasRow) -> None:
    await turn_epoch(tx)
    await note_turn(tx, turns.ALIAS, alias.address)
    if await tx.row(sql.ACCOUNT_ADDRESS, alias.address) is not None:
        raise Conflict(alias.address)
    domain = alias.address.rpartition("@")[2]
    await tx.run(sql.PUT_ALIAS, alias.address, domain, _text(alias.targets), alias.created_at)


async def remove_alias(tx: Tx, address: str) -> None:
    await turn_epoch(tx)
    await note_turn(tx, turns.ALIAS, address)
    if await tx.row(sql.REMOVE_ALIAS, address) is None:
        raise Missing(address)


async def put_thing(tx: Tx, name: str, value: bytes) -> None:
    await tx.run(sql.PUT_THING, name, value)


async def agree(tx: Tx, name: str, value: bytes) -> bytes:
    """What ``name`` is now: ``value``, unless it was something. Who comes second waits for the first."""
    await tx.run(sql.PUT_ABSENT_THING, name, value)
    row = await tx.row(sql.GET_THING, name)
    return value if row is None else bytes(row[0])
