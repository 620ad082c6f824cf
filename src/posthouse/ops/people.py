"""Domains and accounts: who we are, changed."""

import asyncio
from collections.abc import AsyncIterator

from posthouse.admd.apppasswords import AppPasswords
from posthouse.admd.credentials import make_verifiers
from posthouse.admd.directory import Directory as People
from posthouse.admd.directory import Local
from posthouse.admd.passwords import generate_password, judge_password
from posthouse.admd.standing import (
    WEAK,
    Standing,
    end_sessions,
    forget_standing,
    note_standing,
    read_standing,
)
from posthouse.mail.address import Address
from posthouse.observe.ports import Quiet
from posthouse.ops.arguments import Arguments, to_address
from posthouse.ops.house import CannotDo, House, Row
from posthouse.storage.directory import AccountRow, DomainRow, Population

DEFAULT_QUOTA = 10 * 1024**3
MAX_QUOTA = 2**53
NOBODY = Population()

Rows = AsyncIterator[Row]


# -- domains -----------------------------------------------------------------------------------


async def add_domain(house: House, arguments: Arguments) -> Rows:
    """A domain that is there keeps its catch-all, unless another is given, or none in so many words."""
    name = arguments.domain("name")
    old = (await known(house)).domain(name)
    catch_all = arguments.text("catch_all", old.catch_all if old is not None else "")
    arguments.finish()
    target = str(to_address(catch_all)) if catch_all else ""
    created_at = old.created_at if old is not None else house.now
    await house.store.put_domain(DomainRow(name, target, created_at))
    if old is None and house.keys is not None and not house.keys.vault.is_locked:
        await house.keys.tend_domain(name, None)
    yield {"domain": name, "catch_all": target, "changed": old is not None}


async def list_domains(house: House, arguments: Arguments) -> Rows:
    arguments.finish()
    people = await known(house)
    counts = await house.store.population()
    for name in sorted(people.domains):
        row, count = people.domain(name), counts.get(name, NOBODY)
        if row is not None:
            yield {
                "domain": name,
                "accounts": count.accounts,
                "aliases": count.aliases,
                "catch_all": row.catch_all,
                "created_at": row.created_at,
            }


async def remove_domain(house: House, arguments: Arguments) -> Rows:
    name = arguments.domain("name")
    arguments.finish()
    if (await known(house)).domain(name) is None:
        raise CannotDo(f"there is no domain {name}", "posthouse domain list shows those there are")
    count = (await house.store.population()).get(name, NOBODY)
    if count != NOBODY:
        raise CannotDo(
            f"{name} is in use: accounts {count.accounts}, aliases {count.aliases}",
            "remove these first; posthouse account list and posthouse alias list show them",
        )
    await house.store.remove_domain(name)
    if house.keys is not None:
        await house.keys.forget(name)
    yield {"domain": name, "removed": True}


# -- accounts ----------------------------------------------------------------------------------


async def add_account(house: House, arguments: Arguments) -> Rows:
    """Without a password one is made and shown, this once."""
    address = arguments.address("address")
    name = arguments.text("name", "")
    password = arguments.text("password", "")
    quota = arguments.number("quota", DEFAULT_QUOTA)
    admin = arguments.flag("admin")
    arguments.finish()
    if not 0 < quota <= MAX_QUOTA:
        raise CannotDo("a quota must be positive: zero never means unlimited")
    people = await known(house)
    if address.domain not in people.domains:
        raise no_domain(address)
    _demand_free(people, address)
    verifiers, shown = await new_verifiers(house, str(address), password)
    account = await house.store.create_account(str(address), name, verifiers, quota=quota, admin=admin, at=house.now)
    row = {"address": str(address), "account": account, "admin": admin, "quota": quota}
    yield row if password else {**row, "password": shown}


async def list_accounts(house: House, arguments: Arguments) -> Rows:
    arguments.finish()
    people = await known(house)
    async for page in house.store.directory_pages(by_domain=True):
        if page.aliases:
            break
        for account in page.accounts:
            yield _account_row(account, people.standing(account.account))


async def show_account(house: House, arguments: Arguments) -> Rows:
    address = arguments.address("address")
    arguments.finish()
    account = await find_account(house, address)
    (account,) = await house.store.accounts([account.account]) or [account]
    mailboxes = await house.store.mailboxes(account.account)
    yield {
        **_account_row(account, await read_standing(house.store, account.account)),
        "aliases": await _aliases_of(house, account),
        "mailboxes": [
            {"name": box.name, "messages": box.messages, "unseen": box.unseen, "size": box.size} for box in mailboxes
        ],
    }


