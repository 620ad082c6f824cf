"""Bad records of our own are found before somebody else takes advantage of them (threat D07)."""

import asyncio

import pytest

from posthouse.ops.dnslint import lint
from posthouse.ops.spflint import lint_spf
from posthouse.standards.dkim.keypair import generate_ed25519, generate_rsa
from posthouse.standards.dns.ports import Mx
from posthouse.testing.zone import Zone

DOMAIN = "office.test"
HOST = "mx.office.test"
EXCHANGERS = (Mx(10, HOST),)
DMARC = b"v=DMARC1; p=reject; rua=mailto:postmaster@office.test"
GOOD_SPF = b"v=spf1 mx -all"
NO_RECORD = b""


def world(spf=GOOD_SPF, *, dmarc=(DMARC,), mx=EXCHANGERS, key=None, **more) -> Zone:
    """A domain in order, but for what is given. ``more`` are names with ``_`` for dots and their TXT record."""
    texts = (spf,) if isinstance(spf, bytes) else spf
    names = {
        DOMAIN: {"txt": tuple(text for text in texts if text), "mx": mx, "a": ("192.0.2.1",)},
        HOST: {"a": ("192.0.2.25",)},
        f"_dmarc.{DOMAIN}": {"txt": dmarc},
    }
    if key is not None:
        names[f"s1._domainkey.{DOMAIN}"] = {"txt": key}
    for name, record in more.items():
        names[name.replace("_", ".")] = record if isinstance(record, dict) else {"txt": (record,)}
    return Zone(names)


SPF = {
    "+all": (world(b"v=spf1 mx +all"), "spf.open"),
    "all without a sign": (world(b"v=spf1 mx all"), "spf.open"),
    "?all": (world(b"v=spf1 mx ?all"), "spf.neutral"),
    "no end": (world(b"v=spf1 mx"), "spf.endless"),
    "none at all": (world(NO_RECORD), "spf.missing"),
    "two records": (world((GOOD_SPF, b"v=spf1 a -all")), "spf.two"),
    "a word that is none": (world(b"v=spf1 ipv4:192.0.2.1 -all"), "spf.syntax"),
    "an address that is none": (world(b"v=spf1 ip4:192.0.2.999 -all"), "spf.syntax"),
    "the whole Internet": (world(b"v=spf1 ip4:0.0.0.0/0 -all"), "spf.wide"),
    "half of it": (world(b"v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"), "spf.wide"),
    "a /8": (world(b"v=spf1 ip4:10.0.0.0/8 -all"), "spf.wide"),
    "a /15": (world(b"v=spf1 ip4:198.18.0.0/15 -all"), "spf.wide"),
    "many /16": (world(b"v=spf1 ip4:10.1.0.0/16 ip4:10.3.0.0/16 -all"), "spf.wide"),
    "a wide IPv6 network": (world(b"v=spf1 ip6:2001::/16 -all"), "spf.wide"),
    "the neighbourhood of a host": (world(b"v=spf1 a/8 -all"), "spf.wide"),
    "a cloud that lets in everybody": (
        world(b"v=spf1 include:cloud.test -all", cloud_test=b"v=spf1 ip4:52.0.0.0/8 ~all"),
        "spf.wide",
    ),
    "an include that says +all": (world(b"v=spf1 include:open.test -all", open_test=b"v=spf1 +all"), "spf.open"),
    "an include that is gone": (world(b"v=spf1 include:gone.test -all"), "spf.dangling"),
    "an include two steps away": (
        world(b"v=spf1 include:near.test -all", near_test=b"v=spf1 include:gone.test -all"),
        "spf.dangling",
    ),
    "a redirect that is gone": (world(b"v=spf1 redirect=gone.test"), "spf.dangling"),
    "a host that is gone": (world(b"v=spf1 a:gone.test -all"), "spf.dangling"),
    "an exchanger that is gone": (world(mx=(Mx(10, "gone.test"),)), "spf.dangling"),
    "a domain without exchangers": (world(b"v=spf1 mx:gone.test -all"), "spf.dangling"),
    "a circle": (world(b"v=spf1 include:a.test -all", a_test=b"v=spf1 include:office.test -all"), "spf.loop"),
    "eleven lookups": (
        world(
            b"v=spf1 " + b" ".join(b"include:i%d.test" % n for n in range(11)) + b" -all",
            **{f"i{n}_test": b"v=spf1 ip4:192.0.2.%d -all" % n for n in range(11)},
        ),
        "spf.lookups",
    ),
    "ptr": (world(b"v=spf1 ptr -all"), "spf.ptr"),
    "an exists that always is": (world(b"v=spf1 exists:office.test -all"), "spf.exists"),
    "behind all": (world(b"v=spf1 -all mx"), "spf.unreached"),
    "redirect beside all": (world(b"v=spf1 mx -all redirect=office.test"), "spf.unreached"),
    "three empty names": (world(b"v=spf1 a:g1.test a:g2.test a:g3.test -all"), "spf.void"),
    "too long": (world(b"v=spf1 " + b"ip4:192.0.2.1 " * 40 + b"-all"), "spf.long"),
    "eleven exchangers": (
        world(
            b"v=spf1 mx:many.test -all",
            many_test={"mx": tuple(Mx(10, f"h{n}.test") for n in range(11))},
            **{f"h{n}_test": {"a": ("192.0.2.1",)} for n in range(11)},
        ),
        "spf.mx",
    ),
}

