"""A signature that comes again and again for people whom its message does not name speaks for it no longer (D05)."""

from base64 import b64encode

import pytest

from posthouse.admd.limits import Limits
from posthouse.filter.action import Action
from posthouse.filter.examination import examine
from posthouse.filter.judge import Policy
from posthouse.filter.replay import LISTED_TIMES, Replays
from posthouse.filter.sender import SenderCheck
from posthouse.filter.sharing import Sharing
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.standards.arc.seal import seal
from posthouse.standards.arc.verify import Chain, Status
from posthouse.standards.authres.results import MethodResult, Property
from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_ed25519, signing_key
from posthouse.standards.dkim.sign import complete, folded_names, format_signatures, hash_fields
from posthouse.standards.dkim.verify import SignedFields
from posthouse.standards.imf.header import parse_header
from posthouse.testing.ports import ManualClock
from posthouse.testing.zone import Zone

pytestmark = pytest.mark.asyncio

PAIR = generate_ed25519()
LETTER = b"From: a@far.test\r\nTo: Friend <friend@far.test>, bob@office.test\r\nSubject: x\r\n%s\r\nbuy\r\n"
MOST = Limits().replays_hour
OPEN = Policy()


def signed(more: bytes = b"") -> bytes:
    content = LETTER % more
    header, body = parse_header(content), RelaxedBody()
    body.update(content[header.body_start :])
    key = signing_key("far.test", "s", PAIR.der)
    return format_signatures(header, body.digest(), [key], now=1_799_999_000) + content


class Door:
    def __init__(self, policy: Policy | None = None) -> None:
        self.clock = ManualClock()
        record = (PAIR.record.encode(),)
        zone = Zone({"s._domainkey.far.test": {"txt": record}, "s._domainkey.list.test": {"txt": record}})
        self.replays = Replays(Limits(), self.clock)
        self.check = SenderCheck(
            zone, self.clock, authserv_id="mx.office.test", policy=lambda: policy or OPEN, replays=self.replays
        )

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


# -- whoever replays can say that it is a list, or seal it himself


def unlisted(more: bytes) -> bytes:
    """Signed by one who says nothing of lists, which others may then add."""
    content = LETTER % b""
    header, body = parse_header(content), RelaxedBody()
    body.update(content[header.body_start :])
    fields = SignedFields(header)
    names, state = hash_fields(fields, ("from", "to", "subject"))
    start = (
        f"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=far.test; s=s; h={folded_names(names)};\r\n"
        f"\tbh={b64encode(body.digest()).decode()};\r\n\tb="
    )
    return complete(start.encode(), state, signing_key("far.test", "s", PAIR.der)) + more + content


def sealed(content: bytes) -> bytes:
    header, body = parse_header(content), RelaxedBody()
    body.update(content[header.body_start :])
    found = [MethodResult("dmarc", "pass", properties=(Property("header", "from", "far.test"),))]
    key = signing_key("list.test", "s", PAIR.der)
    fields = seal(
        header, body.digest(), key, authserv_id="x", results=found, chain=Chain(Status.NONE), now=1_799_999_000
    )
    return fields + content


@pytest.mark.parametrize("content", [unlisted(b"List-Id: <x.evil.test>\r\n"), sealed(signed())], ids=["list", "seal"])
async def test_who_only_says_that_it_is_a_list_comes_to_an_end_too(content: bytes) -> None:
    door = Door()
    seen = [await door.take(content, f"user{number}") for number in range(LISTED_TIMES * MOST + 10)]
    assert seen == [GOOD] * (LISTED_TIMES * MOST) + [BAD] * 10


async def test_a_list_that_signed_its_own_name_is_not_counted() -> None:
    door, content = Door(), signed(b"List-Id: <all.far.test>\r\n")
    assert {await door.take(content, *(f"user{number}" for number in range(5000)))} == {GOOD}
    assert door.replays.allowances["replays"].is_spent("", MOST) is False


async def test_a_forwarder_that_we_trust_is_not_counted() -> None:
    door, content = Door(Policy(sealers=frozenset({"list.test"}))), sealed(signed())
    assert {await door.take(content, *(f"user{number}" for number in range(LISTED_TIMES * MOST + 1)))} == {GOOD}


async def test_what_came_to_another_node_counts_here() -> None:
    """Half of the copies each: the nodes tell each other, as of all rates."""
    wire, doors = Wire(), (Door(), Door())
    nodes = [Sharing(wire.end(), door.replays.allowances) for door in doors]
    content = signed()
    for number in range(MOST // 2):
        for door in doors:
            assert await door.take(content, f"user{number}") == GOOD
    for node in nodes:
        node.tell()
    assert [await door.take(content, "another") for door in doors] == [BAD, BAD]


async def test_two_thousand_names_are_all_read() -> None:
    names = b", ".join(b"user%d@office.test" % number for number in range(2000))
    door, content = Door(), signed(b"Cc: " + names + b"\r\n")
    for first in range(0, 2000, 500):
        assert await door.take(content, *(f"User{number}" for number in range(first, first + 500))) == GOOD


class Wire:
    """Between nodes, without delay."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, object]] = []

    def end(self) -> "End":
        return End(self)


class End:
    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def listen(self, topic: str, heard) -> None:
        self.wire.heard.append((self, heard))

    def broadcast(self, topic: str, text: str) -> None:
        for end, heard in self.wire.heard:
            if end is not self:
                heard(text)
