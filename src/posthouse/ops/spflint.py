"""What an SPF record lets in that it should not, and why others may not be able to use it (threat D07).

RFC 7208 sections 3.4, 4.6.4, 5.5 and 10.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import Final

from posthouse.ops.dnsfault import Fault
from posthouse.standards.dns.ports import DnsTrouble, Resolver
from posthouse.standards.spf.record import Mechanism, Qualifier, Record, SpfSyntaxError, is_spf, parse_record

MAX_LOOKUPS: Final = 10  # RFC 7208 section 4.6.4
MAX_VOID: Final = 2  # RFC 7208 section 4.6.4
MAX_QUESTIONS: Final = 200
"""Of one lint: a record that leads to more is said to be endless."""
WIDEST: Final = {4: 16, 6: 32}
LONG_OCTETS: Final = 450
"""RFC 7208 section 3.4: with the rest of the answer it must fit into 512."""
MAX_MX: Final = 10  # RFC 7208 section 4.6.4


@dataclass(slots=True)
class _Count:
    lookups: int = 0
    void: int = 0
    networks: list[IPv4Network | IPv6Network] = field(default_factory=list)
    visited: set[str] = field(default_factory=set)
    questions: int = 0


async def lint_spf(domain: str, resolver: Resolver) -> list[Fault]:
    """What an SPF record lets in that it should not, and why others may not be able to use it."""
    linter = _SpfLinter(resolver)
    await linter.look(domain, is_top=True)
    linter.sum_up(domain)
    return linter.faults


class _SpfLinter:
    """One look at one record and all that it leads to."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._count = _Count()
        self.faults: list[Fault] = []

    def _add(self, name: str, where: str, what: str, advice: str) -> None:
        self.faults.append(Fault(name, where, what, advice))

    async def look(self, domain: str, *, is_top: bool = False, origin: str = "") -> None:
        """One record and those that it leads to."""
        count = self._count
        if domain in count.visited:
            self._add("spf.loop", domain, f"{origin or 'the record'} leads back to {domain}", "take the circle out")
            return
        count.visited.add(domain)
        texts = await self._records(domain)
        if texts is None:
            return
        if not texts:
            if is_top:
                self._add("spf.missing", domain, "there is no SPF record", "publish v=spf1 mx -all")
            else:
                self._add(
                    "spf.dangling",
                    domain,
                    f"{origin} leads to {domain}, which has no SPF record",
                    f"take {origin} out: whoever registers or controls the name may send as you",
                )
            return
        if len(texts) > 1:
            self._add("spf.two", domain, "there are two SPF records", "keep one: with two, none counts")
            return
        text = texts[0]
        if len(text) > LONG_OCTETS:
            self._add("spf.long", domain, f"the record has {len(text)} octets", f"keep it below {LONG_OCTETS}")
        try:
            record = parse_record(text)
        except SpfSyntaxError as wrong:
            self._add("spf.syntax", domain, f"the record cannot be read: {wrong}", "mend it, or it counts for nothing")
            return
        self._judge_end(domain, record, is_top=is_top)
        for mechanism in record.mechanisms:
            await self._judge(domain, mechanism)
        if record.redirect and not any(one.name == "all" for one in record.mechanisms):
            count.lookups += 1
            if "%" not in record.redirect:
                await self.look(record.redirect.lower().rstrip("."), origin=f"redirect={record.redirect}")

    def _judge_end(self, domain: str, record: Record, *, is_top: bool) -> None:
        names = [one.name for one in record.mechanisms]
        for one in record.mechanisms:
            if one.name == "all" and one.qualifier is Qualifier.PASS:
                self._add("spf.open", domain, "+all: the whole world may send as you", "end it with -all")
            elif one.name == "all" and one.qualifier is Qualifier.NEUTRAL and is_top:
                self._add("spf.neutral", domain, "?all says nothing about anybody", "end it with -all")
        if "all" not in names and not record.redirect and is_top:
            self._add("spf.endless", domain, "the record does not say what of all others", "end it with -all")
        if "all" in names and names.index("all") < len(names) - 1:
            self._add("spf.unreached", domain, "what stands behind all is never looked at", "put all at the end")
        if "all" in names and record.redirect:
            self._add("spf.unreached", domain, "redirect counts for nothing beside all", "take one of the two out")

    async def _judge(self, domain: str, one: Mechanism) -> None:
        count = self._count
        if one.network is not None:
            if one.qualifier is not Qualifier.FAIL:
                count.networks.append(one.network)
            if one.network.prefixlen < WIDEST[one.network.version]:
                self._wide(domain, str(one.network))
        if one.name not in {"include", "a", "mx", "ptr", "exists"}:
            return
        count.lookups += 1
        target = (one.domain or domain).lower().rstrip(".")
        if one.name == "ptr":
            self._add("spf.ptr", domain, "ptr is slow and not to be used (RFC 7208 section 5.5)", "name networks")
        elif one.name == "exists" and "%" not in target and one.qualifier is Qualifier.PASS:
            self._add("spf.exists", domain, f"exists:{target} lets in everybody if the name exists", "take it out")
        elif "%" in target:
            return
        elif one.name == "include":
            await self.look(target, origin=f"include:{one.domain}")
        else:
            await self._judge_hosts(domain, one, target)

    async def _judge_hosts(self, domain: str, one: Mechanism, target: str) -> None:
        if one.four < WIDEST[4] or one.six < WIDEST[6]:
            self._wide(domain, f"{one.name}:{target}/{one.four}")
        hosts = [target]
        if one.name == "mx":
            hosts = await self._exchangers(domain, target)
        for host in hosts[:MAX_MX]:
            if await self._has_address(host) is False:
                self._count.void += one.name == "a"
                what = f"{one.name}:{target} leads to {host}, which has no address"
                self._add("spf.dangling", domain, what, "take it out, or whoever gets the name may send as you")

    async def _exchangers(self, domain: str, target: str) -> list[str]:
        if not self._may_ask():
            return []
        try:
            answer = await self._resolver.mx(target)
        except DnsTrouble:
            return []
        if not answer.records:
            self._count.void += 1
            self._add("spf.dangling", domain, f"mx:{target}: {target} has no MX records", "take it out")
        if len(answer.records) > MAX_MX:
            self._add("spf.mx", domain, f"{target} has more than {MAX_MX} MX records", "name networks instead of mx")
        return [mx.exchange for mx in answer.records if mx.exchange]

    def _wide(self, domain: str, what: str) -> None:
        self._add(
            "spf.wide",
            domain,
            f"{what} is very large: many strangers may send as you",
            "name your own machines",
        )

    async def _has_address(self, host: str) -> bool | None:
        """None: nobody knows."""
        if not self._may_ask():
            return None
        try:
            return bool((await self._resolver.a(host)).records or (await self._resolver.aaaa(host)).records)
        except DnsTrouble:
            return None

    def _may_ask(self) -> bool:
        """What we include may be written by somebody who wants us to ask a lot."""
        self._count.questions += 1
        return self._count.questions <= MAX_QUESTIONS

    async def _records(self, domain: str) -> list[str] | None:
        if not self._may_ask():
            return None
        try:
            answer = await self._resolver.txt(domain)
        except DnsTrouble:
            return None
        texts = [text.decode("utf-8", "replace") for text in answer.records]
        return [text for text in texts if is_spf(text)]

    def sum_up(self, domain: str) -> None:
        """What only shows in the whole."""
        count = self._count
        if count.lookups > MAX_LOOKUPS:
            self._add(
                "spf.lookups",
                domain,
                f"it takes {count.lookups} questions to the DNS; after {MAX_LOOKUPS} others give up",
                "take out what is not needed, name networks instead of names",
            )
        if count.void > MAX_VOID:
            self._add(
                "spf.void",
                domain,
                f"{count.void} names have no answer; after {MAX_VOID} others give up",
                "take them out",
            )
        four = [one for one in count.networks if isinstance(one, IPv4Network)]
        total = sum(one.num_addresses for one in collapse_addresses(four))
        if total > 2 ** (32 - WIDEST[4]) and all(one.prefixlen >= WIDEST[4] for one in four):
            what = f"all its IPv4 networks together hold {total} addresses"
            self._add("spf.wide", domain, what, "name your own machines")
