"""Who may be sent reports about a domain: its own people, and others only if they agree (RFC 9990 section 4)."""

import re
from collections.abc import Callable, Iterable

from posthouse.standards.dmarc.record import Record, is_dmarc, parse_record
from posthouse.standards.dmarc.walk import walk
from posthouse.standards.dns.ports import Resolver

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
        match = _MAILTO.match(uri)
        if match is None or len(found) >= MAX_DESTINATIONS:
            continue
        for address in await _agreed(
            resolver, policy_domain, match["local"], match["domain"].lower().rstrip("."), named
        ):
            found[address] = None
    return tuple(found)[:MAX_DESTINATIONS]


def address_of(uri: str) -> str | None:
    """The address of a ``mailto:`` URI, as ``destinations`` gives it; None for any other."""
    match = _MAILTO.match(uri)
    return f"{match['local']}@{match['domain'].lower().rstrip('.')}" if match is not None else None


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
            record = parse_record(text)
            others = named(record) if record is not None else ()
            return _replaced(others, host) if others else address
    return ()


def _replaced(uris: Iterable[str], host: str) -> tuple[str, ...]:
    """RFC 9990 section 4 step 9: another address, but only at the same host."""
    matches = (_MAILTO.match(uri) for uri in uris)
    return tuple([f"{one['local']}@{host}" for one in matches if one and one["domain"].lower().rstrip(".") == host])
