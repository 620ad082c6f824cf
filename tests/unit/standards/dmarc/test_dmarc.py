"""Records, the tree walk, alignment and policy."""

import asyncio

import pytest

from posthouse.standards.dmarc.evaluate import Evaluation, Identifier, Result, evaluate
from posthouse.standards.dmarc.record import Policy, is_dmarc, parse_record
from posthouse.standards.dmarc.walk import walk
from posthouse.standards.dns.ports import Answer, DnsTrouble


class Policies:
    """A resolver of DMARC records; names in ``exists`` have addresses, all others are NXDOMAIN."""

    def __init__(
        self,
        records: dict[str, str | list[str]],
        exists: tuple[str, ...] = (),
        *,
        trouble: bool = False,
        silent: tuple[str, ...] = (),
    ) -> None:
        self.records, self.names, self.trouble, self.asked = records, exists, trouble, list[str]()
        self.silent = silent

    async def txt(self, name: str) -> Answer[bytes]:
        if self.trouble or name.removeprefix("_dmarc.") in self.silent:
            raise DnsTrouble("no answer")
        self.asked.append(name)
        found = self.records.get(name.removeprefix("_dmarc."), [])
        texts = [found] if isinstance(found, str) else found
        return Answer(tuple(text.encode() for text in texts), exists=bool(texts))

    async def a(self, name: str) -> Answer[str]:
        return Answer(("192.0.2.1",)) if name in self.names else Answer((), exists=False)


def judge(zone: Policies, author: str, *proven: tuple[str, str]) -> Evaluation:
    return asyncio.run(evaluate(zone, author, [Identifier(*one) for one in proven]))  # type: ignore[arg-type] # of a resolver, what is asked


def walk_of(zone: Policies, domain: str) -> str:
    return asyncio.run(walk(zone, domain)).organizational_domain  # type: ignore[arg-type] # of a resolver, what is asked


@pytest.mark.rfc(9989, "4.10", "example")
def test_walk_of_a_long_name_asks_eight_times() -> None:
    zone = Policies({})
    asyncio.run(walk(zone, "a.b.c.d.e.f.g.h.i.j.mail.example.com"))  # type: ignore[arg-type] # of a resolver, what is asked
    assert zone.asked[:2] == ["_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com", "_dmarc.g.h.i.j.mail.example.com"]
    assert zone.asked[-1] == "_dmarc.com"
    assert len(zone.asked) == 8


@pytest.mark.rfc(9989, "4.10.2", "example")
@pytest.mark.parametrize(
    ("records", "organization"),
    [
        ({"mail.example.com": "v=DMARC1; p=none", "example.com": "v=DMARC1; p=none"}, "example.com"),
        ({"mail.example.com": "v=DMARC1; p=none; psd=n", "example.com": "v=DMARC1; p=none"}, "mail.example.com"),
        ({"com": "v=DMARC1; p=none; psd=y"}, "example.com"),
        ({}, "a.mail.example.com"),
    ],
)
def test_organizational_domain(records: dict[str, str | list[str]], organization: str) -> None:
    assert walk_of(Policies(records), "a.mail.example.com") == organization


@pytest.mark.parametrize("text", ["v=DMARC1", "v=DMARC1;p=none", " v=DMARC1", "v=dmarc1; p=none", "p=none; v=DMARC1"])
def test_version_comes_first_and_is_exact(text: str) -> None:
    assert is_dmarc(text) == text.startswith("v=DMARC1")


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1; p=reject", Policy.REJECT),
        ("v=DMARC1; P=Quarantine ; unknown=x", Policy.QUARANTINE),
        ("v=DMARC1; rua=mailto:a@x.test", Policy.NONE),
        ("v=DMARC1", None),
        ("v=DMARC1; sp=reject", None),
        ("v=DMARC1; p=bogus; rua=mailto:a@x.test", Policy.NONE),
        ("v=DMARC1; p=reject; sp=bogus; rua=mailto:a@x.test!10m", Policy.NONE),
        ("v=DMARC1; p=bogus", None),
        ("v=DMARC1; p=reject; np=bogus", None),
    ],
)
def test_bad_requests(text: str, policy: Policy | None) -> None:
    record = parse_record(text)
    assert (None if record.void else record.p) == policy
    assert record.sp is record.np is None


