"""Senders from end to end: zone and message in; evidence, verdict and what people see out."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from posthouse.filter.action import Action
from posthouse.filter.authenticate import Inquiry
from posthouse.filter.author import Ambiguous
from posthouse.filter.display import Flag, Standing, display_of
from posthouse.filter.evidence import Evidence, results_of
from posthouse.filter.examination import Examination, examine
from posthouse.filter.judge import Policy, judge
from posthouse.filter.memory import Memory
from posthouse.filter.questions import MAX_QUESTIONS
from posthouse.lib.ports import Clock
from posthouse.standards.arc.seal import seal
from posthouse.standards.arc.verify import Status
from posthouse.standards.authres.read import parse_results
from posthouse.standards.authres.results import MethodResult, Property
from posthouse.standards.authres.write import format_results
from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_ed25519, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.dns.ports import Mx
from posthouse.standards.imf.header import parse_header
from posthouse.testing.zone import Zone

PAIR = generate_ed25519()
RECORD = PAIR.record.encode()
REST = b"To: bob@office.test\r\nSubject: prices\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello\r\n"
POLICY = Policy(is_own=lambda domain: domain == "office.test", sealers=frozenset({"list.test"}))
HERE, ELSEWHERE = "192.0.2.1", "203.0.113.9"


class At:
    """A clock that stands still."""

    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 50.0


def key(domain: str):
    return signing_key(domain, "s", PAIR.der)


def letter(author: bytes = b"alice@far.test", more: bytes = b"") -> bytes:
    return b"From: " + author + b"\r\n" + more + REST


def signed(message: bytes, *domains: str) -> bytes:
    header = parse_header(message)
    body = RelaxedBody()
    body.update(message[header.body_start :])
    return format_signatures(header, body.digest(), [key(one) for one in domains], now=1_699_999_999) + message


def zone(policy: str | None = "reject", *, broken: tuple[str, ...] = (), **more) -> Zone:
    names = {
        "far.test": {"txt": (b"v=spf1 ip4:192.0.2.1 -all",)},
        "office.test": {"txt": (b"v=spf1 ip4:198.51.100.1 -all",)},
        HERE: {"ptr": ("mail.far.test",)},
        "mail.far.test": {"a": (HERE,)},
        **{
            f"s._domainkey.{domain}": {"txt": (RECORD,)}
            for domain in ("far.test", "sub.far.test", "other.test", "office.test", "list.test")
        },
        **more,
    }
    if policy:
        names["_dmarc.far.test"] = {"txt": (f"v=DMARC1; p={policy}".encode(),)}
    return Zone(names, broken=frozenset(broken))


def asking(names: Zone, clock: Clock) -> Inquiry:
    return Inquiry(names, clock, Memory(clock))


def look(
    message: bytes,
    names: Zone,
    *,
    peer: str = ELSEWHERE,
    mail_from: str = "alice@far.test",
    helo: str = "mail.far.test",
) -> Evidence:
    return asyncio.run(asking(names, At()).authenticate(examine(message), peer=peer, helo=helo, mail_from=mail_from))


# -- six policies by eight outcomes (threat D01)

OUTCOMES = {
    "dkim aligned": (signed(letter(), "far.test"), ELSEWHERE, "alice@far.test", ()),
    "dkim of a subdomain": (signed(letter(), "sub.far.test"), ELSEWHERE, "alice@far.test", ()),
    "spf aligned": (letter(), HERE, "alice@far.test", ()),
    "both": (signed(letter(), "far.test"), HERE, "alice@far.test", ()),
    "nothing": (letter(), ELSEWHERE, "x@nowhere.test", ()),
    "dkim of another": (signed(letter(), "other.test"), ELSEWHERE, "x@other.test", ()),
    "dkim broken": (signed(letter(), "far.test").replace(b"Hello", b"Hullo"), ELSEWHERE, "x@nowhere.test", ()),
    "key unanswered": (signed(letter(), "far.test"), ELSEWHERE, "x@nowhere.test", ("s._domainkey.far.test",)),
}
PROVEN = {"dkim aligned", "spf aligned", "both"}
A, Q, R, D = Action.ACCEPT, Action.QUARANTINE, Action.REFUSE, Action.DEFER
POLICIES = {  # policy: (record, relaxed alignment counts, what failing means)
    "none published": (None, A),
    "p=none": ("none", A),
    "p=quarantine": ("quarantine", Q),
    "p=reject": ("reject", R),
    "p=reject; t=y": ("reject; t=y", Q),
    "p=reject; adkim=s": ("reject; adkim=s", R),
}


@pytest.mark.rfc(9989, "5.3.6", "MUST")
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("policy", POLICIES)
def test_disposition(policy: str, outcome: str) -> None:
    record, failing = POLICIES[policy]
    message, peer, mail_from, broken = OUTCOMES[outcome]
    evidence = look(message, zone(record, broken=broken), peer=peer, mail_from=mail_from)
    verdict = judge(evidence, POLICY)
    proven = outcome in PROVEN or (outcome == "dkim of a subdomain" and "adkim=s" not in policy)
    if proven:
        expected = A
    elif outcome == "key unanswered" and failing in {Q, R}:
        expected = D
    else:
        expected = failing
    assert verdict.action is expected, (evidence, verdict)
    assert (verdict.reply is not None) == (expected in {R, D})
    if expected is R:
        assert verdict.reply is not None
        assert (verdict.reply.code, verdict.reply.status) == (550, "5.7.26")
        assert display_of(evidence, verdict, POLICY).standing is Standing.FORGED
    if "t=y" in policy and not proven and expected is Q:
        assert verdict.override == "policy_test_mode"


def test_results_are_told_as_the_standard_has_it() -> None:
    evidence = look(OUTCOMES["both"][0], zone(), peer=HERE)
    found = parse_results(format_results("mx.office.test", results_of(evidence)).partition(b":")[2])
    assert {one.method: one.result for one in found.results} == {
        "spf": "pass",
        "dkim": "pass",
        "dmarc": "pass",
    }


# -- our own domain


@pytest.mark.parametrize(
    ("message", "peer", "mail_from", "broken", "action"),
    [
        (letter(b"alice@office.test"), ELSEWHERE, "alice@office.test", (), Action.REFUSE),
        (letter(b"alice@office.test"), ELSEWHERE, "x@far.test", (), Action.REFUSE),
        (letter(b"alice@office.test"), ELSEWHERE, "", (), Action.REFUSE),
        (letter(b"alice@far.test"), HERE, "alice@office.test", (), Action.REFUSE),
        (letter(b"alice@office.test"), "198.51.100.1", "alice@office.test", (), Action.ACCEPT),
        (signed(letter(b"alice@office.test"), "office.test"), ELSEWHERE, "x@list.test", (), Action.ACCEPT),
        (
            signed(letter(b"alice@office.test"), "office.test"),
            ELSEWHERE,
            "x@list.test",
            ("s._domainkey.office.test",),
            Action.DEFER,
        ),
        (letter(b"alice@office.test"), ELSEWHERE, "alice@office.test", ("office.test",), Action.DEFER),
        (signed(letter(b"alice@office.test"), "other.test"), ELSEWHERE, "x@other.test", (), Action.REFUSE),
    ],
)
def test_who_claims_to_be_ours_must_prove_it(
    message: bytes, peer: str, mail_from: str, broken: tuple[str, ...], action: Action
) -> None:
    evidence = look(message, zone(None, broken=broken), peer=peer, mail_from=mail_from)
    assert judge(evidence, POLICY).action is action
    assert judge(msgspec.structs.replace(evidence, exempt="authenticated"), POLICY).action is Action.ACCEPT


@pytest.mark.parametrize("policy", [None, "none", "quarantine", "reject; t=y"])
def test_whatever_an_author_asks_for_our_senders_are_ours(policy: str | None) -> None:
    evidence = look(letter(), zone(policy), peer=ELSEWHERE, mail_from="alice@office.test")
    verdict = judge(evidence, POLICY)
    assert (verdict.action, verdict.reasons[0].name) == (Action.REFUSE, "own-domain")


def test_a_sender_of_ours_whose_key_is_not_answered_is_deferred() -> None:
    message = signed(letter(), "office.test")
    evidence = look(message, zone(None, broken=("s._domainkey.office.test",)), mail_from="alice@office.test")
    assert judge(evidence, POLICY).action is Action.DEFER


@pytest.mark.parametrize(
    ("signer", "action"), [("sub.office.test", Action.ACCEPT), ("", Action.JUNK), ("other.test", Action.JUNK)]
)
def test_domains_below_ours_are_ours(signer: str, action: Action) -> None:
    message = letter(b"alice@sub.office.test")
    names = zone(None, **{"s._domainkey.sub.office.test": {"txt": (RECORD,)}})
    message = signed(message, signer) if signer else message
    assert judge(look(message, names, mail_from="x@other.test"), POLICY).action is action
    if signer == "sub.office.test":
        theirs = signed(letter(b"alice@office.test"), signer)
        assert judge(look(theirs, names, mail_from=""), POLICY).action is Action.ACCEPT


def test_an_ambiguous_author_is_refused_for_good() -> None:
    evidence = look(b"From: b@office.test\r\n" + letter(), zone())
    assert isinstance(evidence.author, Ambiguous)
    verdict = judge(evidence, POLICY)
    assert verdict.reply is not None
    assert (verdict.reply.code, verdict.reply.status) == (550, "5.7.1")
    assert str(display_of(evidence, verdict, POLICY)) == "forged"


def test_an_spf_fail_alone_is_suspicious_and_a_policy_that_asks_for_nothing_is_followed() -> None:
    assert judge(look(letter(), zone(None)), POLICY).action is Action.JUNK
    assert judge(look(letter(), zone("none")), POLICY).action is Action.ACCEPT
    assert judge(look(letter(), zone(None)), replace(POLICY, spf_fail=Action.REFUSE)).action is Action.REFUSE


def test_an_unanswered_policy_defers_unless_the_author_is_proven_anyway() -> None:
    broken = ("_dmarc.far.test",)
    assert judge(look(letter(), zone(broken=broken)), POLICY).action is Action.DEFER
    assert judge(look(OUTCOMES["dkim aligned"][0], zone(broken=broken)), POLICY).action is Action.ACCEPT


def test_rules_of_the_office() -> None:
    evidence = look(letter(), zone())
    welcome = judge(evidence, replace(POLICY, welcome=frozenset({"far.test"})))
    assert (welcome.action, welcome.override) == (Action.ACCEPT, "local_policy")
    assert judge(evidence, replace(POLICY, unwelcome=frozenset({"far.test"}))).action is Action.REFUSE


# -- forwarders (threat D06)


def forwarded(sealer: str, result: str = "pass", author: str = "far.test") -> bytes:
    message = letter(more=b"List-Id: <x.list.test>\r\n").replace(b"prices", b"[list] prices")
    header = parse_header(message)
    body = RelaxedBody()
    body.update(message[header.body_start :])
    chain = asyncio.run(asking(zone(), At()).authenticate(examine(message), peer=HERE, helo="x", mail_from="")).arc
    results = [MethodResult("dmarc", result, properties=(Property("header", "from", author),))]
    return (
        seal(
            header,
            body.digest(),
            key(sealer),
            authserv_id="mx." + sealer,
            results=results,
            chain=chain,
            now=1_699_999_999,
        )
        + message
    )


@pytest.mark.parametrize(
    ("message", "action"),
    [
        (forwarded("list.test"), Action.ACCEPT),
        (forwarded("other.test"), Action.REFUSE),
        (forwarded("list.test", "fail"), Action.REFUSE),
        (forwarded("list.test", author="other.test"), Action.REFUSE),
        (forwarded("list.test").replace(b"Hello", b"Hullo"), Action.REFUSE),
        (forwarded("list.test").replace(b"i=1", b"i=51"), Action.REFUSE),
    ],
)
def test_only_a_trusted_sealer_is_believed(message: bytes, action: Action) -> None:
    evidence = look(message, zone())
    verdict = judge(evidence, POLICY)
    assert verdict.action is action, evidence
    if action is Action.ACCEPT:
        assert verdict.override == "trusted_forwarder"
        assert str(display_of(evidence, verdict, POLICY)) == "via list.test"
        assert evidence.arc.status is Status.PASS


# -- what people see


def test_display() -> None:
    def shown(message: bytes, names: Zone, **options) -> str:
        evidence = look(message, names, **options)
        return str(display_of(evidence, judge(evidence, POLICY), POLICY))

    assert shown(OUTCOMES["dkim aligned"][0], zone()) == "verified far.test"
    assert shown(OUTCOMES["spf aligned"][0], zone(), peer=HERE) == "unverified"
    assert shown(OUTCOMES["dkim of another"][0], zone(None), mail_from="x@other.test") == "via other.test"
    assert shown(letter(), zone(None)) == "unverified"
    assert shown(letter(b"alice@office.test"), zone()) == "forged"


@pytest.mark.parametrize(
    ("author", "more", "flags"),
    [
        (b"Alice <alice@far.test>", b"", ()),
        (b'"boss@office.test" <alice@far.test>', b"", (Flag.OTHER_ADDRESS,)),
        (b"=?utf-8?q?boss=EF=BC=A0office=2Etest?= <alice@far.test>", b"", (Flag.OTHER_ADDRESS,)),
        (b"alice@far.test", b"Reply-To: eve@evil.test\r\n", (Flag.REPLY_ELSEWHERE,)),
        (b"alice@far.test", b"Reply-To: help@sub.far.test\r\n", ()),
        ("A\u202ebc <alice@far.test>".encode(), b"", (Flag.HIDDEN_CHARACTERS,)),
        (b"alice@0ffice.test", b"", (Flag.LOOKALIKE,)),
        (b"alice@officee.test", b"", (Flag.LOOKALIKE,)),
        ("alice@\u043effice.test".encode(), b"", (Flag.LOOKALIKE, Flag.MIXED_SCRIPTS)),
        ("alice@büro.test".encode(), b"", ()),
    ],
)
def test_deceptions_are_flagged(author: bytes, more: bytes, flags: tuple[Flag, ...]) -> None:
    evidence = look(letter(author, more), zone())
    assert display_of(evidence, judge(evidence, POLICY), POLICY, ("office.test",)).flags == flags


# -- what it may cost


def test_lookup_bombs_end_at_the_allowance() -> None:
    bomb = {
        "bomb.test": {"txt": (b"v=spf1 " + b" ".join(b"mx:m%d.bomb.test" % number for number in range(10)) + b" -all",)}
    }
    bomb |= {
        f"m{number}.bomb.test": {"mx": tuple(Mx(1, f"x{number}{other}.bomb.test") for other in range(10))}
        for number in range(10)
    }
    bomb |= {f"x{number}{other}.bomb.test": {"a": ("198.51.100.9",)} for number in range(10) for other in range(10)}
    names = zone(**bomb)
    evidence = look(letter(b"a@bomb.test"), names, mail_from="a@bomb.test", helo="bomb.test")
    assert evidence.spf is not None
    assert evidence.spf.verdict.result.value == "permerror"
    assert evidence.queries <= MAX_QUESTIONS
    assert len(names.asked) <= MAX_QUESTIONS


def test_many_signers_do_not_hide_the_policy() -> None:
    deep = [".".join(f"l{number}x{level}" for level in range(9)) + ".test" for number in range(10)]
    names = zone(**{f"s._domainkey.{domain}": {"txt": (RECORD,)} for domain in deep})
    evidence = look(signed(letter(), *deep), names)
    assert len(evidence.signers) == 10
    assert evidence.dmarc.result.value == "fail"
    assert judge(evidence, POLICY).action is Action.REFUSE
    assert len(names.asked) <= MAX_QUESTIONS


def test_a_resolver_that_never_answers_costs_its_time_and_defers() -> None:
    class Silent(Zone):
        async def txt(self, name: str):
            await asyncio.Event().wait()

    class Late(At):
        reads = 0

        def monotonic(self) -> float:
            self.reads += 1
            return 50.0 if self.reads == 1 else 59.99

    evidence = asyncio.run(
        asking(Silent({}), Late()).authenticate(
            examine(OUTCOMES["both"][0]), peer=HERE, helo="x.test", mail_from="alice@far.test"
        )
    )
    assert evidence.spf is not None
    assert evidence.spf.verdict.result.value == "temperror"
    assert evidence.dkim[0].result.value == "temperror"
    assert judge(evidence, POLICY).action is Action.DEFER


def test_answers_that_come_later_are_the_same() -> None:
    class Slow(Zone):
        async def txt(self, name: str):
            await asyncio.sleep(0)
            return await super().txt(name)

    message, peer, mail_from, _ = OUTCOMES["both"]
    fast, names = look(message, zone(), peer=peer, mail_from=mail_from), zone()
    slow = look(message, Slow(names.names), peer=peer, mail_from=mail_from)
    assert slow == fast
    assert slow.dkim[0].result.value == "pass"


def test_cancelling_ends_every_question() -> None:
    class Silent(Zone):
        async def txt(self, name: str):
            await asyncio.Event().wait()

    async def cancelled() -> int:
        task = asyncio.ensure_future(
            asking(Silent({}), At()).authenticate(
                examine(OUTCOMES["both"][0]), peer=HERE, helo="x.test", mail_from="alice@far.test"
            )
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(5):  # those that wait for others end before them
            await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(cancelled()) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 10_000])
def test_pieces_make_no_difference(size: int) -> None:
    message = OUTCOMES["both"][0]
    examination = Examination()
    for at in range(0, len(message), size):
        examination.feed(message[at : at + size])
    evidence = asyncio.run(
        asking(zone(), At()).authenticate(examination, peer=HERE, helo="x.test", mail_from="alice@far.test")
    )
    assert [one.result.value for one in evidence.dkim] == ["pass"]


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"\r\nbody", b"no header at all", b"X" * 300_000, b"\n\n", b"From: a@b.test"]
)
def test_any_content_has_evidence(content: bytes) -> None:
    examination = Examination()
    for at in range(0, len(content), 50_000):
        examination.feed(content[at : at + 50_000])
    for one in (examination, examine(content)):
        evidence = asyncio.run(asking(zone(), At()).authenticate(one, peer="not an address", helo="", mail_from=""))
        assert format_results("mx.test", results_of(evidence))
