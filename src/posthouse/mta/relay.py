"""The relay: finds an open way to the next hop and carries loads over it.

Hosts are tried in the order of the route, addresses in the order of RFC 3974;
a host that cannot be reached, greets with a refusal, or breaks off before the
message is complete is passed over for the next. TLS is taken where offered;
only the policy ``MAY`` goes on in the clear when the handshake fails.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from posthouse.filter.returnpath import ReturnPaths
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.outcome import Deferred, Failed, Outcome
from posthouse.mail.reply import Reply, reply
from posthouse.mta.classify import with_status
from posthouse.mta.conversion import Converter
from posthouse.mta.feedback.sessions import Sessions
from posthouse.mta.link import Link
from posthouse.mta.load import Load
from posthouse.mta.mx import LOOP, MAX_HOSTS
from posthouse.mta.opening import Opening, Refused
from posthouse.mta.passage import Passage, prepare
from posthouse.mta.route import Hop, HostRoute, Routes, TlsPolicy
from posthouse.mta.signing import Signer
from posthouse.mta.transfer import LOST, MaySend, Transfer
from posthouse.net.ports import Dialer
from posthouse.storage.ports import Blobs

UNREACHED = reply(451, "4.4.1", "no server of the destination can be reached")


@dataclass(frozen=True, slots=True)
class Trip:
    """What came of one load. ``link`` is open for the next one, or None; ``reached``: some server talked mail to us."""

    outcomes: dict[int, Outcome]
    link: Link | None
    reached: bool


class Relay:
    """Carries loads to the hosts of a route."""

    def __init__(
        self,
        *,
        dialer: Dialer,
        routes: Routes,
        blobs: Blobs,
        clock: Clock,
        ids: Ids,
        hostname: str,
        signer: Signer | None = None,
        sessions: Sessions | None = None,
        paths: ReturnPaths | None = None,
    ) -> None:
        self._routes = routes
        self._paths = paths
        self._sessions = sessions
        self._blobs = blobs
        self._converter = Converter(blobs, signer)
        self._opening = Opening(dialer, clock, ids, hostname)

    async def carry(self, route: HostRoute, load: Load, link: Link | None, may_send: MaySend) -> Trip:
        """Carry ``load``, over ``link`` if it is still good. Never raises for what servers do."""
        if link is not None:
            tried = await self._try(route, load, link, may_send)
            if tried.answered or link.reusable:
                return _trip(tried.outcomes, link)
        last: Reply = UNREACHED
        host = ""
        permanent = True
        async for hop, address in self._ways(route):
            if isinstance(address, Reply):
                last, permanent = address, permanent and address.permanent
                continue
            host = hop.host
            if not may_send(load):  # the hosts before took their time
                return Trip({}, None, reached=True)
            fresh = await self._opening.open(hop, address, route.terms)
            self._count(route, hop, address, load, fresh)
            if isinstance(fresh, Refused):
                last, permanent = fresh.reply, permanent and fresh.reply.permanent
                continue
            tried = await self._try(route, load, fresh, may_send)
            if fresh.reusable or tried.ended or not _all_deferred(tried.outcomes, load):
                return _trip(tried.outcomes, fresh)
            fresh.drop()
            outcome = next(iter(tried.outcomes.values()))
            last, permanent = outcome.reply if isinstance(outcome, Deferred) else UNREACHED, False
        answer = with_status(last)
        outcome = Failed(answer, host) if permanent and answer.permanent else Deferred(_soften(answer), host)
        return Trip({item.item: outcome for item in load.items}, None, reached=False)

    def _count(self, route: HostRoute, hop: Hop, address: str, load: Load, found: Link | Refused) -> None:
        """For the reports about TLS: not mail that a smarthost passes on, and no reports."""
        if self._sessions is None or load.first.is_report or route.terms.lmtp or self._routes.is_default(route):
            return
        if found.tls_failure or (isinstance(found, Link) and found.stream.channel is not None):
            self._sessions.saw(load.first.domain, hop.host, address, found.tls_failure)

    async def _try(self, route: HostRoute, load: Load, link: Link, may_send: MaySend) -> "_Tried":
        verified = link.stream.channel is not None and route.terms.tls is TlsPolicy.VERIFY
        passage = await prepare(
            load, link.offered, self._blobs, self._converter, verified_tls=verified, paths=self._paths
        )
        if isinstance(passage, Reply):
            return _Tried({item.item: Failed(passage, link.host) for item in load.items}, answered=True, ended=False)
        try:
            return await self._transfer_parts(load, link, passage, may_send)
        finally:
            passage.forget()

    async def _transfer_parts(self, load: Load, link: Link, passage: Passage, may_send: MaySend) -> "_Tried":
        """As many transactions as the server's limit of recipients makes of it."""
        tried = _Tried({})
        for part in load.parts(link.offered.recipients_max):
            if tried.answered and not link.reusable:
                tried = tried.and_then(_Tried({item.item: Deferred(LOST, link.host) for item in part.items}))
            else:
                tried = tried.and_then(await self._transfer(Transfer(link, part, passage, self._blobs, may_send)))
        return tried

    async def _transfer(self, transfer: Transfer) -> "_Tried":
        try:
            await transfer.run()
        except BaseException:
            transfer.drop()
            raise
        return _Tried(transfer.outcomes, transfer.answered, transfer.ended)

    async def _ways(self, route: HostRoute) -> AsyncIterator[tuple[Hop, str | Reply]]:
        """Every address of every host in turn; a reply stands for a host that has none."""
        for hop in route.hops[:MAX_HOSTS]:
            found = await self._routes.addresses(route, hop)
            if isinstance(found, Reply):
                yield hop, found
                if found is LOOP:  # RFC 5321 section 5.1: what is no better than we are is left out
                    return
                continue
            for address in found:
                yield hop, address


@dataclass(frozen=True, slots=True)
class _Tried:
    """One load on one link: ``ended`` means that the content's end went out, so that no other host may be tried."""

    outcomes: dict[int, Outcome]
    answered: bool = False
    ended: bool = False

    def and_then(self, later: "_Tried") -> "_Tried":
        """With what came of the rest of the recipients."""
        return _Tried(self.outcomes | later.outcomes, self.answered or later.answered, ended=self.ended or later.ended)


def _all_deferred(outcomes: dict[int, Outcome], load: Load) -> bool:
    return len(outcomes) == len(load.items) and all(isinstance(outcome, Deferred) for outcome in outcomes.values())


def _trip(outcomes: dict[int, Outcome], link: Link) -> Trip:
    if link.reusable:
        return Trip(outcomes, link, reached=True)
    link.drop()
    return Trip(outcomes, None, reached=True)


def _soften(answer: Reply) -> Reply:
    """A refusal of one host among several is not the destination's last word."""
    if answer.transient:
        return answer
    return reply(451, "4.4.1", f"the destination cannot be used now: {answer}")
