"""What a domain of ours should publish, and what of it the DNS shows.

RFC 5321 section 5 (MX), RFC 7208 (SPF), RFC 6376 (DKIM), RFC 9989 (DMARC),
RFC 8460 (TLS-RPT), RFC 8461 (MTA-STS), RFC 6186 and RFC 8314 (SRV).
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from posthouse.admd.keys import KeyRow, State, published_key, shows
from posthouse.standards.dns.ports import Answer, DnsTrouble, Resolver, ServiceResolver
from posthouse.standards.dns.zonefile import ZoneRecord

SRV: Final = ("submissions", "submission", "imaps", "imap", "pop3s", "pop3")
"""RFC 6186 section 3, RFC 8314 section 5.1: in the order a client should prefer them."""


ADDRESS_SECONDS: Final = 3.0
"""The records are said without those of our addresses rather than late."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this server is: its name, its doors, whom it asks about the DNS, where reports about it go."""

    hostname: str
    resolver: ServiceResolver
    services: Mapping[str, int] = field(default_factory=dict)
    forget: Callable[[], None] = lambda: None
    """Makes the resolver ask anew."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One record to be published. ``why`` is for people."""

    record: ZoneRecord
    why: str
    address: str = ""
    """Of a PTR record, which stands in the zone of whoever gave the address."""


def records_of(domain: str, keys: Sequence[KeyRow], place: Place, addresses: Sequence[str] = ()) -> list[Advice]:
    """All records. ``addresses`` are those of the server's name, as far as they are known."""
    return [
        *_paths(domain, place.hostname),
        *[_key(row) for row in keys if row.is_to_be_published],
        *_policies(domain),
        *_services(domain, place),
        *[_name(address, place.hostname) for address in addresses],
    ]


def _paths(domain: str, host: str) -> Iterator[Advice]:
    """How mail comes and goes."""
    yield Advice(ZoneRecord(domain, "MX", f"10 {host}."), "mail for the domain comes here")
    yield Advice(ZoneRecord(domain, "TXT", "v=spf1 mx -all"), "SPF: only its mail exchangers send its mail")
    if host != domain:
        yield Advice(ZoneRecord(host, "TXT", "v=spf1 a -all"), "SPF of the server's own name, for HELO")


def _key(row: KeyRow) -> Advice:
    return Advice(ZoneRecord(row.name, "TXT", row.record), f"DKIM key, {row.kind}, {row.state.value}")


