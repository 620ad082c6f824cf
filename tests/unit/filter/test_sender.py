"""One call a message: verdict, display, our field, and what is cut out."""

from posthouse.filter.action import Action
from posthouse.filter.examination import examine
from posthouse.filter.judge import Policy
from posthouse.filter.sender import SenderCheck
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
