"""SPF check_host() (RFC 7208 section 4).

Limits (L37): 10 terms that ask the DNS, 2 questions without an answer, 10
names of one ``mx`` or ``ptr``. What exceeds them is ``permerror``; DNS
trouble is ``temperror``, which must never lead to a permanent refusal.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar

from posthouse.standards.dns.ports import Answer, DnsTrouble, Resolver
from posthouse.standards.spf.macro import Scope, expand, expand_domain, uses_sender, uses_validated_name
from posthouse.standards.spf.record import (
    MACRO_STRING,
    Mechanism,
    Qualifier,
    Record,
    SpfSyntaxError,
    is_spf,
    parse_record,
)

Asked = TypeVar("Asked")

MAX_LOOKUPS = 10  # RFC 7208 section 4.6.4
MAX_VOID = 2  # RFC 7208 section 4.6.4
MAX_NAMES = 10  # RFC 7208 section 4.6.4, of one mx or ptr


class Result(Enum):
    """RFC 7208 section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is for people: the mechanism that matched, or what was wrong. ``explanation`` is the domain's own."""

    result: Result
    reason: str = ""
    explanation: str = ""
    personal: bool = False
    """It was asked for this very sender (macros ``s`` and ``l``): another one of the same domain may fare otherwise."""


class _Permanent(Exception):
    """Ends the check with ``permerror``."""


_RESULTS = {
    Qualifier.PASS: Result.PASS,
    Qualifier.FAIL: Result.FAIL,
    Qualifier.SOFTFAIL: Result.SOFTFAIL,
    Qualifier.NEUTRAL: Result.NEUTRAL,
}


async def check_host(
    resolver: Resolver, address: str, domain: str, sender: str, *, helo: str, receiver: str = "unknown", now: int = 0
) -> Verdict:
    """Whether ``address`` may send as ``sender``.

    ``domain`` is the A-label domain of ``sender`` (or the HELO name, with
    ``postmaster@`` before it as ``sender``); ``now`` is for the macro ``t``.
    """
    if not is_name(domain):
        return Verdict(Result.NONE, "not a domain name")  # RFC 7208 section 4.3
    local, at, sender_domain = sender.rpartition("@")
    if not at or not local:
        sender = f"postmaster@{sender_domain or domain}"
    client = ip_address(address)
    if isinstance(client, IPv6Address) and client.ipv4_mapped:
        client = client.ipv4_mapped
    check = _Check(resolver, Scope(client, sender, domain, helo, receiver, now))
    try:
        verdict = await check.evaluate(domain)
        return replace(verdict, personal=True) if check.personal else verdict
    except DnsTrouble as trouble:
        return Verdict(Result.TEMPERROR, str(trouble) or "DNS trouble")
    except (SpfSyntaxError, _Permanent) as wrong:
        return Verdict(Result.PERMERROR, str(wrong), personal=check.personal)


def is_name(domain: str) -> bool:
    """Whether ``domain`` is a multi-label name that may be looked up (RFC 7208 section 4.3)."""
    labels = domain.removesuffix(".").split(".")
    return len(labels) > 1 and len(domain) <= 254 and domain.isascii() and all(0 < len(label) <= 63 for label in labels)


