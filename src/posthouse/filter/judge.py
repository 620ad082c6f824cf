"""The judgement: what happens to a message, given what was found out about it.

Refused for good is only what no other day can change: whenever an answer that
could have proven the author is missing, the message is deferred (threat
R09).
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.author import Ambiguous
from posthouse.filter.evidence import Evidence, SpfEvidence, is_within
from posthouse.mail.reply import Reply
from posthouse.standards.arc.verify import Status as ArcStatus
from posthouse.standards.authres.read import parse_results
from posthouse.standards.authres.results import AuthenticationResults, MethodResult
from posthouse.standards.dmarc.evaluate import Result as DmarcResult
from posthouse.standards.dmarc.record import Policy as DmarcPolicy
from posthouse.standards.spf.evaluate import Result as SpfResult


@dataclass(frozen=True, slots=True)
class Reason:
    """One ground. ``name`` is for counting, ``text`` for people."""

    name: str
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """``reply`` is there for ``DEFER`` and ``REFUSE``; ``override`` says why a DMARC policy was not followed.

    ``override`` is one of the words of RFC 9990 (``trusted_forwarder``,
    ``local_policy``, ``policy_test_mode``) or empty.
    """

    action: Action
    reasons: tuple[Reason, ...] = ()
    reply: Reply | None = None
    override: str = ""


def is_nobodys(domain: str) -> bool:  # noqa: ARG001 - the shape of Policy.is_own
    """For an office without domains."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the office has decided. Domains are A-labels in lower case."""

    is_own: Callable[[str], bool] = is_nobodys
    """Whether a domain is ours: who claims it from outside must prove it."""
    sealers: frozenset[str] = frozenset()
    """ARC sealers whose word about authentication counts (threat D06: nobody else's does)."""
    welcome: frozenset[str] = frozenset()
    """Author domains that are let in whatever DMARC says."""
    unwelcome: frozenset[str] = frozenset()
    """Author domains that are refused."""
    quarantine: Action = Action.QUARANTINE
    """What a DMARC policy of ``quarantine`` means here."""
    spf_fail: Action = Action.JUNK
    """What an SPF ``fail`` alone means, where no DMARC policy speaks."""


def judge(evidence: Evidence, policy: Policy) -> Verdict:
    """The verdict; the first ground that decides is the first reason."""
    author = evidence.author
    if evidence.exempt:
        return Verdict(Action.ACCEPT, (Reason("exempt", evidence.exempt),))
    if isinstance(author, Ambiguous):
        if author.is_absent:
            return _judge_path(evidence, policy)
        return _refused("author", f"the From {author.reason}", "5.7.1")
    if author.domain in policy.unwelcome:
        return _refused("unwelcome", f"mail of {author.domain} is not taken here", "5.7.1")
    if _is_proven(evidence):
        return _judge_path(evidence, policy)
    override = _override(author.domain, evidence, policy)
    if override is not None:
        return Verdict(Action.ACCEPT, (override[1],), override=override[0])
    if policy.is_own(author.domain):
        return _unproven(evidence, "own-domain", f"mail of {author.domain} must be sent by its own servers")
    return _judge_dmarc(evidence, policy)


def _is_proven(evidence: Evidence) -> bool:
    """Whether somebody entitled to it vouches for the author: DMARC, or the same for a domain without a policy."""
    if evidence.dmarc.result is DmarcResult.PASS:
        return True
    if isinstance(evidence.author, Ambiguous) or evidence.dmarc.result is DmarcResult.FAIL:
        return False
    return _vouched_for(evidence.author.domain, evidence, evidence.spf)


def _vouched_for(domain: str, evidence: Evidence, spf: SpfEvidence | None) -> bool:
    """Whether ``domain``, or one below it, has signed or is where the path leads."""
    if any(is_within(one, domain) for one in evidence.signers):
        return True
    return spf is not None and spf.passed and is_within(spf.domain, domain)


def _override(domain: str, evidence: Evidence, policy: Policy) -> tuple[str, Reason] | None:
    """Why we believe it all the same, and the word of RFC 9990 for it."""
    if domain in policy.welcome and not policy.is_own(domain):
        return "local_policy", Reason("welcome", f"{domain} is let in by a rule of ours")
    sealer = trusted_sealer(evidence, policy.sealers)
    return ("trusted_forwarder", Reason("arc", f"{sealer} found it authentic")) if sealer else None


