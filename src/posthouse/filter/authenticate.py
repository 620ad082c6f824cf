"""Finding out who sent a message: SPF, DKIM, ARC and DMARC within one allowance of DNS questions and time.

What does not wait for anything else is asked at the same time; DMARC comes
last, because it weighs the others. The cost of a message whose answers are
cached is that of its signatures; nothing here can fail.
"""

import math
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any

import msgspec

from posthouse.filter.author import Ambiguous, Author, author_of
from posthouse.filter.eagerly import together
from posthouse.filter.evidence import Evidence, IpRev, SpfEvidence
from posthouse.filter.examination import Examination
from posthouse.filter.memory import Memory, Policed, Road
from posthouse.filter.questions import MAX_CHAIN_QUESTIONS, MAX_SPF_QUESTIONS, Allowance, Questions
from posthouse.lib.ports import Clock
from posthouse.standards.arc.verify import Chain
from posthouse.standards.arc.verify import Status as ArcStatus
from posthouse.standards.dkim.key import PublicKey, parse_key
from posthouse.standards.dkim.verify import Result as DkimResult
from posthouse.standards.dkim.verify import Verification, Verifier
from posthouse.standards.dmarc.evaluate import Evaluation, Identifier, evaluate
from posthouse.standards.dmarc.evaluate import Result as DmarcResult
from posthouse.standards.dns.ports import DnsTrouble, Resolver
from posthouse.standards.imf.address import mailboxes
from posthouse.standards.imf.header import Header
from posthouse.standards.spf.evaluate import Result as SpfResult
from posthouse.standards.spf.evaluate import Verdict as SpfVerdict
from posthouse.standards.spf.evaluate import check_host, is_name

MAX_REPLY_TO = 20
MAX_NAMES = 10
"""Names of a client that are looked up to see whether one leads back (RFC 8601 section 3)."""

NO_CHAIN = Chain(ArcStatus.NONE)


class Signatures(msgspec.Struct, frozen=True):
    """What the signatures of a message say, looked at before the rest, and the allowance that they drew from."""

    found: tuple[Verification, ...]
    allowance: Allowance


async def look_at_signatures(verifier: Verifier, *, resolver: Resolver, clock: Clock, memory: Memory) -> Signatures:
    """The first part of ``authenticate``, for who may know the rest; never raises."""
    allowance = Allowance(clock)
    found = await verifier.finish(Questions(resolver, allowance), int(clock.now()), memory.read_key)
    return Signatures(found, allowance)


async def authenticate(
    examination: Examination,
    *,
    peer: str,
    helo: str,
    mail_from: str,
    resolver: Resolver,
    clock: Clock,
    receiver: str = "unknown",
    with_name: bool = False,
    memory: Memory | None = None,
    signatures: Signatures | None = None,
) -> Evidence:
    """All that can be found out. ``mail_from`` is empty for the null reverse-path; never raises.

    ``with_name`` also looks whether the client's address has a name (iprev).
    ``memory`` is asked first, and told what was concluded. ``signatures`` are
    given when they have been looked at already.
    """
    header = examination.close()
    author = author_of(header, memory.read_author if memory is not None else None)
    allowance = signatures.allowance if signatures is not None else Allowance(clock)
    key = (peer, helo, mail_from.rpartition("@")[2])
    road = memory.road(key) if memory is not None else None
    dkim = signatures.found if signatures is not None else None
    arc: Chain | None = None
    name: tuple[IpRev, str] | None = None
    if road is None or with_name or (signatures is None and examination.signatures is not None):
        now, read_key = int(clock.now()), memory.read_key if memory is not None else parse_key
        asking = Questions(resolver, allowance, MAX_SPF_QUESTIONS)
        paths = _Paths(asking, peer, helo, mail_from, receiver, now) if road is None else None
        found_helo, found_mail, found, arc, name = await together(
            paths.of_helo() if paths is not None else None,
            paths.of_sender() if paths is not None else None,
            _signatures(examination, Questions(resolver, allowance), now, read_key) if signatures is None else None,
            _chain(examination, Questions(resolver, allowance, MAX_CHAIN_QUESTIONS), now, read_key),
            _client_name(Questions(resolver, allowance), peer) if with_name else None,
        )
        dkim = found or dkim
        if road is None:
            road = Road(asking.until, found_helo, found_mail)
            if memory is not None:
                road = memory.keep_road(key, road)
    signers = tuple([one.domain for one in dkim if one.result is DkimResult.PASS]) if dkim else ()
    policed = await _evaluate(author, signers, road.mail or road.helo, resolver, allowance, memory)
    return Evidence(
        author=author,
        peer=peer,
        helo=helo,
        mail_from=mail_from,
        spf_helo=road.helo,
        spf_mail=road.mail,
        dkim=dkim or (),
        dmarc=policed.evaluation,
        arc=arc or NO_CHAIN,
        iprev=name[0] if name else None,
        client_name=name[1] if name else "",
        reply_to=_reply_to(header),
        queries=allowance.asked,
        until=min(road.until, policed.until),
    )