def _policies(domain: str) -> Iterator[Advice]:
    """What others do with what is forged, and whom they tell."""
    mailbox = f"postmaster@{domain}"
    yield Advice(
        ZoneRecord(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=reject; rua=mailto:{mailbox}"),
        "DMARC: nobody else writes in its name; begin with p=none while others still send for it",
    )
    yield Advice(
        ZoneRecord(f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua=mailto:{mailbox}"),
        "others report trouble with TLS",
    )


def _services(domain: str, place: Place) -> Iterator[Advice]:
    for priority, name in enumerate(SRV):
        if name in place.services:
            said = f"{priority} 1 {place.services[name]} {place.hostname}."
            record = ZoneRecord(f"_{name}._tcp.{domain}", "SRV", said)
            yield Advice(record, "mail programs find this server by themselves")


def _name(address: str, host: str) -> Advice:
    record = ZoneRecord(ip_address(address).reverse_pointer, "PTR", f"{host}.")
    return Advice(record, "who gave you the address sets it", address)


HINTS: Final = (
    "MTA-STS (RFC 8461): the server publishes no policy yet; with one, _mta-sts.{domain} says its id",
    "TLSA (RFC 7672): with a signed zone, _25._tcp.{host} may say which certificate is ours",
)


async def addresses_of(host: str, resolver: Resolver) -> list[str]:
    """What the DNS says of the server's own name; nothing when it does not answer."""
    found: list[str] = []
    try:
        async with asyncio.timeout(ADDRESS_SECONDS):
            four, six = await asyncio.gather(resolver.a(host), resolver.aaaa(host), return_exceptions=True)
    except TimeoutError:
        return found
    for answer in (four, six):
        if isinstance(answer, Answer):
            found += answer.records
        elif not isinstance(answer, DnsTrouble):
            raise answer
    return found


# -- compared with what is there -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """``state``: ok, missing, differs, unneeded, unknown. ``advice`` says what to do, empty when nothing."""

    record: ZoneRecord
    state: str
    found: tuple[str, ...] = ()
    advice: str = ""


async def compare(one: Advice, resolver: ServiceResolver) -> Compared:
    """One record with what the DNS shows; never raises."""
    record = one.record
    try:
        if record.type == "MX":
            return await _compare_mx(record, resolver)
        if record.type == "PTR":
            return await _compare_ptr(record, one.address, resolver)
        if record.type == "SRV":
            return await _compare_srv(record, resolver)
        return await _compare_text(record, resolver)
    except DnsTrouble as trouble:
        return Compared(record, "unknown", (), f"the DNS gives no answer ({trouble}): try again later")


async def _compare_mx(record: ZoneRecord, resolver: Resolver) -> Compared:
    found = tuple(f"{mx.preference} {mx.exchange}." for mx in (await resolver.mx(record.name)).records)
    host = record.value.partition(" ")[2]
    if any(text.partition(" ")[2] == host for text in found):
        return Compared(record, "ok", found)
    state = "differs" if found else "missing"
    return Compared(record, state, found, "add it, or mail for the domain goes elsewhere" if found else "add it")


async def _compare_ptr(record: ZoneRecord, address: str, resolver: Resolver) -> Compared:
    found = tuple(f"{name}." for name in (await resolver.ptr(address)).records)
    if record.value in found:
        return Compared(record, "ok", found)
    return Compared(record, "differs" if found else "missing", found, "ask who gave you the address to set it")


async def _compare_srv(record: ZoneRecord, resolver: ServiceResolver) -> Compared:
    found = (await resolver.srv(record.name)).records
    texts = tuple(f"{one.priority} {one.weight} {one.port} {one.target}." for one in found)
    _, _, port, host = record.value.split(" ")
    if any(f"{one.port} {one.target}." == f"{port} {host}" for one in found):
        return Compared(record, "ok", texts)
    return Compared(record, "differs" if texts else "missing", texts, "add it, or people type it into their programs")


async def _compare_text(record: ZoneRecord, resolver: Resolver) -> Compared:
    texts = [text.decode("utf-8", "replace") for text in (await resolver.txt(record.name)).records]
    if "._domainkey." in record.name:
        return _compare_key(record, texts)
    version = record.value.partition(";")[0].partition(" ")[0].lower()
    found = tuple(text for text in texts if text.lower().replace(" ", "").startswith(version))
    if not found:
        return Compared(record, "missing", (), "add it")
    if len(found) > 1:
        return Compared(record, "differs", found, "there must be exactly one: delete the others")
    return Compared(record, "ok", found)  # what it says may be more than we advise; the lint looks at that


def _compare_key(record: ZoneRecord, texts: Sequence[str]) -> Compared:
    wanted = published_key(record.value.encode())
    if [published_key(text.encode()) for text in texts] == [wanted]:
        return Compared(record, "ok", tuple(texts))
    if not texts:
        return Compared(record, "missing", (), "add it; the key is used when it is seen")
    return Compared(record, "differs", tuple(texts), "replace it by exactly this one: signatures fail")


async def leftovers(keys: Sequence[KeyRow], resolver: Resolver) -> list[Compared]:
    """Records of removed keys that are still there."""
    found = []
    for row in keys:
        if row.state is not State.REMOVED:
            continue
        try:
            texts = (await resolver.txt(row.name)).records
        except DnsTrouble:
            continue
        if shows(texts, row):
            found.append(Compared(ZoneRecord(row.name, "TXT", row.record), "unneeded", (), "delete it"))
    return found