OTHERS = {
    "no DMARC": (world(dmarc=()), "dmarc.missing"),
    "two of them": (world(dmarc=(DMARC, DMARC + b";")), "dmarc.two"),
    "no policy": (world(dmarc=(b"v=DMARC1; rua=mailto:a@office.test",)), "dmarc.policy"),
    "a policy that is none": (world(dmarc=(b"v=DMARC1; p=refuse; rua=mailto:a@office.test",)), "dmarc.policy"),
    "p=none": (world(dmarc=(b"v=DMARC1; p=none; rua=mailto:a@office.test",)), "dmarc.none"),
    "sp=none": (world(dmarc=(DMARC + b"; sp=none",)), "dmarc.subdomains"),
    "pct": (world(dmarc=(DMARC + b"; pct=10",)), "dmarc.pct"),
    "nobody hears": (world(dmarc=(b"v=DMARC1; p=reject",)), "dmarc.reports"),
    "a tag twice": (world(dmarc=(DMARC + b"; p=none",)), "dmarc.syntax"),
    "reports to who has not agreed": (world(dmarc=(b"v=DMARC1; p=reject; rua=mailto:a@far.test",)), "dmarc.rua"),
    "reports to a web page": (world(dmarc=(b"v=DMARC1; p=reject; rua=https://office.test",)), "dmarc.rua"),
    "no MX": (world(mx=()), "mx.missing"),
    "null MX": (world(mx=(Mx(0, ""), Mx(10, HOST))), "mx.null"),
    "an address as MX": (world(mx=(Mx(10, "192.0.2.25"),)), "mx.address"),
    "an MX that is gone": (world(mx=(Mx(10, "gone.test"),)), "mx.dangling"),
    "a weak key": (world(key=(generate_rsa(1024).record.encode(),)), "dkim.weak"),
    "a key that is revoked": (world(key=(b"v=DKIM1; p=",)), "dkim.revoked"),
    "a key that is none": (world(key=(b"v=DKIM1; p=AAAA",)), "dkim.unusable"),
    "a key for trying": (world(key=(generate_ed25519().record.encode() + b"; t=y",)), "dkim.testing"),
    "two keys": (world(key=(generate_ed25519().record.encode(),) * 2), "dkim.two"),
}


def faults(zone: Zone) -> list[str]:
    return [fault.name for fault in asyncio.run(lint(DOMAIN, zone, ["s1"]))]


def test_there_are_thirty_bad_records_at_least():
    assert len(SPF) >= 30


@pytest.mark.parametrize("case", SPF)
def test_each_bad_spf_record_is_found(case):
    zone, fault = SPF[case]
    assert fault in faults(zone)


@pytest.mark.parametrize("case", OTHERS)
def test_each_other_bad_record_is_found(case):
    zone, fault = OTHERS[case]
    assert fault in faults(zone)


@pytest.mark.parametrize(
    "zone",
    [
        world(),
        world(b"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 mx a:mx.office.test ~all"),
        world(b"v=spf1 include:good.test -all", good_test=b"v=spf1 ip4:198.51.100.0/24 ?all"),
        world(b"v=spf1 redirect=good.test", good_test=b"v=spf1 ip4:198.51.100.0/24 -all"),
        world(b"v=spf1 exists:%{i}.list.office.test mx -all"),
        world(dmarc=(b"v=DMARC1;p=quarantine;rua=mailto:dmarc@sub.office.test!10m",)),
        world(key=(generate_rsa().record.encode(),)),
    ],
)
def test_a_domain_in_order_has_no_faults(zone):
    assert faults(zone) == []


def test_what_nobody_answers_is_no_fault():
    zone = world(b"v=spf1 include:slow.test mx:slow.test a:slow.test -all")
    zone.broken = frozenset({"slow.test"})
    assert faults(zone) == []
    zone.broken = frozenset({DOMAIN, f"_dmarc.{DOMAIN}"})
    assert faults(zone) == []


def test_a_bush_of_includes_comes_to_an_end():
    """Whoever we include decides how much we ask."""
    names = {
        f"n{n}.test": {"txt": (b"v=spf1 include:n%d.test include:n%d.test -all" % (2 * n, 2 * n + 1),)}
        for n in range(1, 5000)
    }
    zone = Zone({DOMAIN: {"txt": (b"v=spf1 include:n1.test -all",)}, **names})
    found = asyncio.run(lint_spf(DOMAIN, zone))
    assert "spf.lookups" in {fault.name for fault in found}
    assert len(zone.asked) <= 200


def test_what_we_include_cannot_make_us_ask_without_end():
    names = {
        f"n{n}.test": {"txt": (b"v=spf1 include:n%d.test " % (n + 1) + b"a:x.test mx:y.test " * 20 + b"-all",)}
        for n in range(100)
    }
    zone = Zone(names)
    asyncio.run(lint_spf("n0.test", zone))
    assert len(zone.asked) <= 2 * 200


def test_a_long_chain_of_includes_comes_to_an_end():
    names = {f"n{n}.test": {"txt": (b"v=spf1 include:n%d.test -all" % (n + 1),)} for n in range(5000)}
    asyncio.run(lint_spf("n0.test", Zone(names)))


def test_every_fault_says_what_to_do():
    for zone, _ in (*SPF.values(), *OTHERS.values()):
        for fault in asyncio.run(lint(DOMAIN, zone, ["s1"])):
            assert fault.where
            assert fault.what
            assert fault.advice
