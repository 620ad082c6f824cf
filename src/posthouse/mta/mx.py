"""Mail exchangers of a domain (RFC 5321 section 5.1, RFC 7505, RFC 3974).

What leads back to us is left out, with all that is no better than it: mail
that may not go down in preference goes in circles. Failing to ask is never
the same as being told no: ``DnsTrouble`` defers.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest
from typing import Final

from posthouse.mail.reply import Reply, reply
from posthouse.mta.route import Hop
from posthouse.standards.dns.ports import DnsTrouble, Mx, Resolver

MAX_HOSTS: Final = 10
"""Exchangers tried for one domain; some zones list hundreds."""
MAX_ADDRESSES: Final = 6
"""Addresses tried of one exchanger."""

NULL_MX = reply(556, "5.1.10", "the recipient's domain accepts no mail (null MX)")  # RFC 7505 section 4
NO_SUCH_DOMAIN = reply(550, "5.1.2", "the recipient's domain does not exist")
NO_HOST = reply(550, "5.4.4", "no host accepts mail for the recipient's domain")
LOOP = reply(554, "5.4.6", "mail for the recipient's domain leads back to this server")
NO_ANSWER = reply(451, "4.4.3", "the name servers of the recipient's domain do not answer")


@dataclass(frozen=True, slots=True)
class Ourselves:
    """How to recognise that a road leads back here. ``loopback`` counts 127.0.0.0/8, ::1 and 0.0.0.0 as us."""

    names: frozenset[str]
    addresses: frozenset[str] = frozenset()
    loopback: bool = True

    def is_ours(self, address: str) -> bool:
        if address in self.addresses:
            return True
        ip = ipaddress.ip_address(address)
        return self.loopback and (ip.is_loopback or ip.is_unspecified)


def is_null(records: Sequence[Mx]) -> bool:
    """RFC 7505 section 3: one record alone, with an empty exchange."""
    return len(records) == 1 and not records[0].exchange


def order(records: Sequence[Mx], ourselves: Ourselves, chance: Callable[[], float]) -> tuple[str, ...]:
    """The exchanges to try, equals in random order (RFC 5321 section 5.1), cut where we ourselves stand."""
    usable = sorted((mx for mx in records if mx.exchange), key=lambda mx: mx.preference)
    names: list[str] = []
    for _, equals in groupby(usable, key=lambda mx: mx.preference):
        hosts = [mx.exchange for mx in equals]
        if not ourselves.names.isdisjoint(hosts):
            break
        names += sorted(hosts, key=lambda _: chance())
    return tuple(dict.fromkeys(names))[:MAX_HOSTS]


class MxLookup:
    """Finds hops in the DNS."""

    def __init__(
        self, resolver: Resolver, ourselves: Ourselves, chance: Callable[[], float], *, port: int = 25
    ) -> None:
        self._resolver = resolver
        self._ourselves = ourselves
        self._chance = chance
        self._port = port

    async def find(self, domain: str) -> tuple[Hop, ...] | Reply:
        """Hops in the order to try them, or why there are none."""
        if domain.startswith("["):
            return self._literal(domain)
        try:
            answer = await self._resolver.mx(domain)
        except DnsTrouble:
            return NO_ANSWER
        if not answer.exists:
            return NO_SUCH_DOMAIN
        if is_null(answer.records):
            return NULL_MX
        if not answer.records:  # RFC 5321 section 5.1: the implicit MX
            return await self._implicit(domain)
        names = order(answer.records, self._ourselves, self._chance)
        if not names:
            return LOOP if any(mx.exchange in self._ourselves.names for mx in answer.records) else NO_HOST
        return tuple(Hop(name, self._port) for name in names)

    async def addresses(self, host: str, *, ours_too: bool = False) -> tuple[str, ...] | Reply:
        """IPv6 and IPv4 addresses of ``host`` by turns (RFC 3974 section 3), without ours unless ``ours_too``."""
        if is_literal(host):
            return (host,)
        six, four = await asyncio.gather(self._resolver.aaaa(host), self._resolver.a(host), return_exceptions=True)
        for answer in (six, four):
            if isinstance(answer, BaseException) and not isinstance(answer, DnsTrouble):
                raise answer
        found = [() if isinstance(answer, BaseException) else answer.records for answer in (six, four)]
        both = tuple(address for address in chain(*zip_longest(*found)) if address)
        if not both:
            return NO_ANSWER if isinstance(six, DnsTrouble) or isinstance(four, DnsTrouble) else NO_HOST
        others = tuple(address for address in both if ours_too or not self._ourselves.is_ours(address))
        return others[:MAX_ADDRESSES] or LOOP

    async def _implicit(self, domain: str) -> tuple[Hop, ...] | Reply:
        if domain in self._ourselves.names:
            return LOOP
        found = await self.addresses(domain)
        return found if isinstance(found, Reply) else (Hop(domain, self._port, found),)

    def _literal(self, domain: str) -> tuple[Hop, ...] | Reply:
        """RFC 5321 section 4.1.3."""
        text = domain[1:-1].removeprefix("IPv6:").removeprefix("ipv6:")
        if not is_literal(text):
            return NO_SUCH_DOMAIN
        return LOOP if self._ourselves.is_ours(text) else (Hop(text, self._port, (text,)),)


def is_literal(host: str) -> bool:
    """Whether ``host`` is an IP address and needs no question."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
