"""What is done to an account in trouble, and what is granted to it: hold, release, end its sessions, app passwords."""

from collections.abc import AsyncIterator

from posthouse.admd.apppasswords import MOST, SCOPES, AppPasswords
from posthouse.admd.secret import kept_secret
from posthouse.admd.standing import GRANT, WEAK, end_sessions, note_standing, read_standing
from posthouse.mta.custody import hold_account, release_account
from posthouse.observe.ports import Quiet
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.people import find_account, new_verifiers
from posthouse.storage.directory import AccountRow

Rows = AsyncIterator[Row]

BY_OPERATOR = "an operator held it"
MOST_NAME = 100


async def hold(house: House, arguments: Arguments) -> Rows:
    """What it sends to others is taken and waits; it still receives and reads."""
    address = arguments.address("address")
    why = arguments.text("reason", BY_OPERATOR).strip()[:MOST_NAME] or BY_OPERATOR
    arguments.finish()
    account = await find_account(house, address)
    custody = house.custody
    held = await (custody.hold(account, why) if custody else hold_account(house.store, account, why, house.now))
    yield {"address": account.address, "held": why, "waiting": held}


async def release(house: House, arguments: Arguments) -> Rows:
    """It may send again; what waits goes now."""
    address = arguments.address("address")
    arguments.finish()
    account = await find_account(house, address)
    if not (await read_standing(house.store, account.account)).held:
        raise CannotDo(f"{account.address} is not held", "posthouse account list shows who is")
    custody = house.custody
    released = await (custody.release(account) if custody else release_account(house.store, account, house.now))
    house.wake()
    yield {"address": account.address, "released": released}


async def revoke_sessions(house: House, arguments: Arguments) -> Rows:
    """Everybody out: sessions at all doors, app passwords, known networks, and the password unless it is kept."""
    address = arguments.address("address")
    keep = arguments.flag("keep_password")
    arguments.finish()
    account = await find_account(house, address)
    row: dict[str, object] = {"address": account.address}
    if not keep:
        verifiers, row["password"] = await new_verifiers(house, account.address, "")
        await house.store.change_account(account.account, verifiers=verifiers)
        await note_standing(house.store, account, WEAK, "", house.now)
    row["app_passwords"] = await (await _app_passwords(house)).revoke(account.account)
    row["generation"] = await end_sessions(house.store, account.account, house.now)
    yield row


# -- whom an account may write for


async def grant(house: House, arguments: Arguments) -> Rows:
    """The account may send in the name of every address of a domain: an office whose smarthost we are."""
    account, domain = await _account_and_domain(house, arguments)
    await note_standing(house.store, account, f"{GRANT}{domain}", "1", house.now)
    yield {"address": account.address, "domain": domain, "granted": True}


async def ungrant(house: House, arguments: Arguments) -> Rows:
    account, domain = await _account_and_domain(house, arguments)
    if domain not in (await read_standing(house.store, account.account)).grants:
        raise CannotDo(f"{account.address} was not granted {domain}")
    await note_standing(house.store, account, f"{GRANT}{domain}", "", house.now)
    yield {"address": account.address, "domain": domain, "granted": False}


async def _account_and_domain(house: House, arguments: Arguments) -> tuple[AccountRow, str]:
    address = arguments.address("address")
    domain = arguments.domain("domain")
    arguments.finish()
    return await find_account(house, address), domain


# -- app passwords


async def add_app_password(house: House, arguments: Arguments) -> Rows:
    """A password for one program, shown this once."""
    address = arguments.address("address")
    name = arguments.text("name").strip()
    scopes = list(arguments.texts("scopes")) or list(SCOPES)
    seconds = arguments.number("seconds", 0)
    arguments.finish()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise CannotDo("an app password needs a name", "the program or device that will have it: --name phone")
    account = await find_account(house, address)
    try:
        made, shown = await (await _app_passwords(house)).add(account.account, name, scopes, seconds=seconds or None)
    except ValueError as error:
        raise CannotDo(str(error), f"posthouse account app-password list {account.address}") from None
    yield {
        "address": account.address,
        "id": made.id,
        "name": made.name,
        "scopes": list(made.scopes),
        "expires_at": made.expires_at,
        "password": shown,
    }


async def list_app_passwords(house: House, arguments: Arguments) -> Rows:
    address = arguments.address("address")
    arguments.finish()
    account = await find_account(house, address)
    passwords = await _app_passwords(house)
    found = await passwords.of(account.account)
    uses = await passwords.uses(found)
    for one in found:
        use = uses.get(one.id)
        yield {
            "id": one.id,
            "name": one.name,
            "scopes": list(one.scopes),
            "created_at": one.created_at,
            "expires_at": one.expires_at,
            "used_at": use.at if use is not None else 0,
            "used_from": use.peer if use is not None else "",
        }


async def revoke_app_password(house: House, arguments: Arguments) -> Rows:
    """Taken back, by id or by name. All sessions of the account end: those that may, come again by themselves."""
    address = arguments.address("address")
    which = arguments.text("which")
    arguments.finish()
    account = await find_account(house, address)
    passwords = await _app_passwords(house)
    ids = [one.id for one in await passwords.of(account.account) if which in {one.id, one.name}]
    if not ids:
        hint = f"posthouse account app-password list {account.address} shows those there are, at most {MOST}"
        raise CannotDo(f"{account.address} has no app password {which}", hint)
    revoked = await passwords.revoke(account.account, ids)
    await end_sessions(house.store, account.account, house.now)
    yield {"address": account.address, "revoked": revoked, "ids": ids}


async def _app_passwords(house: House) -> AppPasswords:
    return AppPasswords(house.store, await kept_secret(house.store), house.clock, Quiet())
