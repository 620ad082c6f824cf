"""Where a report goes: at most two addresses of those that a domain names, each within its size; who gets nothing."""

import msgspec

from posthouse.mta.feedback.rows import DMARC
from posthouse.standards.dmarc.record import Record
from posthouse.standards.dmarc.walk import walk
from posthouse.standards.dmarcreport.destination import (
    MAX_DESTINATIONS,
    Named,
    address_of,
    destinations,
    of_aggregate,
    of_failure,
)
from posthouse.standards.dns.ports import Resolver
from posthouse.standards.tlsrpt.record import find_record


class Destinations(msgspec.Struct, frozen=True):
    """``limits`` are octets by address, of those who set one; ``posts`` are ``https:`` URIs."""

    addresses: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    limits: dict[str, int] = {}

    def within(self, octets: int, most: int) -> "Destinations":
        """Those who take a mail of that size."""
        good = tuple([one for one in self.addresses if octets <= min(most, self.limits.get(one, most))])
        bad = tuple([f"{one}: takes less than {octets} octets" for one in self.addresses if one not in good])
        return Destinations(good, self.posts, self.left_out + bad, self.limits)


async def find_destinations(resolver: Resolver, kind: str, domain: str) -> Destinations:
    """As the DNS says now; raises ``DnsTrouble``."""
    return await (_of_dmarc if kind == DMARC else _of_tls)(resolver, domain)


async def _of_dmarc(resolver: Resolver, domain: str) -> Destinations:
    found = (await walk(resolver, domain)).policy
    if found is None or found[0] != domain:
        return Destinations()
    record = found[1]
    return await _named(resolver, domain, record.rua, record.rua_octets, of_aggregate)


async def find_failure_destinations(resolver: Resolver, domain: str, record: Record) -> Destinations:
    """Who wants reports about single messages, by the ``record`` of ``domain``; raises ``DnsTrouble``."""
    return await _named(resolver, domain, record.ruf, record.ruf_octets, of_failure)


async def _named(
    resolver: Resolver, domain: str, uris: tuple[str, ...], octets: tuple[int, ...], named: Named
) -> Destinations:
    agreed = await destinations(resolver, domain, uris, named)
    limits = {address: most for uri, most in zip(uris, octets, strict=False) if most and (address := address_of(uri))}
    left_out = []
    for uri in uris:
        address = address_of(uri)
        if address is None:
            left_out.append(f"{uri}: only mailto: can be sent to")
        elif address not in agreed:
            host = address.rpartition("@")[2]
            why = "beyond the first two" if len(agreed) >= MAX_DESTINATIONS else "its domain did not agree"
            if any(one.endswith(f"@{host}") for one in agreed):
                why = "its domain names another"
            left_out.append(f"{address}: {why}")
    return Destinations(agreed, (), tuple(left_out), limits)


async def _of_tls(resolver: Resolver, domain: str) -> Destinations:
    uris = tuple(dict.fromkeys(await find_record(resolver, domain)))
    posts = [uri for uri in uris[:MAX_DESTINATIONS] if uri.lower().startswith("https:")]
    mails = {uri: address_of(uri) for uri in uris[:MAX_DESTINATIONS] if uri not in posts}
    left_out = [f"{uri}: not an address that we send to" for uri, address in mails.items() if address is None]
    left_out += [f"{uri}: beyond the first two" for uri in uris[MAX_DESTINATIONS:]]
    addresses = tuple(dict.fromkeys([one for one in mails.values() if one]))
    return Destinations(addresses, tuple(posts), tuple(left_out))
