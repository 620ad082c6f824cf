"""Finding out who sent a message: SPF, DKIM, ARC and DMARC within one allowance of DNS questions and time.

What does not wait for anything else is asked at the same time; DMARC comes
last, because it weighs the others. The cost of a message whose answers are
cached is that of its signatures; nothing here can fail.
"""

import math
from collections.abc import Coroutine
from typing import Any

import msgspec

from posthouse.filter.author import Ambiguous, Author, author_of
from posthouse.filter.eagerly import together
from posthouse.filter.evidence import Evidence, SpfEvidence, passing
from posthouse.filter.examination import Examination
from posthouse.filter.memory import Memory, Policed, Road, RoadKey
from posthouse.filter.questions import MAX_CHAIN_QUESTIONS, MAX_SPF_QUESTIONS, Allowance, Questions
from posthouse.lib.ports import Clock
from posthouse.standards.arc.verify import Chain, ChainVerifier
from posthouse.standards.arc.verify import Status as ArcStatus
from posthouse.standards.dkim.verify import Verification, Verifier
from posthouse.standards.dmarc.evaluate import Evaluation, Identifier, evaluate
from posthouse.standards.dmarc.evaluate import Result as DmarcResult
from posthouse.standards.dns.ports import Resolver
from posthouse.standards.imf.address import mailboxes
from posthouse.standards.imf.header import Header
from posthouse.standards.spf.evaluate import Result as SpfResult
from posthouse.standards.spf.evaluate import Verdict as SpfVerdict
from posthouse.standards.spf.evaluate import check_host, is_name

MAX_REPLY_TO = 20

NO_CHAIN = Chain(ArcStatus.NONE)


class Signatures(msgspec.Struct, frozen=True):
    """What the signatures of a message say, looked at before the rest, and the allowance that they drew from."""

    found: tuple[Verification, ...]
    allowance: Allowance


class Inquiry:
    """Asks the DNS about senders, and ``memory`` before it; one for all messages. ``receiver`` is who asks."""

    __slots__ = ("_clock", "_memory", "_receiver", "_resolver")

    def __init__(self, resolver: Resolver, clock: Clock, memory: Memory, *, receiver: str = "unknown") -> None:
        self._resolver = resolver
        self._clock = clock
        self._memory = memory
        self._receiver = receiver

    async def look_at_signatures(self, verifier: Verifier) -> Signatures:
        """The first part of ``authenticate``, for who may know the rest; never raises."""
        allowance = Allowance(self._clock)
        return Signatures(await self._signatures(verifier, allowance), allowance)

    async def authenticate(
        self, examination: Examination, *, peer: str, helo: str, mail_from: str, signatures: Signatures | None = None
    ) -> Evidence:
        """All that can be found out. ``mail_from`` is empty for the null reverse-path; never raises.

        ``signatures`` are given when they have been looked at already.
        """
        header = examination.close()
        author = author_of(header, self._memory.read_author)
        allowance = signatures.allowance if signatures is not None else Allowance(self._clock)
        dkim, arc = signatures.found if signatures is not None else (), NO_CHAIN
        key = (peer, helo, mail_from.rpartition("@")[2])
        road = self._memory.road(key)
        verifier = examination.signatures if signatures is None else None
        if road is None or verifier is not None:
            walked, found, chain = await together(
                self._walk(key, mail_from, allowance) if road is None else None,
                self._signatures(verifier, allowance) if verifier is not None else None,
                self._chain(examination.chain, allowance) if examination.chain is not None else None,
            )
            road, dkim, arc = road or walked, found or dkim, chain or arc
        policed = await self._policy(author, passing(dkim), road.mail or road.helo, allowance)
        return Evidence(
            author=author,
            peer=peer,
            helo=helo,
            mail_from=mail_from,
            spf_helo=road.helo,
            spf_mail=road.mail,
            dkim=dkim,
            dmarc=policed.evaluation,
            arc=arc,
            reply_to=_reply_to(header),
            queries=allowance.asked,
            until=min(road.until, policed.until),
        )

    async def authenticate_transit(
        self, examination: Examination, *, peer: str, helo: str, mail_from: str, exempt: str
    ) -> Evidence:
        """What is told of mail from a client that need not prove anything to those whom we send it on to; never raises.

        It is what signatures say, if ``examination`` has looked at any. SPF would be about the client, who is not the
        sender, and so DMARC is told only where a signature proves the author.
        """
        author = author_of(examination.close())
        evidence = Evidence(author=author, peer=peer, helo=helo, mail_from=mail_from, exempt=exempt)
        if examination.signatures is None:
            return evidence
        allowance = Allowance(self._clock)
        dkim, arc = await together(
            self._signatures(examination.signatures, allowance),
            self._chain(examination.chain, allowance) if examination.chain is not None else None,
        )
        evidence = msgspec.structs.replace(evidence, dkim=dkim, arc=arc or NO_CHAIN)
        if not evidence.signers:
            return evidence
        policed = await self._policy(author, evidence.signers, None, allowance)
        is_proven = policed.evaluation.result is DmarcResult.PASS
        return msgspec.structs.replace(evidence, dmarc=policed.evaluation) if is_proven else evidence

    async def _signatures(self, verifier: Verifier, allowance: Allowance) -> tuple[Verification, ...]:
        questions = Questions(self._resolver, allowance)
        return await verifier.finish(questions, int(self._clock.now()), self._memory.read_key)

    async def _chain(self, verifier: ChainVerifier, allowance: Allowance) -> Chain:
        questions = Questions(self._resolver, allowance, MAX_CHAIN_QUESTIONS)
        return await verifier.finish(questions, int(self._clock.now()), self._memory.read_key)

    async def _walk(self, key: RoadKey, mail_from: str, allowance: Allowance) -> Road:
        """SPF of both identities, which share their part of the allowance (L37)."""
        questions = Questions(self._resolver, allowance, MAX_SPF_QUESTIONS)
        paths = _Paths(questions, key[0], key[1], mail_from, self._receiver, int(self._clock.now()))
        helo, mail = await together(paths.of_helo(), paths.of_sender())
        return self._memory.keep_road(key, Road(questions.until, helo, mail))

    async def _policy(
        self, author: Author | Ambiguous, signers: tuple[str, ...], spf: SpfEvidence | None, allowance: Allowance
    ) -> Policed:
        """DMARC: what the author's domain wants, and whether anybody vouches for it."""
        if isinstance(author, Ambiguous):
            return Policed(math.inf, Evaluation(DmarcResult.NONE, "", reason="no author"))
        domain = author.domain
        if not is_name(domain):
            return Policed(math.inf, Evaluation(DmarcResult.NONE, domain, reason="not a domain name"))
        proven = proven_by(domain, signers, spf)
        known = self._memory.policy((domain, proven))
        if known is not None:
            return known
        questions = Questions(self._resolver, allowance, kept=0)
        found = await evaluate(questions, domain, proven)
        if found.result is DmarcResult.TEMPERROR and questions.spent:  # too many signers; only the author's own count
            found = await evaluate(questions, domain, [one for one in proven if one.domain == domain])
        return self._memory.keep_policy((domain, proven), Policed(questions.until, found))


