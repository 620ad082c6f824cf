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
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql import turns
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.paging import BY_NUMBER, Order, Place, population, target_pattern
from posthouse.storage.sqlite.late import with_use
from posthouse.storage.sqlite.mailboxes import make_mailbox, subscribe
from posthouse.storage.sqlite.readers import Snapshot, pack
from posthouse.storage.sqlite.tx import Row, Tx

_render = SQLITE.render
PUT_DOMAIN = _render(sql.PUT_DOMAIN)
DOMAIN_EXISTS = _render(sql.DOMAIN_EXISTS)
DOMAIN_USERS = _render(sql.DOMAIN_USERS)
REMOVE_DOMAIN = _render(sql.REMOVE_DOMAIN)
ADDRESS_TAKEN = _render(sql.ADDRESS_TAKEN)
ACCOUNT_ADDRESS = _render(sql.ACCOUNT_ADDRESS)
ADD_ACCOUNT = _render(sql.ADD_ACCOUNT)
ADD_TALLY = _render(sql.ADD_TALLY)
READ_ACCOUNT = _render(sql.READ_ACCOUNT)
CHANGE_ACCOUNT = _render(sql.CHANGE_ACCOUNT)
PUT_ALIAS = _render(sql.PUT_ALIAS)
REMOVE_ALIAS = _render(sql.REMOVE_ALIAS)
_, *REMOVE_ACCOUNT = map(_render, sql.REMOVE_ACCOUNT)
LETTERS_OF = pack(_render("SELECT DISTINCT letter_no FROM message WHERE account_id = $1"), 1)
END_LETTERS = "DELETE FROM letter WHERE letter_no IN (SELECT json_extract(value, '$[0]') FROM json_each(?1))"
"""In the place of the first of these: here letters go after the messages that refer to them."""
ACCOUNT_BLOBS_MAY_BE_ORPHANS = _render(sql.ACCOUNT_BLOBS_MAY_BE_ORPHANS)
PUT_THING = _render(sql.PUT_THING)
PUT_ABSENT_THING = _render(sql.PUT_ABSENT_THING)
GET_THING = _render(sql.GET_THING)
PUT_NOTE = _render(sql.PUT_NOTE)
ONE_ACCOUNT = _render(with_use(sql.ONE_ACCOUNT))
ACCOUNTS = _render(with_use(sql.ACCOUNTS))
ALIASES_LIKE = _render(sql.ALIASES_LIKE)
ONE_ALIAS = _render(sql.ONE_ALIAS)
TURNS = _render(sql.TURNS)
FORGET_TURNS = _render(sql.FORGET_TURNS)
EPOCH = turns.EPOCH


def read_directory(snapshot: Snapshot) -> Directory:
    return Directory(
        epoch=_epoch(snapshot),
        domains=tuple(DomainRow(*row) for row in snapshot.rows(sql.DOMAINS)),
        accounts=tuple(_account(row) for row in snapshot.rows(ACCOUNTS)),
        aliases=tuple(_alias(row) for row in snapshot.rows(sql.ALIASES)),
    )


def read_page(snapshot: Snapshot, order: Order, behind: Place) -> Directory:
    """Accounts behind a place; with the first of them, all domains.

    By number they are read by each process that starts, and what is used is what their rows say: to know it to the last
    message takes a page of each mailbox.
    """
    domains = tuple(DomainRow(*row) for row in snapshot.rows(sql.DOMAINS)) if behind == order.first else ()
    statement = order.accounts if order is BY_NUMBER else with_use(order.accounts)
    accounts = tuple(_account(row) for row in snapshot.rows(_render(statement), *behind, turns.PAGE))
    return Directory(_epoch(snapshot), domains, accounts, ())


def read_alias_page(snapshot: Snapshot, order: Order, behind: Place) -> Directory:
    aliases = tuple(_alias(row) for row in snapshot.rows(_render(order.aliases), *behind, turns.PAGE))
    return Directory(_epoch(snapshot), (), (), aliases)


def read_population(snapshot: Snapshot) -> Mapping[str, Population]:
    return population(snapshot.rows(sql.ACCOUNTS_OF_DOMAINS), snapshot.rows(sql.ALIASES_OF_DOMAINS))


def read_accounts(snapshot: Snapshot, numbers: Sequence[AccountId]) -> list[AccountRow]:
    """Those of ``numbers`` that are there."""
    found = [snapshot.row(ONE_ACCOUNT, number) for number in numbers]
    return [_account(row) for row in found if row is not None]


def read_aliases_to(snapshot: Snapshot, address: str) -> list[AliasRow]:
    aliases = [_alias(row) for row in snapshot.rows(ALIASES_LIKE, target_pattern(address))]
    return [alias for alias in aliases if address in alias.targets]


def read_since(snapshot: Snapshot, since: int) -> DirectoryDelta | None:
    epoch = _epoch(snapshot)
    changed = turns.parse_turns(snapshot.rows(TURNS, turns.KIND, turns.format_turn(since)), since, epoch)
    if changed is None:
        return None
    accounts = {number: snapshot.row(ONE_ACCOUNT, number) for number in changed[0]}
    aliases = {address: snapshot.row(ONE_ALIAS, address) for address in changed[1]}
    news = Directory(
        epoch,
        tuple(DomainRow(*row) for row in snapshot.rows(sql.DOMAINS)),
        tuple(_account(row) for row in accounts.values() if row is not None),
        tuple(_alias(row) for row in aliases.values() if row is not None),
    )
    closed = tuple(number for number, row in accounts.items() if row is None)
    return DirectoryDelta(news, closed, tuple(address for address, row in aliases.items() if row is None))


