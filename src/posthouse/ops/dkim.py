"""DKIM keys: listed, made, put into use, retired."""

from collections.abc import AsyncIterator, Collection

from posthouse.admd.keyring import KeyRing
from posthouse.admd.keys import KeyRow, State
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.people import known

Rows = AsyncIterator[Row]
WAITING = frozenset({State.MADE, State.PUBLISHED})
NEXT = {
    State.MADE: "publish its record: posthouse dns records {domain}",
    State.PUBLISHED: "signs within the hour",
    State.ACTIVE: "",
    State.RETIRING: "leave its record in the DNS; you will be told when it may go",
    State.REMOVED: "delete its record from the DNS",
}


async def list_keys(house: House, arguments: Arguments) -> Rows:
    domain = arguments.text("domain", "")
    arguments.finish()
    ring = await ring_of(house)
    if domain:
        domain = await own_domain(house, domain)
    for row in sorted(ring.rows(domain), key=lambda row: (row.domain, row.made_at, row.kind != "rsa", row.selector)):
        yield _shown(row, ring)


async def rotate(house: House, arguments: Arguments) -> Rows:
    """New keys now, whatever the age of those in use; they wait for their records like all others."""
    domain = await own_domain(house, arguments.text("domain"))
    arguments.finish()
    ring = await ring_of(house)
    waiting = [row for row in ring.rows(domain) if row.state in WAITING]
    if waiting:
        names = ", ".join(row.selector for row in waiting)
        raise CannotDo(
            f"new keys of {domain} wait already: {names}",
            f"publish their records (posthouse dns records {domain}), or retire them first",
        )
    for row in await ring.make(domain):
        yield _shown(row, ring)


async def activate(house: House, arguments: Arguments) -> Rows:
    """The operator's word that the records are published."""
    domain = await own_domain(house, arguments.text("domain"))
    selectors = arguments.texts("selectors")
    arguments.finish()
    ring = await ring_of(house)
    chosen = selectors or [row.selector for row in ring.rows(domain) if row.state in WAITING]
    if not chosen:
        raise CannotDo(f"no key of {domain} waits to be used", f"posthouse dkim list {domain} shows those there are")
    _demand(ring, domain, chosen)
    for row in await ring.activate(domain, set(chosen)):
        yield _shown(row, ring)


async def retire(house: House, arguments: Arguments) -> Rows:
    """No more signatures with it. The last key of a domain only by ``force``: mail would leave unsigned."""
    domain = await own_domain(house, arguments.text("domain"))
    selector = arguments.text("selector")
    force = arguments.flag("force")
    arguments.finish()
    ring = await ring_of(house)
    _demand(ring, domain, [selector])
    others = [row for row in ring.rows(domain) if row.state is State.ACTIVE and row.selector != selector]
    (chosen,) = [row for row in ring.rows(domain) if row.selector == selector]
    if chosen.state is State.ACTIVE and not others and not force:
        raise CannotDo(
            f"{selector} is the only key that signs for {domain}: its mail would leave unsigned",
            f"posthouse dkim rotate {domain} makes a successor; --force retires it all the same",
        )
    for row in await ring.retire(domain, {selector}):
        yield _shown(row, ring)


async def reset(house: House, arguments: Arguments) -> Rows:
    """After the master key is lost for good: a new one, new keys, the old ones given up."""
    sure = arguments.flag("yes")
    arguments.finish()
    ring = await ring_of(house)
    if not ring.vault.is_locked:
        raise CannotDo("the master key is there and opens everything", "nothing is to be reset")
    if not sure or house.new_vault is None:
        raise CannotDo("all DKIM keys would be given up and made anew", "say --yes if the master key is lost for good")
    try:
        ring.vault = await house.new_vault()
    except OSError as error:
        raise CannotDo(str(error), "move the file away") from error
    await ring.refresh()
    for row in await ring.forget_locked():
        yield _shown(row, ring)
    for domain in await own_domains(house):
        await ring.tend_domain(domain, None)


# -- what they share ---------------------------------------------------------------------------


async def ring_of(house: House) -> KeyRing:
    """The keys as they are now."""
    if house.keys is None:
        raise CannotDo("this house keeps no keys")
    await house.keys.refresh()
    return house.keys


async def own_domains(house: House) -> list[str]:
    return sorted((await known(house)).domains)


async def own_domain(house: House, text: str) -> str:
    """``text`` as a domain of ours; raises ``CannotDo``."""
    domain = Arguments({"domain": text}).domain("domain")
    if domain not in await own_domains(house):
        raise CannotDo(f"there is no domain {domain}", "posthouse domain list shows those there are")
    return domain


def _demand(ring: KeyRing, domain: str, selectors: Collection[str]) -> None:
    known = {row.selector: row.state for row in ring.rows(domain)}
    for selector in selectors:
        if selector not in known:
            raise CannotDo(f"{domain} has no key {selector}", f"posthouse dkim list {domain} shows those there are")
        if known[selector] is State.REMOVED:
            raise CannotDo(f"the key {selector} of {domain} is gone", f"posthouse dkim rotate {domain} makes new ones")


def _shown(row: KeyRow, ring: KeyRing) -> Row:
    since = row.removed_at or row.retiring_at or row.active_at or row.published_at or row.made_at
    signs = any(key.selector == row.selector for key in ring.keys_of(row.domain))
    locked = row.state is State.ACTIVE and not signs
    return {
        "domain": row.domain,
        "selector": row.selector,
        "kind": row.kind,
        "state": "locked" if locked else row.state.value,
        "since": since,
        "made_at": row.made_at,
        "signs": signs,
        "name": row.name,
        "record": row.record,
        "next": ring.trouble if locked else NEXT[row.state].format(domain=row.domain),
    }