class _Check:
    """One evaluation with what it may still ask. Includes share it, so nesting buys nothing."""

    def __init__(self, resolver: Resolver, scope: Scope) -> None:
        self.resolver = resolver
        self.scope = scope
        self.lookups = MAX_LOOKUPS
        self.void = MAX_VOID
        self.personal = False

    async def evaluate(self, domain: str, *, included: bool = False) -> Verdict:
        """The verdict of the record of ``domain``, following ``redirect`` (RFC 7208 section 4.6)."""
        while True:
            record = await self._record(domain)
            if record is None:
                return Verdict(Result.NONE, f"{domain} publishes no SPF record")
            if domain != self.scope.domain:
                self.scope = replace(self.scope, domain=domain)
            for mechanism in record.mechanisms:
                if await self._matches(mechanism):
                    return await self._matched(mechanism, record, included=included)
            if not record.redirect:
                return Verdict(Result.NEUTRAL, "no mechanism matched")  # RFC 7208 section 4.7
            self._spend_lookup()
            domain = await self._target(record.redirect)
            if not is_name(domain) or await self._record(domain) is None:
                raise _Permanent(f"redirect to {domain[:80]}, which publishes no SPF record")  # RFC 7208 section 6.1

    async def _matched(self, mechanism: Mechanism, record: Record, *, included: bool) -> Verdict:
        result = _RESULTS[mechanism.qualifier]
        explanation = ""
        if result is Result.FAIL and record.explanation and not included:
            explanation = await self._explain(record.explanation)
        return Verdict(result, f"matched {mechanism.qualifier.value}{mechanism.name}", explanation)

    async def _record(self, domain: str) -> Record | None:
        answer = await self.resolver.txt(domain.removesuffix("."))
        found = [text for octets in answer.records if is_spf(text := octets.decode("latin-1"))]
        if len(found) > 1:
            raise _Permanent(f"{domain} publishes {len(found)} SPF records")  # RFC 7208 section 4.5
        return parse_record(found[0]) if found else None

    async def _matches(self, mechanism: Mechanism) -> bool:
        name = mechanism.name
        if name == "all":
            return True
        if mechanism.network is not None:
            return self.scope.address in mechanism.network
        self._spend_lookup()
        target = await self._target(mechanism.domain) if mechanism.domain else self.scope.domain
        if not target.isascii():
            return False  # RFC 8616 section 4: a local part that is none of the DNS matches nothing
        if name == "include":
            return await self._included(target)
        if not is_name(target):
            return False
        if name == "a":
            return await self._has_address(target, mechanism)
        if name == "mx":
            return await self._has_exchange(target, mechanism)
        if name == "ptr":
            names = await self._validated_names()
            return any(found == target.lower() or found.endswith("." + target.lower()) for found in names)
        return bool((await self._ask(self.resolver.a(target))).records)  # exists: RFC 7208 section 5.7

    async def _included(self, target: str) -> bool:
        """RFC 7208 section 5.2: only a pass of the other record matches; its errors are ours."""
        if not is_name(target):
            raise _Permanent(f"include of {target[:80]!r}, which is no domain name")
        outer = self.scope
        verdict = await self.evaluate(target, included=True)
        self.scope = outer
        if verdict.result is Result.NONE:
            raise _Permanent(f"include of {target}, which publishes no SPF record")
        return verdict.result is Result.PASS

    async def _has_address(self, name: str, mechanism: Mechanism) -> bool:
        length = mechanism.four if self.scope.address.version == 4 else mechanism.six
        addresses = (await self._ask(self._addresses(name))).records
        return any(self._is_within(found, length) for found in addresses)

    async def _has_exchange(self, name: str, mechanism: Mechanism) -> bool:
        exchanges = (await self._ask(self.resolver.mx(name))).records
        if len(exchanges) > MAX_NAMES:
            raise _Permanent(f"{name} has more than {MAX_NAMES} MX records")
        length = mechanism.four if self.scope.address.version == 4 else mechanism.six
        for exchange in exchanges:
            if exchange.exchange:
                answer = await self._addresses(exchange.exchange)
                if any(self._is_within(found, length) for found in answer.records):
                    return True
        return False

    def _is_within(self, found: str, length: int) -> bool:
        return self.scope.address in ip_network(f"{found}/{length}", strict=False)

    async def _addresses(self, name: str) -> Answer[str]:
        is_four = isinstance(self.scope.address, IPv4Address)
        return await (self.resolver.a(name) if is_four else self.resolver.aaaa(name))

    async def _validated_names(self) -> list[str]:
        """RFC 7208 section 5.5: names of the client that lead back to it; errors only make them fewer."""
        try:
            names = (await self._ask(self.resolver.ptr(str(self.scope.address)))).records[:MAX_NAMES]
        except DnsTrouble:
            return []
        validated = []
        for name in names:
            try:
                answer = await self._addresses(name)
            except DnsTrouble:
                continue
            if any(ip_address(found) == self.scope.address for found in answer.records):
                validated.append(name.lower().rstrip("."))
        return validated

    async def _ask(self, question: Awaitable[Answer[Asked]]) -> Answer[Asked]:
        answer = await question
        if not answer.records:
            self.void -= 1
            if self.void < 0:
                raise _Permanent(f"more than {MAX_VOID} questions without an answer")
        return answer

    def _spend_lookup(self) -> None:
        self.lookups -= 1
        if self.lookups < 0:
            raise _Permanent(f"more than {MAX_LOOKUPS} terms that ask the DNS")

    async def _target(self, text: str) -> str:
        return expand_domain(text, await self._scope_for(text)).lower()

    async def _scope_for(self, text: str) -> Scope:
        self.personal = self.personal or uses_sender(text)
        if not uses_validated_name(text):
            return self.scope
        names, domain = await self._validated_names(), self.scope.domain.lower()
        best = [name for name in names if name == domain] or [n for n in names if n.endswith("." + domain)] or names
        return replace(self.scope, validated=best[0] if best else "unknown")

    async def _explain(self, text: str) -> str:
        """RFC 7208 section 6.2: any trouble means that there is no explanation."""
        try:
            target = await self._target(text)
            if not is_name(target):
                return ""
            answer = await self.resolver.txt(target)
            if len(answer.records) != 1:
                return ""
            words = answer.records[0].decode("ascii")
            return expand(words, await self._scope_for(words)) if _is_explanation(words) else ""
        except (DnsTrouble, UnicodeDecodeError, _Permanent, SpfSyntaxError):
            return ""


def _is_explanation(words: str) -> bool:
    return MACRO_STRING.match(words.replace(" ", "")) is not None
