"""What our domains publish in the DNS: said, compared, looked at for faults."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

from posthouse.ops.arguments import Arguments
from posthouse.ops.dkim import own_domain, own_domains, ring_of
from posthouse.ops.dnsadvice import HINTS, Advice, Compared, Place, addresses_of, compare, leftovers, records_of
from posthouse.ops.dnsfault import Fault
from posthouse.ops.dnslint import lint
from posthouse.ops.house import CannotDo, House, Row
from posthouse.standards.dns.ports import DnsTrouble
from posthouse.standards.dns.zonefile import ZoneRecord, format_record

Rows = AsyncIterator[Row]


async def records(house: House, arguments: Arguments) -> Rows:
    """Of one domain, or of all."""
    domain = arguments.text("domain", "")
    arguments.finish()
    place = _place(house)
    ring = await ring_of(house)
    domains = [await own_domain(house, domain)] if domain else await own_domains(house)
    addresses = await addresses_of(place.hostname, place.resolver)
    for name in domains:
        for one in records_of(name, ring.rows(name), place, addresses):
            yield {"domain": name, **_shown(one.record), "why": one.why}
        for hint in HINTS:
            yield {"domain": name, "hint": hint.format(domain=name, host=place.hostname)}


async def check(house: House, arguments: Arguments) -> Rows:
    """Every record with what the DNS shows of it, then what is wrong with what is there."""
    domain = await own_domain(house, arguments.text("domain"))
    arguments.finish()
    place = _place(house)
    place.forget()
    ring = await ring_of(house)
    keys = ring.rows(domain)
    await _demand_answers(place)
    addresses = await addresses_of(place.hostname, place.resolver)
    advice = records_of(domain, keys, place, addresses)
    found = await asyncio.gather(*[compare(one, place.resolver) for one in advice])
    for one, compared in zip(advice, found, strict=True):
        yield _compared(one, compared)
    for left in await leftovers(keys, place.resolver):
        yield _compared(None, left)
    if not addresses:
        yield _faulty(Fault("host.address", place.hostname, "the server's name has no address", "publish an A record"))
    for fault in await lint(domain, place.resolver, [row.selector for row in keys if row.is_to_be_published]):
        yield _faulty(fault)


async def _demand_answers(place: Place) -> None:
    """One question first: every other would wait as long for nothing."""
    try:
        await place.resolver.a(place.hostname)
    except DnsTrouble as trouble:
        raise CannotDo(f"the DNS gives no answer: {trouble}", "try again later, or see [dns] server") from trouble


def _place(house: House) -> Place:
    if house.place is None:
        raise CannotDo("the name of this server is not known", "start it, or name its configuration with --config")
    return house.place


def _shown(record: ZoneRecord) -> Row:
    texts = list(record.strings) if record.type == "TXT" else []
    return {**asdict(record), "strings": texts, "zone": format_record(record)}


def _compared(one: Advice | None, found: Compared) -> Row:
    record = found.record
    return {
        "state": found.state,
        "type": record.type,
        "name": record.name,
        "wanted": record.value,
        "found": list(found.found),
        "advice": found.advice,
        "why": one.why if one is not None else "the key is removed",
    }


def _faulty(fault: Fault) -> Row:
    return {"state": "fault", "fault": fault.name, "name": fault.where, "what": fault.what, "advice": fault.advice}
