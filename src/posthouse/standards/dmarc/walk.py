"""The DNS tree walk (RFC 9989 section 4.10): at most eight questions, whatever the name."""

from dataclasses import dataclass

from posthouse.standards.dmarc.record import Record, is_dmarc, parse_record
from posthouse.standards.dns.ports import Resolver

MAX_QUESTIONS = 8


@dataclass(frozen=True, slots=True)
class Walk:
    """The records found from ``start`` towards the root, longest name first. ``start`` has no last dot."""

    start: str
    found: tuple[tuple[str, Record], ...]

    @property
    def organizational_domain(self) -> str:
        """RFC 9989 section 4.10.2."""
        for domain, record in self.found:
            if record.psd == "n":
                return domain
            if record.psd == "y" and domain != self.start:
                return self._one_below(domain)
        return self.found[-1][0] if self.found else self.start

    @property
    def policy(self) -> tuple[str, Record] | None:
        """Whose record applies: the start's own, its organizational domain's, its public suffix's."""
        records = dict(self.found)
        if self.start in records:
            return self.start, records[self.start]
        organization = self.organizational_domain
        if organization in records:
            return organization, records[organization]
        suffix = [(domain, record) for domain, record in self.found if record.psd == "y"]
        return suffix[0] if suffix else None

    def _one_below(self, suffix: str) -> str:
        rest = self.start.removesuffix("." + suffix)
        return f"{rest.rpartition('.')[2]}.{suffix}"


async def walk(resolver: Resolver, domain: str) -> Walk:
    """Ask for the records of ``domain`` and the names above it; raises ``DnsTrouble``."""
    labels = domain.lower().rstrip(".").split(".")
    start = ".".join(labels)
    targets = [start]
    above = labels[1:] if len(labels) < MAX_QUESTIONS else labels[-(MAX_QUESTIONS - 1) :]
    targets += [".".join(above[at:]) for at in range(len(above))]
    found: list[tuple[str, Record]] = []
    for target in targets:
        record = await _record(resolver, target)
        if record is not None:
            found.append((target, record))
            if record.psd in "yn":
                break
    return Walk(start, tuple(found))


async def _record(resolver: Resolver, target: str) -> Record | None:
    answer = await resolver.txt(f"_dmarc.{target}")
    texts = [text for octets in answer.records if is_dmarc(text := octets.decode("utf-8", "replace"))]
    return parse_record(texts[0]) if len(texts) == 1 else None  # several: all are discarded
