"""What is wrong with the records of a domain of ours (threat D07): looked at before somebody else takes advantage.

RFC 9989 section 4, RFC 8301, RFC 5321 section 5.1.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from posthouse.ops.dnsfault import Fault
from posthouse.ops.spflint import MAX_MX, lint_spf
from posthouse.standards.dkim.key import Revoked, parse_key
from posthouse.standards.dkim.tags import parse_tags
from posthouse.standards.dns.ports import DnsTrouble, Resolver

WEAK_BITS: Final = 2048


async def lint(domain: str, resolver: Resolver, selectors: Sequence[str] = ()) -> list[Fault]:
    """All faults of ``domain``'s records; what the DNS does not answer is left out."""
    found = await asyncio.gather(
        lint_spf(domain, resolver),
        lint_dmarc(domain, resolver),
        lint_mx(domain, resolver),
        *[lint_key(f"{selector}._domainkey.{domain}", resolver) for selector in selectors],
    )
    return [fault for faults in found for fault in faults]


# -- DMARC


async def lint_dmarc(domain: str, resolver: Resolver) -> list[Fault]:
    """Whether others know what to do with mail that only pretends to be ours."""
    name = f"_dmarc.{domain}"
    try:
        answer = await resolver.txt(name)
    except DnsTrouble:
        return []
    texts = [text.decode("utf-8", "replace") for text in answer.records]
    found = [text for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1")]
    if not found:
        return [Fault("dmarc.missing", name, "there is no DMARC record", "posthouse dns records shows one")]
    if len(found) > 1:
        return [Fault("dmarc.two", name, "there are two DMARC records", "keep one: with two, none counts")]
    try:
        tags = parse_tags(found[0])
    except ValueError as wrong:
        return [Fault("dmarc.syntax", name, f"the record cannot be read: {wrong}", "mend it")]
    return [*_judge_policy(name, tags), *await _judge_reports(domain, name, tags, resolver)]


def _judge_policy(name: str, tags: dict[str, str]) -> list[Fault]:
    faults = []
    policy = tags.get("p", "").lower()
    if policy not in {"none", "quarantine", "reject"}:
        faults.append(
            Fault("dmarc.policy", name, f"p={policy or '(missing)'} is no policy", "p=none, quarantine or reject")
        )
    if policy == "none":
        faults.append(
            Fault(
                "dmarc.none", name, "p=none: forged mail is delivered", "p=reject, once the reports show only your own"
            )
        )
    if policy in {"quarantine", "reject"} and tags.get("sp", "").lower() == "none":
        faults.append(Fault("dmarc.subdomains", name, "sp=none: subdomains can be forged", "take sp out"))
    if "pct" in tags:
        faults.append(Fault("dmarc.pct", name, "pct is used no more (RFC 9989)", "take it out; t=y is for trying"))
    if "rua" not in tags:
        faults.append(
            Fault("dmarc.reports", name, "no rua: you hear of no forgery", f"rua=mailto:postmaster@{name[7:]}")
        )
    return faults


async def _judge_reports(domain: str, name: str, tags: dict[str, str], resolver: Resolver) -> list[Fault]:
    """RFC 9990 section 4: who gets reports about another domain must say that he wants them."""
    faults = []
    for uri in tags.get("rua", "").split(",")[:10]:
        scheme, _, address = uri.strip().partition(":")
        target = address.partition("!")[0].rpartition("@")[2].lower()
        if not uri.strip():
            continue
        if scheme.lower() != "mailto" or not target:
            faults.append(Fault("dmarc.rua", name, f"{uri.strip()} is no address", "write mailto:name@domain"))
        elif target != domain and not target.endswith(f".{domain}") and not domain.endswith(f".{target}"):
            try:
                texts = (await resolver.txt(f"{domain}._report._dmarc.{target}")).records
            except DnsTrouble:
                continue
            if not any(text.lower().startswith(b"v=dmarc1") for text in texts):
                what = f"{target} has not agreed to get reports about {domain}"
                faults.append(Fault("dmarc.rua", name, what, f"publish {domain}._report._dmarc.{target} there"))
    return faults


# -- MX and keys


async def lint_mx(domain: str, resolver: Resolver) -> list[Fault]:
    """Whether mail for the domain finds a way, and only to hosts that exist."""
    try:
        records = (await resolver.mx(domain)).records
    except DnsTrouble:
        return []
    if not records:
        return [Fault("mx.missing", domain, "there is no MX record", "posthouse dns records shows one")]
    faults = []
    if any(not mx.exchange for mx in records):
        what = "it says that the domain takes no mail (null MX)"
        faults.append(Fault("mx.null", domain, what, "delete the null MX"))
    for mx in records[:MAX_MX]:
        if mx.exchange and _is_address(mx.exchange):
            faults.append(Fault("mx.address", domain, f"{mx.exchange} is an address, not a name", "name a host"))
        elif mx.exchange:
            faults += await _judge_exchanger(domain, mx.exchange, resolver)
    return faults


async def _judge_exchanger(domain: str, host: str, resolver: Resolver) -> list[Fault]:
    try:
        addresses = [*(await resolver.a(host)).records, *(await resolver.aaaa(host)).records]
    except DnsTrouble:
        return []
    if not addresses:
        what = f"the mail exchanger {host} has no address"
        return [Fault("mx.dangling", domain, what, "take it out, or whoever gets the name gets your mail")]
    return []


async def lint_key(name: str, resolver: Resolver) -> list[Fault]:
    """Whether a published DKIM key can be used, and is strong enough."""
    try:
        records = (await resolver.txt(name)).records
    except DnsTrouble:
        return []
    if not records:
        return []
    if len(records) > 1:
        return [Fault("dkim.two", name, "there are two records", "keep one: with two, no signature holds")]
    try:
        key = parse_key(records[0])
    except Revoked:
        return [Fault("dkim.revoked", name, "the key is revoked", "delete the record, or publish the key again")]
    except ValueError as wrong:
        return [Fault("dkim.unusable", name, f"nobody can use it: {wrong}", "publish it as posthouse dns records says")]
    faults = []
    if key.kind == "rsa" and key.bits < WEAK_BITS:
        faults.append(
            Fault("dkim.weak", name, f"an RSA key of {key.bits} bits", "posthouse dkim rotate makes a better one")
        )
    if key.testing:
        faults.append(Fault("dkim.testing", name, "t=y: signatures count for nothing", "take t=y out"))
    return faults


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]").rstrip("."))
    except ValueError:
        return False
    return True
