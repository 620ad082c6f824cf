"""The DNS: dnspython behind a cache, equal questions asked once.

The library is imported with the first question: it takes longer to load than
the rest of the house. The AD bit counts only when the resolver is on this
machine; on the way from anywhere else it could have been set by anybody.
"""

import asyncio
import importlib
import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from posthouse.lib.ports import Clock
from posthouse.observe.ports import Meter
from posthouse.standards.dns.ports import Answer, DnsTrouble, Mx, Srv, plain

MAX_CACHED = 10_000
"""Questions remembered; the oldest go first."""
MAX_CACHED_OCTETS = 32 * 1024 * 1024
"""Of the answers together: a stranger decides what we ask, and a TXT record may have 64 KiB (threats D08, D09)."""
ENTRY_OCTETS = 600
"""Of an answer beside its texts."""

MAX_RECORDS = 256
"""Records of one answer that are looked at."""

LEAST_TTL, MOST_TTL, NEGATIVE_TTL = 1, 86400, 900
"""Seconds. RFC 2308 section 5: negative answers live as long as the zone says, at most this long here."""

QUESTION_SECONDS = 10.0
ATTEMPT_SECONDS = 3.0
EDNS_OCTETS = 1232

Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Remembered:
    answer: Answer[Any]
    until: float
    octets: int


class DnsResolver:
    """Implements ``standards.dns.ports.ServiceResolver``. ``server`` None takes the machine's own configuration."""

    __slots__ = ("_asking", "_clock", "_known", "_library", "_meter", "_octets", "_resolver", "_server", "_trusted")

    def __init__(self, clock: Clock, meter: Meter, server: tuple[str, int] | None = None) -> None:
        self._clock = clock
        self._meter = meter
        self._server = server
        self._known: OrderedDict[tuple[str, str], Remembered] = OrderedDict()
        self._octets = 0
        self._asking: dict[tuple[str, str], asyncio.Task[Answer[Any]]] = {}
        self._library: Any = None
        self._resolver: Any = None
        self._trusted = False

    async def mx(self, name: str) -> Answer[Mx]:
        return await self._ask(name, "MX", _read_mx)

    async def a(self, name: str) -> Answer[str]:
        return await self._ask(name, "A", _read_address)

    async def aaaa(self, name: str) -> Answer[str]:
        return await self._ask(name, "AAAA", _read_address)

    async def txt(self, name: str) -> Answer[bytes]:
        return await self._ask(name, "TXT", _read_text)

    async def ptr(self, address: str) -> Answer[str]:
        return await self._ask(ipaddress.ip_address(address).reverse_pointer, "PTR", _read_name)

    async def tlsa(self, name: str) -> Answer[tuple[int, int, int, bytes]]:
        return await self._ask(name, "TLSA", _read_tlsa)

    async def srv(self, name: str) -> Answer[Srv]:
        return await self._ask(name, "SRV", _read_srv)

    def forget(self) -> None:
        """Somebody who has just changed a zone wants to see it."""
        self._known.clear()
        self._octets = 0

    async def _ask(self, name: str, kind: str, read: Read) -> Answer[Any]:
        question = (name, kind)
        known = self._known.get(question)
        if known is not None and known.until > self._clock.monotonic():
            self._meter.count("dns", kind=kind, result="cached")
            return known.answer
        asking = self._asking.get(question)
        if asking is None:
            asking = self._asking[question] = asyncio.get_running_loop().create_task(self._look_up(question, read))
            asking.add_done_callback(lambda task: self._asked(question, task))
        return await asyncio.shield(asking)  # who gives up does not take the answer from the others

    def _asked(self, question: tuple[str, str], task: "asyncio.Task[Answer[Any]]") -> None:
        self._asking.pop(question, None)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains when all who asked have left

    async def _look_up(self, question: tuple[str, str], read: Read) -> Answer[Any]:
        name, kind = question
        began = self._clock.monotonic()
        try:
            answer, seconds = await self._query(name, kind, read)
        except DnsTrouble:
            self._meter.count("dns", kind=kind, result="trouble")
            raise
        now = self._clock.monotonic()
        self._meter.count("dns", kind=kind, result="answered")
        self._meter.observe("dns_seconds", now - began, kind=kind)
        until = now + min(max(seconds, LEAST_TTL), MOST_TTL)
        answer = replace(answer, until=until)
        self._keep(question, Remembered(answer, until, _octets_of(answer)))
        return answer

    def _keep(self, question: tuple[str, str], new: Remembered) -> None:
        old = self._known.pop(question, None)
        self._known[question] = new
        self._octets += new.octets - (old.octets if old is not None else 0)
        while len(self._known) > MAX_CACHED or self._octets > MAX_CACHED_OCTETS:
            _, gone = self._known.popitem(last=False)
            self._octets -= gone.octets

    async def _query(self, name: str, kind: str, read: Read) -> tuple[Answer[Any], int]:
        library = self._load()
        try:
            found = await self._resolver.resolve(name + ".", kind, raise_on_no_answer=False, search=False)
        except library.resolver.NXDOMAIN as error:
            response = next(iter(error.responses().values()), None)
            return Answer((), exists=False, authentic=self._is_authentic(response)), _negative_ttl(library, response)
        except (library.exception.DNSException, OSError, UnicodeError, ValueError) as error:
            raise DnsTrouble(f"{name} {kind}: {error or type(error).__name__}") from error
        authentic = self._is_authentic(found.response)
        if found.rrset is None:
            return Answer((), authentic=authentic), _negative_ttl(library, found.response)
        records = tuple(read(one) for one in list(found.rrset)[:MAX_RECORDS])
        return Answer(records, authentic=authentic), int(found.rrset.ttl)

    def _is_authentic(self, response: Any) -> bool:
        return self._trusted and response is not None and bool(response.flags & self._library.flags.AD)

    def _load(self) -> Any:
        """dnspython, with a resolver set up to ask for DNSSEC (RFC 3225) and answers that fit a packet."""
        if self._resolver is not None:
            return self._library
        for module in ("dns.asyncresolver", "dns.flags", "dns.exception", "dns.rdatatype"):
            importlib.import_module(module)
        library = self._library = importlib.import_module("dns")
        if self._server is None:
            try:
                resolver = library.asyncresolver.Resolver()
            except (library.exception.DNSException, OSError, ValueError) as error:  # asked again with each question
                raise DnsTrouble(f"this machine has no DNS resolver set up: {error}") from error
        else:
            resolver = library.asyncresolver.Resolver(configure=False)
            resolver.nameservers, resolver.port = [self._server[0]], self._server[1]
        resolver.use_edns(0, library.flags.DO, EDNS_OCTETS)
        resolver.flags = library.flags.RD | library.flags.AD
        resolver.lifetime, resolver.timeout = QUESTION_SECONDS, ATTEMPT_SECONDS
        resolver.cache = None
        self._trusted = all(_is_loopback(str(server)) for server in resolver.nameservers)
        self._resolver = resolver
        return library