class _Paths:
    """SPF of one message."""

    __slots__ = ("_helo", "_mail_from", "_now", "_peer", "_questions", "_receiver")

    def __init__(self, questions: Questions, peer: str, helo: str, mail_from: str, receiver: str, now: int) -> None:
        self._questions = questions
        self._peer = peer
        self._helo = helo.lower().rstrip(".")
        self._mail_from = mail_from
        self._receiver = receiver
        self._now = now

    def of_helo(self) -> Coroutine[Any, Any, SpfEvidence] | None:
        """RFC 7208 section 2.3; None for a HELO that is no domain name."""
        if not is_name(self._helo) or self._helo.startswith("["):
            return None
        return self._check("helo", self._helo, f"postmaster@{self._helo}")

    def of_sender(self) -> Coroutine[Any, Any, SpfEvidence] | None:
        """RFC 7208 section 2.4; None for the null reverse-path, where HELO stands in."""
        domain = self._mail_from.rpartition("@")[2].lower()
        return self._check("mailfrom", domain, self._mail_from) if domain else None

    async def _check(self, identity: str, domain: str, sender: str) -> SpfEvidence:
        try:
            verdict = await check_host(
                self._questions, self._peer, domain, sender, helo=self._helo, receiver=self._receiver, now=self._now
            )
        except ValueError:  # an address that is none
            verdict = SpfVerdict(SpfResult.NONE, "no address to check")
        if verdict.result is SpfResult.TEMPERROR and self._questions.spent:
            verdict = SpfVerdict(SpfResult.PERMERROR, "too many questions to the DNS")
        return SpfEvidence(identity, domain, verdict)


def proven_by(author: str, signers: tuple[str, ...], spf: SpfEvidence | None) -> tuple[Identifier, ...]:
    """The domains that vouch (RFC 9989 section 4.4), the author's own first; those that cannot align are left out.

    Two names align only within one organizational domain, and so share at
    least their last label.
    """
    found = [Identifier("dkim", domain) for domain in dict.fromkeys(signers)]
    if spf is not None and spf.passed:
        found.append(Identifier("spf", spf.domain))
    if not found:
        return ()
    last = author.rpartition(".")[2]
    found = [one for one in found if one.domain.rpartition(".")[2] == last]
    return tuple(sorted(found, key=lambda one: one.domain != author))


def _reply_to(header: Header) -> tuple[str, ...]:
    value = header.first("reply-to")
    if value is None:
        return ()
    found = (one.domain.decode("utf-8", "replace").lower() for one in mailboxes(value, MAX_REPLY_TO))
    return tuple(dict.fromkeys(domain for domain in found if domain))
