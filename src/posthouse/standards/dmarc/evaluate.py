"""DMARC evaluation: is the author's domain proven, and what does its owner want otherwise (RFC 9989 section 5.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import msgspec

from posthouse.standards.dmarc.record import Policy, Record
from posthouse.standards.dmarc.walk import walk
from posthouse.standards.dns.ports import DnsTrouble, Resolver


class Result(Enum):
    """RFC 8601 section 2.7.4 and RFC 9989 section 5.3.5. ``temperror`` must never refuse for good."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"


class Identifier(msgspec.Struct, frozen=True):
    """A domain that SPF or DKIM has proven. ``mechanism`` is ``spf`` or ``dkim``."""

    mechanism: str
    domain: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``policy`` is what the owner asks for when it fails, ``t=y`` already taken off (``published`` is before that)."""

    result: Result
    author: str
    policy_domain: str = ""
    policy: Policy = Policy.NONE
    published: Policy = Policy.NONE
    aligned: tuple[Identifier, ...] = ()
    record: Record | None = None
    reason: str = ""


_WEAKER = {Policy.REJECT: Policy.QUARANTINE, Policy.QUARANTINE: Policy.NONE, Policy.NONE: Policy.NONE}


async def evaluate(resolver: Resolver, author: str, proven: Iterable[Identifier]) -> Evaluation:
    """The evaluation for ``author``, the A-label domain of the one address in From."""
    author = author.lower().rstrip(".")
    try:
        return await _evaluate(resolver, author, tuple(proven))
    except DnsTrouble as trouble:
        return Evaluation(Result.TEMPERROR, author, reason=str(trouble) or "DNS trouble")


async def _evaluate(resolver: Resolver, author: str, proven: tuple[Identifier, ...]) -> Evaluation:
    path = await walk(resolver, author)
    found = path.policy
    if found is None:
        return Evaluation(Result.NONE, author, reason="no policy is published")
    domain, record = found
    if record.void:  # RFC 9989 section 4.10.1; what the names above ask for is no matter then
        return Evaluation(Result.NONE, author, reason=f"the policy of {domain} cannot be understood")
    organizations = {author: path.organizational_domain}
    aligned: list[Identifier] = []
    trouble: DnsTrouble | None = None
    for one in proven:
        try:
            if await _is_aligned(resolver, author, one, record, organizations):
                aligned.append(one)
        except DnsTrouble as wrong:  # about this one; another may still prove it
            trouble = wrong
    if trouble is not None and not aligned:
        raise trouble
    published = await _published(resolver, author, domain, record)
    return Evaluation(
        Result.PASS if aligned else Result.FAIL,
        author,
        domain,
        _WEAKER[published] if record.testing else published,
        published,
        tuple(aligned),
        record,
    )


async def _is_aligned(
    resolver: Resolver, author: str, identifier: Identifier, record: Record, organizations: dict[str, str]
) -> bool:
    """RFC 9989 section 4.4: the same name, or (relaxed) the same organizational domain.

    That of a name is above it or the name itself, so nothing is asked about strangers:
    trouble in their DNS would else put off what is to be refused.
    """
    domain = identifier.domain.lower().rstrip(".")
    if domain == author:
        return True
    if record.strict_dkim if identifier.mechanism == "dkim" else record.strict_spf:
        return False
    shared = organizations[author]
    if domain != shared and not domain.endswith("." + shared):
        return False
    if domain not in organizations:
        organizations[domain] = (await walk(resolver, domain)).organizational_domain
    return organizations[domain] == shared


async def _published(resolver: Resolver, author: str, domain: str, record: Record) -> Policy:
    """``p``, ``sp`` or ``np`` (RFC 9989 section 4.10.1)."""
    if domain == author:
        return record.p
    if record.np is not None and not (await resolver.a(author)).exists:
        return record.np
    return record.sp if record.sp is not None else record.p