def test_alignment_relaxed_and_strict() -> None:
    relaxed = Policies({"example.com": "v=DMARC1; p=reject"})
    strict = Policies({"example.com": "v=DMARC1; p=reject; adkim=s; aspf=s"})
    for mechanism in ("dkim", "spf"):
        assert judge(relaxed, "example.com", (mechanism, "mail.example.com")).result is Result.PASS
        assert judge(strict, "example.com", (mechanism, "mail.example.com")).result is Result.FAIL
        assert judge(strict, "example.com", (mechanism, "Example.COM.")).result is Result.PASS
        assert judge(relaxed, "example.com", (mechanism, "example.org")).result is Result.FAIL


def test_siblings_under_a_public_suffix_are_strangers() -> None:
    zone = Policies({"uk": "v=DMARC1; p=reject; psd=y", "a.uk": "v=DMARC1; p=reject"})
    assert judge(zone, "a.uk", ("dkim", "b.uk")).result is Result.FAIL


def test_subdomain_policies() -> None:
    zone = Policies({"example.com": "v=DMARC1; p=none; sp=quarantine; np=reject"}, ("is.example.com",))
    assert judge(zone, "example.com").policy is Policy.NONE
    assert judge(zone, "is.example.com").policy is Policy.QUARANTINE
    assert judge(zone, "isnot.example.com").policy is Policy.REJECT


@pytest.mark.rfc(9989, "4.10.1", "MUST")
def test_a_policy_that_cannot_be_understood_ends_the_search() -> None:
    zone = Policies({"mail.example.com": "v=DMARC1; p=rejct", "example.com": "v=DMARC1; p=reject"})
    found = judge(zone, "mail.example.com", ("dkim", "mail.example.com"))
    assert (found.result, found.policy) == (Result.NONE, Policy.NONE)
    assert judge(zone, "other.example.com").policy is Policy.REJECT
    assert walk_of(zone, "a.mail.example.com") == "example.com"
    zone = Policies({"mail.example.com": "v=DMARC1; p=rejct; psd=n", "example.com": "v=DMARC1; p=reject"})
    assert walk_of(zone, "a.mail.example.com") == "mail.example.com"


@pytest.mark.rfc(9989, "4.4", "MUST")
def test_nothing_is_asked_about_a_stranger() -> None:
    zone = Policies({"example.com": "v=DMARC1; p=reject"})
    assert judge(zone, "example.com", ("dkim", "mail.example.net"), ("spf", "notexample.com")).result is Result.FAIL
    assert zone.asked == ["_dmarc.example.com", "_dmarc.com"]
    assert judge(zone, "example.com", ("dkim", "mail.example.com")).result is Result.PASS


def test_testing_asks_for_one_step_less() -> None:
    found = judge(Policies({"example.com": "v=DMARC1; p=reject; t=y"}), "example.com")
    assert (found.policy, found.published) == (Policy.QUARANTINE, Policy.REJECT)


def test_two_records_are_none() -> None:
    zone = Policies({"example.com": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]})
    assert judge(zone, "example.com").result is Result.NONE


def test_dns_trouble_is_temporary() -> None:
    assert judge(Policies({}, trouble=True), "example.com").result is Result.TEMPERROR


def test_trouble_about_one_name_is_no_matter_if_another_proves_it() -> None:
    zone = Policies({"example.com": "v=DMARC1; p=reject"}, silent=("mail.example.com",))
    assert judge(zone, "example.com", ("dkim", "mail.example.com")).result is Result.TEMPERROR
    both = judge(zone, "example.com", ("dkim", "mail.example.com"), ("spf", "out.example.com"))
    assert (both.result, both.aligned) == (Result.PASS, (Identifier("spf", "out.example.com"),))


@pytest.mark.parametrize(
    ("uri", "most"),
    [
        ("mailto:a@x.test", 0),
        ("mailto:a@x.test!10m", 10 * 2**20),
        ("mailto:a@x.test!500", 500),
        ("mailto:a@x.test!2K", 2048),
        ("mailto:a@x.test!1g", 2**30),
    ],
)
def test_the_size_that_an_address_takes_is_kept(uri: str, most: int) -> None:
    record = parse_record(f"v=DMARC1; p=none; rua=https://x.test/r,{uri}")
    assert record is not None
    assert (record.rua, record.rua_octets) == (("https://x.test/r", "mailto:a@x.test"), (0, most))
