"""One call a message: verdict, display, our field, and what is cut out."""

from posthouse.filter.action import Action
from posthouse.filter.evidence import results_of, summary_of
from posthouse.filter.examination import examine
from posthouse.filter.judge import Policy
from posthouse.filter.sender import SenderCheck
from posthouse.standards.authres.write import format_results
from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_ed25519, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.imf.header import parse_header
from posthouse.testing.zone import Zone

FORGED = b"Authentication-Results: MX.office.test; dmarc=pass\r\n"
LETTER = b"From: alice@far.test\r\nSubject: x\r\n\r\nhello\r\n"


class Still:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0


def check(zone: Zone) -> SenderCheck:
    policy = Policy(is_own=lambda domain: domain == "office.test")
    return SenderCheck(
        zone, Still(), authserv_id="mx.office.test", policy=lambda: policy, known=lambda: ("office.test",)
    )


async def test_a_forged_message_is_refused_and_its_own_results_are_cut_out() -> None:
    zone = Zone({"_dmarc.far.test": {"txt": (b"v=DMARC1; p=reject",)}})
    found = await check(zone).look(examine(FORGED + LETTER), peer="192.0.2.1", helo="x.test", mail_from="a@x.test")
    assert (found.verdict.action, str(found.display)) == (Action.REFUSE, "forged")
    assert found.field.startswith(b"Authentication-Results: mx.office.test;\r\n")
    assert b"dmarc=fail" in found.field


async def test_an_exempt_client_is_asked_nothing() -> None:
    zone = Zone({})
    letter = LETTER.replace(b"far.test", b"office.test")
    found = await check(zone).look(examine(letter), peer="10.0.0.1", helo="x", mail_from="", exempt="authenticated")
    assert (found.verdict.action, str(found.display), found.field) == (Action.ACCEPT, "verified office.test", b"")
    assert zone.asked == []


