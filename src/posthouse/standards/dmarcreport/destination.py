"""Who may be sent reports about a domain: its own people, and others only if they agree (RFC 9990 section 4)."""

import re
from collections.abc import Callable, Iterable

from posthouse.standards.dmarc.record import Record, is_dmarc, parse_record
from posthouse.standards.dmarc.walk import walk
from posthouse.standards.dns.ports import Resolver
from posthouse.standards.smtp.grammar import parse_mailbox

MAX_DESTINATIONS = 2
"""Threat D11: a record that names a thousand addresses makes two report mails, not a thousand."""
MAX_NAME = 253
_MAILTO = re.compile(
    r"mailto:(?P<local>[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]{1,64})@(?P<domain>[A-Za-z0-9.-]{1,253})\Z", re.IGNORECASE
)


Named = Callable[[Record], tuple[str, ...]]


def of_aggregate(record: Record) -> tuple[str, ...]:
    """Where daily reports go."""
    return record.rua


def of_failure(record: Record) -> tuple[str, ...]:
    """Where reports about single messages go."""
    return record.ruf


async def destinations(
    resolver: Resolver, policy_domain: str, uris: Iterable[str], named: Named = of_aggregate
) -> tuple[str, ...]:
    """The addresses of ``uris`` that reports about ``policy_domain`` may go to; raises ``DnsTrouble``.

    ``named`` says which tag of a record of consent names another address.
    """
    found: dict[str, None] = {}
    for uri in uris:
        address = _split(uri)
        if address is None or len(found) >= MAX_DESTINATIONS:
            continue
        for agreed in await _agreed(resolver, policy_domain, *address, named):
            found[agreed] = None
    return tuple(found)[:MAX_DESTINATIONS]


def address_of(uri: str) -> str | None:
    """The address of a ``mailto:`` URI, as ``destinations`` gives it; None for any other."""
    address = _split(uri)
    return "@".join(address) if address is not None else None


def _split(uri: str) -> tuple[str, str] | None:
    """Local part and host of a ``mailto:`` URI, if a mail can be sent there: its owner may write what he likes."""
    match = _MAILTO.match(uri)
    if match is None:
        return None
    local, host = match["local"], match["domain"].lower().rstrip(".")
    try:
        parse_mailbox(f"{local}@{host}")
    except ValueError:
        return None
    return local, host


async def _agreed(resolver: Resolver, policy_domain: str, local: str, host: str, named: Named) -> tuple[str, ...]:
    """The address itself, or what its own domain put in its place; nothing if that domain did not agree."""
    address = (f"{local}@{host}",)
    if host == policy_domain:
        return address
    own = (await walk(resolver, policy_domain)).organizational_domain
    if (await walk(resolver, host)).organizational_domain == own:
        return address
    name = f"{policy_domain}._report._dmarc.{host}"
    if len(name) > MAX_NAME:
        return ()
    for octets in (await resolver.txt(name)).records:
        text = octets.decode("utf-8", "replace")
        if is_dmarc(text):
            others = named(parse_record(text))
            return _replaced(others, host) if others else address
    return ()


def _replaced(uris: Iterable[str], host: str) -> tuple[str, ...]:
    """RFC 9990 section 4 step 9: another address, but only at the same host."""
    addresses = [_split(uri) for uri in uris]
    return tuple(["@".join(one) for one in addresses if one is not None and one[1] == host])
