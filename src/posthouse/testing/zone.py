"""A zone in a dictionary that answers like the DNS: for tests, and for ``posthouse localserve``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from posthouse.standards.dns.ports import Answer, DnsTrouble, Mx, Srv

Records = Mapping[str, Sequence[Any]]


@dataclass
class Zone:
    """Implements ``standards.dns.ports.ServiceResolver`` from ``{name: {type: records}}``.

    A name that is not there is NXDOMAIN, one without the type is NODATA, one in
    ``broken`` is ``DnsTrouble``. ``asked`` remembers the questions.
    """

    names: Mapping[str, Records] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    authentic: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    remembers: bool = True

    def _answer(self, name: str, kind: str) -> Answer[Any]:
        if self.remembers:
            self.asked.append((name, kind))
        if name in self.broken:
            raise DnsTrouble(f"{name}: SERVFAIL")
        records = self.names.get(name)
        if records is None:
            exists = any(other.endswith("." + name) for other in self.names)  # RFC 8020: an empty non-terminal
            return Answer((), exists=exists, authentic=self.authentic)
        return Answer(tuple(records.get(kind, ())), authentic=self.authentic)

    def publish(self, name: str, text: bytes) -> None:
        """A TXT record more, beside those that are there."""
        self.add(name, "txt", text)

    def add(self, name: str, kind: str, record: Any) -> None:
        """A record more of any type, as ``Answer.records`` has it."""
        records = self.names.get(name, {})
        known = tuple(records.get(kind, ()))
        if record not in known:
            self.names = {**self.names, name: {**records, kind: (*known, record)}}

    async def mx(self, name: str) -> Answer[Mx]:
        return self._answer(name, "mx")

    async def a(self, name: str) -> Answer[str]:
        return self._answer(name, "a")

    async def aaaa(self, name: str) -> Answer[str]:
        return self._answer(name, "aaaa")

    async def txt(self, name: str) -> Answer[bytes]:
        return self._answer(name, "txt")

    async def ptr(self, address: str) -> Answer[str]:
        return self._answer(address, "ptr")

    async def srv(self, name: str) -> Answer[Srv]:
        return self._answer(name, "srv")

    async def tlsa(self, name: str) -> Answer[tuple[int, int, int, bytes]]:
        return self._answer(name, "tlsa")


def office_zone(domain: str, host: str, address: str, others: Iterable[str] = ()) -> Zone:
    """A world in which there is one office and nothing else."""
    kind = "aaaa" if ":" in address else "a"
    names: dict[str, Records] = {
        domain: {"mx": (Mx(10, host),), kind: (address,), "txt": (b"v=spf1 -all",)},
        host: {kind: (address,)},
        "localhost": {"a": ("127.0.0.1",), "aaaa": ("::1",)},
        address: {"ptr": (host,)},
    }
    names.update({other: {} for other in others})
    return Zone(names, remembers=False)