class Walking(Still):
    """Its time goes on when it is told to."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


async def look(checked: SenderCheck, letter: bytes, **given: str):
    return await checked.look(examine(letter), **({"peer": "192.0.2.1", "helo": "x.test", "mail_from": ""} | given))


async def test_a_message_just_like_the_last_costs_no_second_look() -> None:
    zone, clock = Zone({"_dmarc.far.test": {"txt": (b"v=DMARC1; p=none",)}}), Walking()
    policy, known = Policy(), ("office.test",)
    checked = SenderCheck(zone, clock, authserv_id="mx.office.test", policy=lambda: policy, known=lambda: known)
    first = await look(checked, LETTER)
    asked = len(zone.asked)
    assert await look(checked, LETTER.replace(b"hello", b"something else")) is first
    for other in (LETTER.replace(b"alice", b"Bob <alice"), LETTER, b"Reply-To: x@y.test\r\n" + LETTER):
        found = await look(checked, other.replace(b"<alice@far.test", b"<alice@far.test>"), helo="other.test")
        assert found is not first
    clock.seconds = 61.0
    assert await look(checked, LETTER) is not first
    assert len(zone.asked) > asked


async def test_a_second_from_is_never_taken_for_a_message_seen_before() -> None:
    policy, known = Policy(), ("office.test",)
    checked = SenderCheck(Zone(), Walking(), authserv_id="mx", policy=lambda: policy, known=lambda: known)
    assert (await look(checked, LETTER)).verdict.action is Action.ACCEPT
    for double in (
        b"From: boss@office.test\r\n" + LETTER,
        LETTER.replace(b"Subject", b"From : boss@office.test\r\nSubject"),
    ):
        assert (await look(checked, double)).verdict.action is Action.REFUSE


async def test_another_policy_is_asked_again() -> None:
    policies = [Policy(), Policy(unwelcome=frozenset({"far.test"}))]
    known = ("office.test",)
    checked = SenderCheck(Zone(), Walking(), authserv_id="mx", policy=lambda: policies[0], known=lambda: known)
    assert (await look(checked, LETTER)).verdict.action is Action.ACCEPT
    policies.pop(0)
    assert (await look(checked, LETTER)).verdict.action is Action.REFUSE


async def test_trouble_with_the_dns_is_not_remembered() -> None:
    zone = Zone(broken=frozenset({"_dmarc.far.test"}))
    policy, known = Policy(), ("office.test",)
    checked = SenderCheck(zone, Walking(), authserv_id="mx", policy=lambda: policy, known=lambda: known)
    assert (await look(checked, LETTER)).verdict.action is Action.DEFER
    zone.broken = frozenset()
    assert (await look(checked, LETTER)).verdict.action is Action.ACCEPT


PAIR = generate_ed25519()


def signed(letter: bytes, domain: str, selector: str = "s") -> bytes:
    header = parse_header(letter)
    body = RelaxedBody()
    body.update(letter[header.body_start :])
    key = signing_key(domain, selector, PAIR.der)
    return format_signatures(header, body.digest(), [key], now=1_700_000_000) + letter


async def test_what_is_still_at_hand_of_a_domain_says_what_a_field_made_anew_would() -> None:
    """People, signatures, paths and results change from message to message; the same parts are written once."""
    zone = Zone(
        {
            "far.test": {"txt": (b"v=spf1 ip4:192.0.2.1 -all",)},
            "x.test": {"txt": (b"v=spf1 -all",)},
            "_dmarc.far.test": {"txt": (b"v=DMARC1; p=none",)},
            "s._domainkey.far.test": {"txt": (PAIR.record.encode(),)},
            "s._domainkey.list.test": {"txt": (PAIR.record.encode(),)},
        }
    )
    checked = check(zone)
    twice = signed(signed(LETTER, "far.test"), "list.test")
    letters = (
        LETTER,
        twice,
        signed(LETTER, "far.test"),
        twice.replace(b"hello", b"hullo"),
        signed(LETTER, "far.test", "no"),
        *(signed(LETTER.replace(b"hello", b"number %d" % number), "far.test") for number in range(12)),
    )  # twelve: the beginning of a signature is written in two ways
    for _ in range(2):
        for letter in letters:
            for sender in ("alice@far.test", "bob@far.test", '"b o b"@far.test', "a@x.test", "a@FAR.test", ""):
                for peer in ("192.0.2.1", "192.0.2.9"):
                    found = await look(checked, letter, mail_from=sender, peer=peer)
                    fresh = await look(check(zone), letter, mail_from=sender, peer=peer)
                    assert (found.verdict, found.display, found.note) == (fresh.verdict, fresh.display, fresh.note)
                    assert (found.field, found.summary) == (fresh.field, fresh.summary)
                    written = format_results("mx.office.test", results_of(found.evidence))
                    assert (found.field, found.summary) == (written, summary_of(found.evidence))


async def test_a_key_that_changed_is_read_anew() -> None:
    zone = Zone({"s._domainkey.far.test": {"txt": (PAIR.record.encode(),)}})
    checked, letter = check(zone), signed(LETTER, "far.test")
    assert (await look(checked, letter)).evidence.signers == ("far.test",)
    zone.names = {"s._domainkey.far.test": {"txt": (generate_ed25519().record.encode(),)}}
    assert (await look(checked, letter)).evidence.signers == ()
    zone.names = {"s._domainkey.far.test": {"txt": (b"v=DKIM1; k=ed25519; p=",)}}
    assert "revoked" in (await look(checked, letter)).summary[-2]


async def test_the_next_message_of_a_signer_is_judged_by_its_own_signature_and_the_rest_is_known() -> None:
    zone = Zone(
        {
            "far.test": {"txt": (b"v=spf1 -all",)},
            "_dmarc.far.test": {"txt": (b"v=DMARC1; p=reject",)},
            "s._domainkey.far.test": {"txt": (PAIR.record.encode(),)},
        }
    )
    checked = check(zone)
    good = [signed(LETTER.replace(b"hello", b"number %d" % number), "far.test") for number in range(3)]
    first, second = [await look(checked, letter) for letter in good[:2]]
    assert (second.verdict, second.display) == (first.verdict, first.display)
    assert second.evidence.dmarc is first.evidence.dmarc
    assert second.evidence.dkim[0].signature != first.evidence.dkim[0].signature
    assert second.field == format_results("mx.office.test", results_of(second.evidence))
    changed = await look(checked, good[2].replace(b"number", b"Number"))
    assert changed.verdict.action is Action.REFUSE
    assert (await look(checked, LETTER)).verdict.action is Action.REFUSE
    assert (await look(checked, good[2])).verdict.action is Action.ACCEPT
    assert (await look(checked, signed(good[2], "list.test"))).evidence.signers == ("far.test",)
