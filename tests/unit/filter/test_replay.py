"""A signature that comes again and again for people whom its message does not name speaks for it no longer (D05)."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.filter.action import Action
from posthouse.filter.examination import examine
from posthouse.filter.judge import Policy
from posthouse.filter.replay import Replays
from posthouse.filter.sender import SenderCheck
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_ed25519, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.imf.header import parse_header
from posthouse.testing.ports import ManualClock
from posthouse.testing.zone import Zone

pytestmark = pytest.mark.asyncio

PAIR = generate_ed25519()
LETTER = b"From: a@far.test\r\nTo: Friend <friend@far.test>, bob@office.test\r\nSubject: x\r\n%s\r\nbuy\r\n"
MOST = Limits().replays_hour


def signed(more: bytes = b"") -> bytes:
    content = LETTER % more
    header, body = parse_header(content), RelaxedBody()
    body.update(content[header.body_start :])
    key = signing_key("far.test", "s", PAIR.der)
    return format_signatures(header, body.digest(), [key], now=1_799_999_000) + content


class Door:
    def __init__(self) -> None:
        self.clock = ManualClock()
        zone = Zone({"s._domainkey.far.test": {"txt": (PAIR.record.encode(),)}})
        replays = Replays(Limits(), self.clock)
        self.check = SenderCheck(zone, self.clock, authserv_id="mx.office.test", policy=Policy, replays=replays)

    async def take(self, content: bytes, *names: str) -> tuple[Action, str]:
        to = [Recipient(Address(name, "office.test")) for name in names]
        found = await self.check.look(examine(content), peer="192.0.2.1", helo="x", mail_from="", recipients=to)
        return found.verdict.action, str(found.display)


GOOD, BAD = (Action.ACCEPT, "verified far.test"), (Action.JUNK, "unverified")


async def test_after_so_many_strangers_it_counts_no_more() -> None:
    door, content = Door(), signed()
    seen = [await door.take(content, f"user{number}") for number in range(500)]
    assert seen == [GOOD] * MOST + [BAD] * (500 - MOST)


async def test_many_recipients_of_one_transaction_count_each() -> None:
    door, content = Door(), signed()
    assert await door.take(content, *(f"user{number}" for number in range(MOST))) == GOOD
    assert await door.take(content, "another") == BAD


async def test_whom_it_names_gets_it_as_ever() -> None:
    door, content = Door(), signed()
    for number in range(MOST + 5):
        await door.take(content, f"user{number}")
    assert await door.take(content, "bob") == GOOD


async def test_an_hour_later_it_is_forgotten() -> None:
    door, content = Door(), signed()
    for number in range(MOST + 5):
        await door.take(content, f"user{number}")
    door.clock.pass_time(3601)
    assert await door.take(content, "another") == GOOD


async def test_a_mailing_list_may_write_to_everybody() -> None:
    door, content = Door(), signed(b"List-Id: <all.far.test>\r\n")
    seen = {await door.take(content, f"user{number}") for number in range(3 * MOST)}
    assert seen == {GOOD}


async def test_other_messages_of_the_same_domain_are_not_touched() -> None:
    door, content = Door(), signed()
    for number in range(MOST + 5):
        await door.take(content, f"user{number}")
    assert await door.take(signed(b"Cc: other@far.test\r\n"), "another") == GOOD