async def authenticate_transit(
    examination: Examination,
    *,
    peer: str,
    helo: str,
    mail_from: str,
    exempt: str,
    resolver: Resolver,
    clock: Clock,
    memory: Memory | None = None,
) -> Evidence:
    """What is told of mail from a client that need not prove anything to those whom we send it on to; never raises.

    It is what signatures say, if ``examination`` has looked at any. SPF would be about the client, who is not the
    sender, and so DMARC is told only where a signature proves the author.
    """
    author = author_of(examination.close())
    evidence = Evidence(author=author, peer=peer, helo=helo, mail_from=mail_from, exempt=exempt)
    if examination.signatures is None:
        return evidence
    allowance, now = Allowance(clock), int(clock.now())
    read_key = memory.read_key if memory is not None else parse_key
    dkim, arc = await together(
        _signatures(examination, Questions(resolver, allowance), now, read_key),
        _chain(examination, Questions(resolver, allowance, MAX_CHAIN_QUESTIONS), now, read_key),
    )
    evidence = msgspec.structs.replace(evidence, dkim=dkim or (), arc=arc or NO_CHAIN)
    if not evidence.signers:
        return evidence
    policed = await _evaluate(author, evidence.signers, None, resolver, allowance, memory)
    is_proven = policed.evaluation.result is DmarcResult.PASS
    return msgspec.structs.replace(evidence, dmarc=policed.evaluation) if is_proven else evidence


class _Paths:
    """SPF of one message: both identities share one allowance (L37)."""

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


def _signatures(
    examination: Examination, questions: Questions, now: int, read_key: Callable[[bytes], PublicKey]
) -> Coroutine[Any, Any, tuple[Verification, ...]] | None:
    verifier = examination.signatures
    return None if verifier is None else verifier.finish(questions, now, read_key)


def _chain(
    examination: Examination, questions: Questions, now: int, read_key: Callable[[bytes], PublicKey]
) -> Coroutine[Any, Any, Chain] | None:
    return None if examination.chain is None else examination.chain.finish(questions, now, read_key)


async def _client_name(questions: Questions, peer: str) -> tuple[IpRev, str]:
    """RFC 8601 section 3: a name of the address that leads back to it."""
    try:
        names = (await questions.ptr(peer)).records[:MAX_NAMES]
        if not names:
            return IpRev.PERMERROR, ""
        client = ip_address(peer)
        for name in names:
            answer = await (questions.a(name) if client.version == 4 else questions.aaaa(name))
            if any(ip_address(found) == client for found in answer.records):
                return IpRev.PASS, name
    except DnsTrouble:
        return IpRev.TEMPERROR, ""
    except ValueError:
        return IpRev.PERMERROR, ""
    return IpRev.FAIL, ""


async def _evaluate(
    author: Author | Ambiguous,
    signers: tuple[str, ...],
    spf: SpfEvidence | None,
    resolver: Resolver,
    allowance: Allowance,
    memory: Memory | None,
) -> Policed:
    if isinstance(author, Ambiguous):
        return Policed(math.inf, Evaluation(DmarcResult.NONE, "", reason="no author"))
    domain = author.domain
    if not is_name(domain):
        return Policed(math.inf, Evaluation(DmarcResult.NONE, domain, reason="not a domain name"))
    proven = proven_by(domain, signers, spf)
    known = memory.policy((domain, proven)) if memory is not None else None
    if known is not None:
        return known
    questions = Questions(resolver, allowance, kept=0)
    found = await evaluate(questions, domain, proven)
    if found.result is DmarcResult.TEMPERROR and questions.spent:  # too many signers; only the author's own count
        found = await evaluate(questions, domain, [one for one in proven if one.domain == domain])
    policed = Policed(questions.until, found)
    return memory.keep_policy((domain, proven), policed) if memory is not None else policed


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
