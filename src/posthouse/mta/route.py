"""Where mail for a domain goes next: a static route, the smarthost, or what the DNS says (RFC 5321 section 5.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from posthouse.mail.reply import Reply


class TlsPolicy(Enum):
    """What a route asks of TLS. Only ``MAY`` falls back to the clear."""

    NEVER = "never"
    MAY = "may"
    MUST = "must"
    VERIFY = "verify"
    """The certificate must name the host (RFC 9525)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How we log in at a smarthost."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r})"


@dataclass(frozen=True, slots=True)
class Terms:
    """How to speak to a next hop."""

    tls: TlsPolicy = TlsPolicy.MAY
    implicit_tls: bool = False
    credentials: Credentials | None = None
    lmtp: bool = False


@dataclass(frozen=True, slots=True)
class Hop:
    """One host to try. ``host`` is a name or an IP literal; ``addresses`` are known already or looked up."""

    host: str
    port: int = 25
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostRoute:
    """Hosts in the order to try them. Routes with the same ``key`` share connections and transactions."""

    key: str
    hops: tuple[Hop, ...]
    terms: Terms = Terms()
    from_dns: bool = False
    """Found in the DNS, so that a host of it that turns out to be us is a loop; a static route is meant as written."""


@dataclass(frozen=True, slots=True)
class DirectoryRoute:
    """Not sent at all: kept as files, for ``localserve`` and for trials."""

    key: str = "outside"


Route = HostRoute | DirectoryRoute


class MxFinder(Protocol):
    """What ``mta.mx`` gives."""

    async def find(self, domain: str) -> tuple[Hop, ...] | Reply: ...

    async def addresses(self, host: str, *, ours_too: bool = False) -> tuple[str, ...] | Reply: ...


def static(host: str, port: int, terms: Terms) -> HostRoute:
    """The route to one host, whatever the domain."""
    user = f"{terms.credentials.user}@" if terms.credentials is not None else ""
    implicit = ":implicit" if terms.implicit_tls else ""
    key = f"{'lmtp' if terms.lmtp else 'smtp'}:{user}{host}:{port}:{terms.tls.value}{implicit}"
    return HostRoute(key, (Hop(host, port),), terms)


class Routes:
    """The routing table: domain, then parent domains (``.example`` entries), then the default, then MX."""

    def __init__(self, mx: MxFinder, *, table: Mapping[str, Route], default: Route | None = None) -> None:
        self._mx = mx
        self._table = dict(table)
        self._default = default

    def static(self, domain: str) -> Route | None:
        """The route to ``domain`` that needs no DNS, if there is one."""
        if route := self._table.get(domain):
            return route
        labels = domain.split(".")
        for start in range(1, len(labels)):
            if route := self._table.get("." + ".".join(labels[start:])):
                return route
        return self._default

    def is_default(self, route: Route) -> bool:
        """Whether everything goes there that has no route of its own: to somebody who passes it on."""
        return route is self._default

    async def find(self, domain: str) -> Route | Reply:
        """The route, or the reply that says why there is none (5yz: for good)."""
        if route := self.static(domain):
            return route
        hops = await self._mx.find(domain)
        if isinstance(hops, Reply):
            return hops
        return HostRoute("mx:" + ",".join(sorted(f"{hop.host}:{hop.port}" for hop in hops)), hops, from_dns=True)

    async def addresses(self, route: HostRoute, hop: Hop) -> tuple[str, ...] | Reply:
        """Where ``hop`` can be reached, in the order to try."""
        return hop.addresses or await self._mx.addresses(hop.host, ours_too=not route.from_dns)
