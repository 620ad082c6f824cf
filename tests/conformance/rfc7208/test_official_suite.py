"""The official SPF suite: every scenario, with a DNS made from its zone data."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from posthouse.standards.dns.ports import Answer, DnsTrouble, Mx
from posthouse.standards.spf.evaluate import check_host

VECTORS = Path(os.environ.get("POSTHOUSE_VECTORS", Path(__file__).parents[4] / "shared/vectors")) / "spf"
SUITE = VECTORS / "rfc7208-tests.yml"


class ScenarioZone:
    """The ``Resolver`` port over one scenario's zone data; a name with SPF records only also answers TXT."""

    def __init__(self, zone: dict[str, list[Any]]) -> None:
        self.zone = {name.lower().rstrip("."): records for name, records in zone.items()}

    def _records(self, name: str, kind: str, hops: int = 8) -> tuple[list[Any], bool]:
        records = self.zone.get(name.lower().rstrip("."))
        if records is None or hops == 0:
            return [], False
        if aliases := [record["CNAME"] for record in records if isinstance(record, dict) and "CNAME" in record]:
            return self._records(aliases[0], kind, hops - 1)
        found: list[Any] = []
        has_txt = any(isinstance(record, dict) and "TXT" in record for record in records)
        for record in records:
            if record == "TIMEOUT":  # of every type that has no record of its own before it
                if found:
                    break
                raise DnsTrouble("timed out")
            for key, value in record.items():
                if value == "NONE":
                    continue
                if key == kind or (kind == "TXT" and key == "SPF" and not has_txt):
                    if value == "TIMEOUT":
                        raise DnsTrouble("timed out")
                    found.append(value)
        return found, True

    async def mx(self, name: str) -> Answer[Mx]:
        found, exists = self._records(name, "MX")
        return Answer(tuple(Mx(int(p), str(e).lower().rstrip(".")) for p, e in found), exists)

    async def a(self, name: str) -> Answer[str]:
        found, exists = self._records(name, "A")
        return Answer(tuple(found), exists)

    async def aaaa(self, name: str) -> Answer[str]:
        found, exists = self._records(name, "AAAA")
        return Answer(tuple(found), exists)

    async def txt(self, name: str) -> Answer[bytes]:
        found, exists = self._records(name, "TXT")
        joined = ("".join(value) if isinstance(value, list) else value for value in found)
        return Answer(tuple(text.encode("utf-8") for text in joined), exists)

    async def ptr(self, address: str) -> Answer[str]:
        found, exists = self._records(ip_address(address).reverse_pointer, "PTR")
        return Answer(tuple(found), exists)

    async def tlsa(self, name: str) -> Answer[tuple[int, int, int, bytes]]:
        return Answer((), exists=False)


def cases() -> list[Any]:
    if not SUITE.exists():
        return []
    import yaml

    found = []
    for scenario in yaml.safe_load_all(SUITE.read_text()):
        for name, test in scenario["tests"].items():
            found.append(pytest.param(scenario["zonedata"], test, id=f"{scenario['description']}-{name}"))
    return found


@pytest.mark.skipif(not SUITE.exists(), reason=f"the official SPF suite is not at {SUITE}")
@pytest.mark.parametrize(("zone", "test"), cases())
async def test_official(zone: dict[str, Any], test: dict[str, Any]) -> None:
    sender = test["mailfrom"]
    helo = test["helo"]
    domain = sender.rpartition("@")[2] if sender else helo
    verdict = await check_host(
        ScenarioZone(zone), test["host"], domain, sender or f"postmaster@{helo}", helo=helo, receiver="receiver.example"
    )
    allowed = test["result"] if isinstance(test["result"], list) else [test["result"]]
    assert verdict.result.value in allowed, verdict.reason
    if test.get("explanation") and verdict.result.value == "fail":
        expected = test["explanation"]
        assert verdict.explanation == ("" if expected == "DEFAULT" else expected)
