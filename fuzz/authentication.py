"""Whatever stands in messages, keys, policies and reports is read or refused as ValueError; nothing else happens."""

import asyncio
import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.filter.authenticate import Inquiry
    from posthouse.filter.display import display_of
    from posthouse.filter.evidence import results_of
    from posthouse.filter.examination import Examination
    from posthouse.filter.judge import Policy, judge
    from posthouse.filter.memory import Memory
    from posthouse.standards.authres.claim import is_claimed_by
    from posthouse.standards.authres.read import parse_results
    from posthouse.standards.authres.write import format_results
    from posthouse.standards.dkim.key import parse_key
    from posthouse.standards.dmarcreport.failure import parse_failure
    from posthouse.standards.dmarcreport.read import parse_report
    from posthouse.standards.dmarcreport.unpack import unpack
    from posthouse.standards.dns.ports import Answer, Mx
    from posthouse.standards.tlsrpt.report import parse_report as parse_tls_report


class Hostile:
    """Every question is answered by the octets themselves."""

    def __init__(self, octets):
        self.octets = octets
        self.asked = 0

    async def txt(self, name):
        self.asked += 1
        start = {"_d": b"v=DMARC1; p=reject;", "v=": b""}.get(name[:2], b"v=spf1 include:%{d1r}.x.test ")
        return Answer((start + self.octets[:400],))

    async def a(self, _):
        self.asked += 1
        return Answer(("192.0.2.1",))

    async def aaaa(self, _):
        self.asked += 1
        return Answer(())

    async def mx(self, _):
        self.asked += 1
        return Answer((Mx(1, "mx.test"),))

    async def ptr(self, _):
        self.asked += 1
        return Answer(("mail.test",))


class Still:
    def now(self):
        return 1_700_000_000.0

    monotonic = now


def look(octets, size):
    examination = Examination()
    for at in range(0, len(octets), size):
        examination.feed(octets[at : at + size])
    names = Hostile(octets)
    evidence = asyncio.run(
        Inquiry(names, Still(), Memory(Still())).authenticate(
            examination, peer="192.0.2.1", helo="x.test", mail_from="a@x.test"
        )
    )
    assert names.asked <= 60
    verdict = judge(evidence, Policy())
    display_of(evidence, verdict, Policy(), ("office.test",))
    parse_results(format_results("mx.test", results_of(evidence)).partition(b":")[2])
    return verdict, [one.result for one in evidence.dkim], evidence.arc.status


def test_one(octets):
    is_claimed_by(octets, "mx.office.test")
    for read in (parse_results, parse_key, parse_failure, parse_report, parse_tls_report, unpack):
        with suppress(ValueError):
            read(octets)
    assert look(octets, max(len(octets), 1)) == look(octets, 7)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
