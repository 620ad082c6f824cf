"""The DNS, as the house asks it."""

from posthouse.lib.ports import Clock
from posthouse.net.resolver import DnsResolver
from posthouse.observe.ports import Meter
from posthouse.ops.dnsadvice import Place
from posthouse.standards.dns.ports import ServiceResolver
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.kinds import parse_endpoint


def open_resolver(configuration: Configuration, clock: Clock, meter: Meter) -> DnsResolver:
    """Asks whom the configuration names, else whom the system asks."""
    server = parse_endpoint(configuration.dns.server) if configuration.dns.server else None
    return DnsResolver(clock, meter, server)


def place_of(configuration: Configuration, resolver: ServiceResolver) -> Place:
    """Where this server is, for those who advise about the DNS."""
    services: dict[str, int] = {one.service: one.number for one in configuration.listener}
    forget = resolver.forget if isinstance(resolver, DnsResolver) else _nothing
    return Place(configuration.hostname, resolver, services, forget)


def _nothing() -> None: ...
