"""One report on its way: a mail on our own road to those who named an address, a request to those who named a URI."""

import asyncio
from typing import Final

import msgspec

from posthouse.lib.ports import Clock, Ids
from posthouse.mail.envelope import Envelope
from posthouse.mta.feedback.destinations import find_destinations
from posthouse.mta.feedback.letters import Report, Sign, format_mail, pack
from posthouse.mta.feedback.rows import Heap
from posthouse.mta.feedback.sent import trace_of
from posthouse.mta.feedback.web import NotTaken, Web
from posthouse.mta.intake import Intake
from posthouse.standards.dns.ports import Resolver

MOST_OCTETS: Final = 10 * 1024 * 1024
"""Of a mail: nobody must take more (L40)."""
TLS_KIND: Final = "application/tlsrpt+gzip"


class Planned(msgspec.Struct, frozen=True):
    """What will be sent, and to whom: ``addresses`` by mail, ``posts`` over HTTPS."""

    trace: str
    report: Report
    addresses: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    octets: int = 0
    envelope: Envelope | None = None
    content: bytes = b""

    @property
    def to(self) -> tuple[str, ...]:
        return self.addresses + self.posts


class Delivery:
    """``web`` hands reports over by HTTPS; without it nobody is gone to."""

    __slots__ = ("_clock", "_ids", "_intake", "_resolver", "_web")

    def __init__(self, intake: Intake, resolver: Resolver, web: Web, *, clock: Clock, ids: Ids) -> None:
        self._intake = intake
        self._resolver = resolver
        self._web = web
        self._clock = clock
        self._ids = ids

    async def plan(self, heap: Heap, report: Report, sign: Sign, begin: int) -> Planned:
        """As the DNS says now, within what each address takes; raises ``DnsTrouble``."""
        wanted = await find_destinations(self._resolver, heap.kind, heap.domain)
        planned = Planned(trace_of(heap, begin), report, (), wanted.posts, wanted.left_out)
        if not wanted.addresses:
            return planned
        envelope, octets = await self._write(heap, report, wanted.addresses, sign)
        small = wanted.within(len(octets), MOST_OCTETS)
        if small.addresses and small.addresses != wanted.addresses:
            envelope, octets = await self._write(heap, report, small.addresses, sign)
        return msgspec.structs.replace(
            planned,
            addresses=small.addresses,
            left_out=small.left_out,
            octets=len(octets),
            envelope=envelope,
            content=octets,
        )

    async def _write(self, heap: Heap, report: Report, to: tuple[str, ...], sign: Sign) -> tuple[Envelope, bytes]:
        token, now = self._ids.token(18), self._clock.now()
        return await asyncio.to_thread(format_mail, report, heap.domain, to, sign, now=now, token=token)

    async def carry_out(self, planned: Planned) -> Planned:
        """**Durable** as far as mail goes, and once. What was taken, and by whom; raises ``NotTaken`` if by nobody."""
        if planned.envelope is not None and planned.addresses:
            await self._intake.send(planned.envelope, planned.content, planned.trace)
        taken, left_out = [], list(planned.left_out)
        packed = await asyncio.to_thread(pack, planned.report) if planned.posts else b""
        for uri in planned.posts:
            try:
                await self._web.post(uri, TLS_KIND, packed)
                taken.append(uri)
            except NotTaken as error:
                left_out.append(f"{uri}: {error}")
        if not planned.addresses and not taken:
            raise NotTaken("; ".join(left_out))
        return msgspec.structs.replace(planned, posts=tuple(taken), left_out=tuple(left_out))
