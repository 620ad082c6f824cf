"""A proven domain has a name to lose; what is not proven counts for its network, and little; old voices fade."""

import pytest

from posthouse.filter.action import Action
from posthouse.filter.boundary import Judgement
from posthouse.filter.classifier.lesson import Act
from posthouse.filter.classifier.reputation import NETWORK_SHARE, identity, identity_in
from posthouse.filter.display import Display, Standing, display_in, format_display
from posthouse.filter.ports import NOTHING
from posthouse.mail.ids import AccountId
from posthouse.storage.errors import StorageError
from posthouse.testing.opinions import opinion_of

from .conftest import letter_of

PEOPLE = [AccountId(number) for number in range(1, 9)]
SHOP = Display(Standing.VERIFIED, "shop.test")
NOBODY = Display(Standing.UNVERIFIED, "shop.test")
MESSAGE = b"From: a@shop.test\r\nSubject: x\r\n\r\nhello %d\r\n"
RECEIVED = b"Received: from mx (unknown [%s])\r\n\tby us.test with ESMTP id x;\r\n\tMon, 6 Nov 2023 10:00:00 +0000\r\n"


def prefix(display: Display, peer: bytes = b"198.51.100.7") -> bytes:
    return b"Return-Path: <a@shop.test>\r\nDelivered-To: b@us.test\r\n" + format_display(display) + RECEIVED % peer


async def score(klass, display: Display, peer_octets: bytes = MESSAGE % 0) -> float:
    opinion = await opinion_of(klass.school.reputation, letter_of(peer_octets, PEOPLE[0], display=display))
    return sum(clue.score for clue in opinion.clues)


async def say(klass, act: Act, people, display: Display = SHOP, peer: bytes = b"192.0.2.77", number: int = 0) -> None:
    for account in people:
        await klass.learn(account, MESSAGE % number, act, prefix(display, peer))


@pytest.mark.parametrize(
    ("display", "peer", "who"),
    [
        (SHOP, "192.0.2.7", "shop.test"),
        (NOBODY, "192.0.2.7", "net:192.0.2.0/24"),
        (Display(Standing.VIA, "relay.test"), "2001:db8:1:2::3", "net:2001:db8:1::/48"),
        (Display(Standing.FORGED, "shop.test"), "192.0.2.7", "net:192.0.2.0/24"),
        (None, "192.0.2.7", ""),
        (NOBODY, "", ""),
    ],
)
def test_who_answers_for_a_message(display, peer, who):
    assert identity(display, peer) == who


def test_a_stored_message_says_the_same_as_one_that_arrives():
    for display, peer in ((SHOP, b"192.0.2.7"), (NOBODY, b"192.0.2.7"), (NOBODY, b"IPv6:2001:db8:1:2::3")):
        head = prefix(display, peer)
        assert display_in(head) == display or display.standing is Standing.UNVERIFIED
        assert identity_in(head, display_in(head)) == identity(display, peer.decode().removeprefix("IPv6:"))


async def test_a_domain_that_many_call_junk_is_suspected_and_one_that_many_like_is_welcome(klass):
    await say(klass, Act.JUNKED, PEOPLE[:5])
    assert 1.5 < await score(klass, SHOP) < 5, "it is never enough alone"
    assert await score(klass, Display(Standing.VERIFIED, "other.test")) == 0
    await say(klass, Act.KEPT, PEOPLE[:5], Display(Standing.VERIFIED, "good.test"), number=1)
    assert await score(klass, Display(Standing.VERIFIED, "good.test")) < -1.5


async def test_nobody_is_looked_up_while_nobody_has_spoken(klass):
    assert klass.school.reputation.examine(letter_of(MESSAGE % 0, PEOPLE[0], display=SHOP)) is NOTHING
    await say(klass, Act.JUNKED, PEOPLE[:1])
    assert klass.school.reputation.examine(letter_of(MESSAGE % 0, PEOPLE[0])) is NOTHING, "nobody looked at its sender"


async def test_one_person_speaks_once_about_a_sender(klass):
    for number in range(30):
        await say(klass, Act.JUNKED, PEOPLE[:2], number=number)
    assert await score(klass, SHOP) == 0, "two are no crowd"
    await say(klass, Act.JUNKED, PEOPLE[2:3])
    assert await score(klass, SHOP) > 0


async def test_a_replayed_message_has_no_name_and_cannot_spoil_one(klass):
    """D05: what is sent around is shown as unverified, and counts for the network that sends it."""
    await say(klass, Act.KEPT, PEOPLE[:5])
    good = await score(klass, SHOP)
    await say(klass, Act.JUNKED, PEOPLE, NOBODY, number=7)
    assert await score(klass, SHOP) == good < 0
    assert 0 < await score(klass, NOBODY) <= 2.5 * NETWORK_SHARE


async def test_voices_fade_and_are_gone_after_four_weeks(klass):
    await say(klass, Act.JUNKED, PEOPLE)
    fresh = await score(klass, SHOP)
    klass.office.clock.pass_time(7 * 86400)
    assert 0 < await score(klass, SHOP) < fresh
    klass.office.clock.pass_time(29 * 86400)
    assert await score(klass, SHOP) == 0
    assert await klass.school.reputation.prune() == 1


async def test_who_takes_his_message_back_takes_back_his_voice(klass):
    await say(klass, Act.JUNKED, PEOPLE[:4])
    await say(klass, Act.PARDONED, PEOPLE[:4])
    assert await score(klass, SHOP) == 0
    assert [key for key in await klass.counts() if key[0] == "reputation"] == []


async def test_a_store_that_does_not_answer_keeps_no_mail_waiting(klass, monkeypatch):
    await say(klass, Act.JUNKED, PEOPLE)

    async def broken(*_given):
        raise StorageError("gone")

    monkeypatch.setattr(klass.office.store, "tallies", broken)
    assert await score(klass, SHOP) == 0


async def refuse(klass, count: int, display: Display = SHOP) -> None:
    for _ in range(count):
        letter = letter_of(MESSAGE % 0, PEOPLE[0], display=display)
        klass.school.reputation.saw(letter, Judgement(Action.REFUSE))
    await klass.school.reputation.settled()


async def test_what_had_to_be_refused_adds_to_what_people_say_and_is_nothing_without_it(klass):
    for _ in range(5):
        await refuse(klass, 60)
    assert await score(klass, SHOP) == 0, "a stranger spoils nobody's name alone"
    await say(klass, Act.KEPT, PEOPLE[:6], Display(Standing.VERIFIED, "other.test"))
    assert await score(klass, SHOP) == 0
    await say(klass, Act.JUNKED, PEOPLE[:1], number=3)
    assert await score(klass, SHOP) > 1


async def test_what_is_let_in_or_our_own_is_not_counted(klass):
    reputation = klass.school.reputation
    reputation.saw(letter_of(MESSAGE % 0, PEOPLE[0], display=SHOP), Judgement(Action.JUNK))
    reputation.saw(letter_of(MESSAGE % 0, PEOPLE[0], display=SHOP, submitter=PEOPLE[0]), Judgement(Action.REFUSE))
    reputation.saw(letter_of(MESSAGE % 0, PEOPLE[0]), Judgement(Action.REFUSE))
    await reputation.settled()
    assert await klass.office.store.list_tallies("reputation.refused") == []