def trusted_sealer(evidence: Evidence, sealers: frozenset[str]) -> str:
    """The trusted forwarder who saw the author proven, if every sealer since then is trusted too; else empty."""
    if evidence.arc.status is not ArcStatus.PASS or isinstance(evidence.author, Ambiguous):
        return ""
    believed = ""
    for one in reversed(evidence.arc.sets):
        if one.seal.domain not in sealers or one.message_signature.domain not in sealers:
            break
        if _testifies(one.results, evidence.author.domain):
            believed = one.seal.domain
    return believed


def _testifies(results: bytes, domain: str) -> bool:
    """Whether a sealer's own results say that ``domain`` was proven."""
    try:
        found: AuthenticationResults = parse_results(results)
    except ValueError:
        return False
    return any(_proves(one, domain) for one in found.results)


def _proves(one: MethodResult, domain: str) -> bool:
    if one.result != "pass":
        return False
    if one.method == "dmarc":
        return one.property("header", "from").lower().rstrip(".") == domain
    return one.method == "dkim" and one.property("header", "d").lower().rstrip(".") == domain


def _judge_dmarc(evidence: Evidence, policy: Policy) -> Verdict:
    """RFC 9989 section 5.3.6."""
    found = evidence.dmarc
    if found.result is DmarcResult.TEMPERROR:
        return _deferred("dmarc", f"the policy of {found.author} cannot be found at the moment")
    if found.result is not DmarcResult.FAIL:
        return _judge_path(evidence, policy)
    tested = "policy_test_mode" if found.policy is not found.published else ""
    path = _judge_path(evidence, policy)
    if not path.action.lets_in:
        return path
    if found.policy is DmarcPolicy.REJECT:
        return _unproven(evidence, "dmarc", f"the policy of {found.policy_domain} asks to reject it")
    if found.policy is DmarcPolicy.QUARANTINE:
        if evidence.is_temporary:
            return _deferred("dmarc", f"whether {found.author} sent it cannot be found out at the moment")
        reason = Reason("dmarc", f"the policy of {found.policy_domain} asks to quarantine it")
        return Verdict(policy.quarantine, (reason,), override=tested)
    reason = Reason("dmarc", f"{found.policy_domain} asks for nothing")
    return Verdict(path.action, (*path.reasons, reason), override=tested)


def _judge_path(evidence: Evidence, policy: Policy) -> Verdict:
    """The envelope: a sender that is ours must be proven too; elsewhere an SPF fail alone is only suspicious."""
    domain = evidence.mail_from.rpartition("@")[2].lower()
    spf = evidence.spf_mail
    if domain and policy.is_own(domain) and not _vouched_for(domain, evidence, spf):
        text = f"mail from {domain} must be sent by its own servers"
        return (
            _deferred("own-domain", text) if evidence.lacks_proof_of(domain) else _refused("own-domain", text, "5.7.26")
        )
    if not _is_proven(evidence) and _is_below_ours(evidence, policy):
        return Verdict(Action.JUNK, (Reason("own-domain", "it claims to come from a domain below ours"),))
    is_silent = evidence.dmarc.result is DmarcResult.NONE and not evidence.signers
    if is_silent and spf is not None and spf.verdict.result is SpfResult.FAIL:
        return _by_spf(spf.domain, policy.spf_fail)
    return Verdict(Action.ACCEPT)


def _is_below_ours(evidence: Evidence, policy: Policy) -> bool:
    """Whether the author claims a domain that nobody but us could have made."""
    if isinstance(evidence.author, Ambiguous):
        return False
    labels = evidence.author.domain.split(".")
    return any(policy.is_own(".".join(labels[at:])) for at in range(1, len(labels) - 1))


def _by_spf(domain: str, action: Action) -> Verdict:
    text = f"{domain} does not send from there"
    if action is Action.REFUSE:
        return _refused("spf", text, "5.7.23")  # RFC 7372 section 3.2
    return Verdict(action, (Reason("spf", text),))


def _unproven(evidence: Evidence, name: str, text: str) -> Verdict:
    if evidence.is_temporary:
        return _deferred(name, text + ", and whether they did cannot be found out at the moment")
    return _refused(name, text, "5.7.26")  # RFC 7372 section 3.4


def _refused(name: str, text: str, status: str) -> Verdict:
    return Verdict(Action.REFUSE, (Reason(name, text),), Reply(550, status, (_ascii(text),)))


def _deferred(name: str, text: str) -> Verdict:
    return Verdict(Action.DEFER, (Reason(name, text),), Reply(451, "4.7.26", (_ascii(text),)))


def _ascii(text: str) -> str:
    """Replies stay printable ASCII, whatever stands in the message."""
    return "".join(mark if " " <= mark <= "~" else "?" for mark in text)[:400]