async def set_password(house: House, arguments: Arguments) -> Rows:
    """Sessions that began with the one before end: whoever should not have known it is out."""
    address = arguments.address("address")
    password = arguments.text("password", "")
    arguments.finish()
    account = await find_account(house, address)
    verifiers, shown = await new_verifiers(house, account.address, password)
    await house.store.change_account(account.account, verifiers=verifiers)
    await note_standing(house.store, account, WEAK, "", house.now)
    await end_sessions(house.store, account.account, house.now)
    row = {"address": account.address, "changed": True}
    yield row if password else {**row, "password": shown}


async def disable_account(house: House, arguments: Arguments) -> Rows:
    """No login any more, in no door; mail is still received and kept."""
    yield await _switch(house, arguments, enabled=False)


async def enable_account(house: House, arguments: Arguments) -> Rows:
    yield await _switch(house, arguments, enabled=True)


async def _switch(house: House, arguments: Arguments, *, enabled: bool) -> Row:
    address = arguments.address("address")
    arguments.finish()
    account = await find_account(house, address)
    await house.store.change_account(account.account, enabled=enabled)
    return {"address": account.address, "enabled": enabled}


async def remove_account(house: House, arguments: Arguments) -> Rows:
    """With all its mail; ``yes`` says that this is meant."""
    address = arguments.address("address")
    sure = arguments.flag("yes")
    arguments.finish()
    account = await find_account(house, address)
    if not sure:
        raise CannotDo(f"{account.address} would go with all its mail", "say --yes, or disable the account instead")
    aliases = await _aliases_of(house, account)
    if house.school is not None:
        await house.school.learner.forget(account.account)
    await house.store.remove_account(account.account)
    await forget_standing(house.store, account.account)
    await AppPasswords(house.store, b"", house.clock, Quiet()).revoke(account.account)
    yield {"address": account.address, "removed": True, "aliases": aliases}


# -- what they share ---------------------------------------------------------------------------


def _account_row(account: AccountRow, standing: Standing) -> Row:
    return {
        "address": account.address,
        "name": account.name,
        "account": account.account,
        "enabled": account.enabled,
        "admin": account.admin,
        "used": account.used,
        "quota": account.quota,
        "created_at": account.created_at,
        "held": standing.held,
        "weak": standing.weak,
        "grants": list(standing.grants),
    }


async def _aliases_of(house: House, account: AccountRow) -> list[str]:
    return [alias.address for alias in await house.store.aliases_to(account.address)]


async def known(house: House) -> People:
    """Who lives here, asked by key: in a server nobody else is read for it."""
    people = house.directory or People()
    await people.refresh(house.store)
    return people


async def find_account(house: House, address: Address) -> AccountRow:
    people = await known(house)
    found = people.holder(address)
    row = people.account(found.account) if isinstance(found, Local) else None
    if row is None:
        raise CannotDo(f"there is no account {address}", "posthouse account list shows those there are")
    return row


def no_domain(address: Address) -> CannotDo:
    return CannotDo(f"{address.domain} is not a domain of ours", f"posthouse domain add {address.domain}")


def _demand_free(people: People, address: Address) -> None:
    found = people.holder(address)
    if isinstance(found, Local):
        raise CannotDo(f"{address} exists already", f"posthouse account show {address} shows it")
    if found is not None:
        raise CannotDo(f"{address} exists already, as an alias", f"posthouse alias remove {address}")


async def new_verifiers(house: House, address: str, password: str) -> tuple[tuple[str, ...], str]:
    """Verifiers of a password that may be set (L41), or of a new one, and the password.

    Looking and hashing wait in a thread, not in the loop.
    """
    if not password:
        password = generate_password()
    else:
        problem = await asyncio.to_thread(
            judge_password,
            password,
            address=address,
            least_characters=house.limits.password_characters,
            is_breached=house.is_breached(),
        )
        if problem is not None:
            raise CannotDo(f"this password will not do: {problem}", "give none, and one is made")
    try:
        made = await asyncio.to_thread(make_verifiers, password, iterations=house.limits.scram_iterations)
    except ValueError as error:
        raise CannotDo(f"this password will not do: {error}") from None
    return made, password
