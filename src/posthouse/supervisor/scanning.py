"""The scanners of the configuration, made at start and at a reload, and asked now and then whether they are back."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from posthouse.filter.action import Action
from posthouse.filter.scanners.clamd import Clamd
from posthouse.filter.scanners.early import MilterScanner
from posthouse.filter.scanners.icap import Icap
from posthouse.filter.scanners.milter import Milter
from posthouse.filter.scanners.rspamd import Rspamd
from posthouse.filter.scanners.scanner import Scanner, Speaker
from posthouse.filter.scanners.terms import Scope, Terms
from posthouse.lib.ports import Clock
from posthouse.net.places import PlaceDialer, parse_place
from posthouse.observe.ports import Journal, Meter
from posthouse.supervisor.sections.boundary import ScannerSection

WATCH_SECONDS = 1.0


def terms_of(section: ScannerSection) -> Terms:
    return Terms(
        name=section.label,
        kind=section.kind,
        place=parse_place(section.address),
        seconds=section.timeout,
        on_failure=Action(section.on_failure),
        on_virus=Action(section.on_virus),
        scope=Scope(section.scope),
        at_once=section.at_once,
        largest=section.largest or 0,
        service=section.service,
        mode=section.mode,
    )


def speaker_of(terms: Terms, clock: Clock, hostname: str) -> Speaker:
    """Who speaks its protocol."""
    dialer = PlaceDialer()
    if terms.kind == "clamd":
        return Clamd(terms, dialer, clock)
    if terms.kind == "rspamd":
        return Rspamd(terms, dialer, clock, hostname)
    if terms.kind == "icap":
        return Icap(terms, dialer, clock)
    return Milter(terms, dialer, clock, hostname)


def build_scanners(
    sections: Sequence[ScannerSection],
    before: Mapping[str, Scanner],
    *,
    clock: Clock,
    journal: Journal,
    meter: Meter,
    hostname: str,
) -> dict[str, Scanner]:
    """The scanners by name; one whose terms have not changed stays who it is."""
    made: dict[str, Scanner] = {}
    for section in sections:
        terms = terms_of(section)
        known = before.get(terms.name)
        if known is not None and known.terms == terms:
            made[terms.name] = known
        else:
            speaker = speaker_of(terms, clock, hostname)
            if isinstance(speaker, Milter):
                made[terms.name] = MilterScanner(terms, speaker, clock=clock, journal=journal, meter=meter)
            else:
                made[terms.name] = Scanner(terms, speaker, clock=clock, journal=journal, meter=meter)
    for name, scanner in before.items():
        if made.get(name) is not scanner:
            scanner.close()
    return made


def milters_of(scanners: Mapping[str, Scanner]) -> tuple[MilterScanner, ...]:
    """Those that are asked while the envelope comes."""
    return tuple(scanner for scanner in scanners.values() if isinstance(scanner, MilterScanner))


async def watch_scanners(scanners: Callable[[], Mapping[str, Scanner]]) -> None:
    """Those that are down are asked whether they are back; a new one once."""
    while True:
        await asyncio.gather(*[scanner.probe_if_down() for scanner in scanners().values()])
        await asyncio.sleep(WATCH_SECONDS)