def _octets_of(answer: Answer[Any]) -> int:
    """About how much memory it takes."""
    return ENTRY_OCTETS + sum([len(one) + 64 if isinstance(one, (bytes, str)) else 300 for one in answer.records])


def _is_loopback(server: str) -> bool:
    try:
        return ipaddress.ip_address(server).is_loopback
    except ValueError:
        return False


def _negative_ttl(library: Any, response: Any) -> int:
    """RFC 2308 section 5: the lesser of the SOA's TTL and its MINIMUM."""
    for rrset in response.authority if response is not None else ():
        if rrset.rdtype == library.rdatatype.SOA:
            return min(int(rrset.ttl), int(rrset[0].minimum), NEGATIVE_TTL)
    return 60


def _read_mx(record: Any) -> Mx:
    return Mx(int(record.preference), plain([record.exchange.to_text()])[0])


def _read_srv(record: Any) -> Srv:
    return Srv(int(record.priority), int(record.weight), int(record.port), plain([record.target.to_text()])[0])


def _read_address(record: Any) -> str:
    return str(record.address)


def _read_text(record: Any) -> bytes:
    strings: Sequence[bytes] = record.strings
    return b"".join(strings)


def _read_name(record: Any) -> str:
    return plain([record.target.to_text()])[0]


def _read_tlsa(record: Any) -> tuple[int, int, int, bytes]:
    return (int(record.usage), int(record.selector), int(record.mtype), bytes(record.cert))
