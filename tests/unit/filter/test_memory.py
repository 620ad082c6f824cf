"""Conclusions hold as long as the answers they rest on, at most a minute, and only for whom they were drawn."""

import pytest

from posthouse.filter.authenticate import Inquiry
from posthouse.filter.examination import examine
from posthouse.filter.memory import MOST_SECONDS, Memory
from posthouse.standards.dns.ports import Answer
from posthouse.testing.ports import ManualClock
from posthouse.testing.zone import Zone

pytestmark = pytest.mark.asyncio

LETTER = b"From: a@far.test\r\n\r\nhello\r\n"


class Ageing(Zone):
    """Answers hold for 30 seconds."""

    clock = ManualClock()

    def _answer(self, name: str, kind: str) -> Answer:
        answer = super()._answer(name, kind)
        return Answer(answer.records, answer.exists, until=self.clock.monotonic() + 30)


def world(**names: tuple[bytes, ...]) -> Ageing:
    zone = Ageing({name.replace("__", "."): {"txt": txt} for name, txt in names.items()})
    zone.clock = ManualClock()
    return zone


class Door:
    def __init__(self, zone: Zone, clock: ManualClock) -> None:
        self.zone, self.clock, self.inquiry = zone, clock, Inquiry(zone, clock, Memory(clock))

    async def look(self, mail_from: str = "a@far.test", *, peer: str = "192.0.2.1", content: bytes = LETTER):
        return await self.inquiry.authenticate(examine(content), peer=peer, helo="x.test", mail_from=mail_from)

    async def asks(self, **given) -> bool:
        before = len(self.zone.asked)
        await self.look(**given)
        return len(self.zone.asked) > before


@pytest.fixture
def door() -> Door:
    zone = world(far__test=(b"v=spf1 ip4:192.0.2.1 -all",), _dmarc__far__test=(b"v=DMARC1; p=reject",))
    return Door(zone, zone.clock)


async def test_an_equal_message_asks_nothing(door: Door) -> None:
    first = await door.look()
    assert not await door.asks()
    again = await door.look()
    assert (again.spf_mail, again.dmarc) == (first.spf_mail, first.dmarc)
    assert again.dmarc is first.dmarc


async def test_another_person_of_the_domain_asks_nothing(door: Door) -> None:
    await door.look()
    assert not await door.asks(mail_from="b@far.test")


@pytest.mark.parametrize("other", [{"peer": "192.0.2.9"}, {"mail_from": "a@other.test"}, {"mail_from": ""}])
async def test_another_road_asks(door: Door, other: dict) -> None:
    await door.look()
    assert await door.asks(**other)
    other_end = await door.look(**other)
    assert other_end.spf_mail is None or not other_end.spf_mail.passed


async def test_conclusions_end_with_the_answers(door: Door) -> None:
    await door.look()
    door.clock.pass_time(29)
    assert not await door.asks()
    door.clock.pass_time(2)
    assert await door.asks()


async def test_conclusions_end_after_a_minute() -> None:
    clock = ManualClock()
    door = Door(Zone({"far.test": {"txt": (b"v=spf1 -all",)}}), clock)
    await door.look()
    clock.pass_time(MOST_SECONDS + 1)
    assert await door.asks()


async def test_what_was_asked_for_one_person_is_not_said_of_another() -> None:
    zone = world(far__test=(b"v=spf1 exists:%{l}.ok.test -all",))
    zone.names = {**zone.names, "good.ok.test": {"a": ("127.0.0.2",)}}
    door = Door(zone, zone.clock)
    assert (await door.look("good@far.test")).spf_mail.passed
    assert not (await door.look("bad@far.test")).spf_mail.passed


async def test_trouble_is_not_remembered() -> None:
    zone = world(far__test=(b"v=spf1 -all",))
    zone.broken = frozenset({"far.test", "_dmarc.far.test"})
    door = Door(zone, zone.clock)
    assert (await door.look()).is_temporary
    zone.broken = frozenset()
    assert not (await door.look()).is_temporary