def _epoch(snapshot: Snapshot) -> int:
    row = snapshot.row(GET_THING, EPOCH)
    return int(row[0]) if row else 0


def _alias(row: Row) -> AliasRow:
    return AliasRow(row[0], msgspec.json.decode(row[1], type=tuple[str, ...]), row[2])


def _account(row: Row) -> AccountRow:
    account, address, name, verifiers, quota, used, admin, enabled, created_at = row
    decoded = msgspec.json.decode(verifiers, type=tuple[str, ...])
    return AccountRow(AccountId(account), address, name, decoded, quota, used, bool(admin), bool(enabled), created_at)


def _text(values: Sequence[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _turn_epoch(tx: Tx, kind: str, name: object) -> None:
    """Because of the thing of this kind and name."""
    row = tx.row(GET_THING, EPOCH)
    epoch = int(row[0]) + 1 if row else 1
    tx.execute(PUT_THING, (EPOCH, b"%d" % epoch))
    tx.execute(PUT_NOTE, (turns.KIND, turns.format_turn(epoch), turns.format_subject(kind, name), 0, 0))
    tx.execute(FORGET_TURNS, (turns.KIND, turns.format_turn(max(0, epoch - turns.KEPT))))
    tx.directory_changed = True


def put_domain(tx: Tx, domain: DomainRow) -> None:
    tx.execute(PUT_DOMAIN, (domain.name, domain.catch_all, domain.created_at))
    _turn_epoch(tx, turns.DOMAIN, domain.name)


def remove_domain(tx: Tx, name: str) -> None:
    if tx.row(DOMAIN_EXISTS, name) is None:
        raise Missing(name)
    user = tx.row(DOMAIN_USERS, name)
    if user is not None:
        raise Conflict(f"{name} is used by {user[0]}")
    tx.execute(REMOVE_DOMAIN, (name,))
    _turn_epoch(tx, turns.DOMAIN, name)


def create_account(
    tx: Tx, address: str, name: str, verifiers: Sequence[str], quota: int, admin: bool, at: int
) -> AccountId:
    if tx.row(ADDRESS_TAKEN, address) is not None:
        raise Conflict(address)
    account = _new_number(tx)
    domain = address.rpartition("@")[2]
    tx.execute(ADD_ACCOUNT, (account, address, domain, name, _text(verifiers), admin, at))
    tx.execute(ADD_TALLY, (account, quota))
    for role in USER_ROLES:
        make_mailbox(tx, account, role.value, role, at)
        subscribe(tx, account, role.value, wanted=True)
    _turn_epoch(tx, turns.ACCOUNT, account)
    return account


def _new_number(tx: Tx) -> AccountId:
    """One that no account ever had: what is noted about somebody who went must never be said of another one."""
    row = tx.row(GET_THING, sql.ACCOUNTS_MADE)
    number = max(tx.number("account", "account_id"), int(row[0]) + 1 if row else 1)
    tx.numbers["account"] = number
    tx.execute(PUT_THING, (sql.ACCOUNTS_MADE, b"%d" % number))
    return AccountId(number)


def change_account(tx: Tx, account: AccountId, change: AccountChange) -> None:
    row = tx.row(READ_ACCOUNT, account)
    if row is None:
        raise Missing(f"account {account}")
    name, verifiers, admin, enabled = row
    tx.execute(
        CHANGE_ACCOUNT,
        (
            account,
            change.get("name", name),
            _text(change["verifiers"]) if "verifiers" in change else verifiers,
            change.get("admin", admin),
            change.get("enabled", enabled),
        ),
    )
    if "quota" in change:
        tx.tally(account).quota = change["quota"]
    _turn_epoch(tx, turns.ACCOUNT, account)


def remove_account(tx: Tx, account: AccountId) -> None:
    if tx.row(READ_ACCOUNT, account) is None:
        raise Missing(f"account {account}")
    tx.flush()
    tx.execute(ACCOUNT_BLOBS_MAY_BE_ORPHANS, (account,))
    letters = tx.rows(LETTERS_OF, account)[0][0]
    for statement in REMOVE_ACCOUNT:
        tx.execute(statement, (account,))
    tx.execute(END_LETTERS, (letters,))
    tx.forget()
    tx.changed.add(account)
    _turn_epoch(tx, turns.ACCOUNT, account)


def put_alias(tx: Tx, alias: AliasRow) -> None:
    if tx.row(ACCOUNT_ADDRESS, alias.address) is not None:
        raise Conflict(alias.address)
    domain = alias.address.rpartition("@")[2]
    tx.execute(PUT_ALIAS, (alias.address, domain, _text(alias.targets), alias.created_at))
    _turn_epoch(tx, turns.ALIAS, alias.address)


def remove_alias(tx: Tx, address: str) -> None:
    if tx.row(REMOVE_ALIAS, address) is None:
        raise Missing(address)
    _turn_epoch(tx, turns.ALIAS, address)


def put_thing(tx: Tx, name: str, value: bytes) -> None:
    tx.execute(PUT_THING, (name, value))


def agree(tx: Tx, name: str, value: bytes) -> bytes:
    """What ``name`` is now: ``value``, unless it was something."""
    tx.execute(PUT_ABSENT_THING, (name, value))
    row = tx.row(GET_THING, name)
    return value if row is None else bytes(row[0])
