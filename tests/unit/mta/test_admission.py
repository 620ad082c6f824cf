"""What a stranger must satisfy at RCPT: room in the mailbox (R03), a share of it, lists, greylisting."""

import asyncio

import pytest

from posthouse.admd.limits import Limits
from posthouse.filter.blocklists import BlockLists, List, Means
from posthouse.filter.greylist import Greylist, Terms
from posthouse.mail.address import Address
from posthouse.mta import rooms
from posthouse.mta.rooms import Rooms
from posthouse.net.ports import Peer
from posthouse.storage.errors import StorageError
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import RELAY, STRANGER
from posthouse.testing.ports import ManualClock
from posthouse.testing.zone import Zone

KIB = 1024
QUOTA = 100 * KIB
LETTER = b"Subject: Hi\r\n\r\n" + (b"x" * 998 + b"\r\n") * 11
"""Eleven kilobytes."""
ALICE = "alice@office.test"
LIMITS = Limits(message_octets=20 * KIB)


@pytest.fixture
async def small(open_office):
    """Mailboxes of 100 KiB and messages of at most 20."""
    return await open_office(quota=QUOTA, asks={}, limits=LIMITS)


async def send(office, sender="spam@bomb.test", to=(ALICE,), *, content=LETTER, sized=True, peer=STRANGER) -> list[str]:
    async with office.smtp(peer) as session:
        await session.hello()
        return await session.send(sender, list(to), content, f" SIZE={len(content)}" if sized else "")


async def fill(office, octets: int) -> None:
    """Mail of so many domains that none has too large a share."""
    sent = 0
    while sent < octets:
        answers = await send(office, f"a@domain{sent}.test")
        assert answers[-1].startswith("250"), answers
        sent += len(LETTER)


async def test_with_room_nobody_waits(small):
    transaction = small.receiver().begin(client(), mail())
    receiver = small.receiver()
    assert (await receiver.add_recipient(transaction, recipient())).code == 250, "the first time it has to be asked"
    assert receiver.add_recipient(transaction, recipient()).code == 250


async def test_a_store_that_does_not_answer_keeps_no_sender_waiting(small, monkeypatch):
    """The cell of an account may be away: its mail is taken elsewhere, and is not refused on the way there."""
    back, ask, asked = asyncio.Event(), small.store.mailboxes, []

    async def away(account):
        asked.append(account)
        await back.wait()
        return await ask(account)

    monkeypatch.setattr(rooms, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(small.store, "mailboxes", away)
    receiver = small.receiver()
    transaction = receiver.begin(client(), mail())
    assert (await receiver.add_recipient(transaction, recipient())).code == 250
    assert receiver.add_recipient(transaction, recipient()).code == 250, "for a moment that is what is known"
    small.clock.pass_time(rooms.WARY_SECONDS + 1)
    assert (await receiver.add_recipient(transaction, recipient())).code == 250
    assert len(asked) == 1, "who has been asked is not asked again"
    back.set()
    await asyncio.sleep(0)
    small.clock.pass_time(rooms.WARY_SECONDS + 1)
    assert (await small.rooms.find(small.accounts["alice"])).quota == QUOTA


def client(address="192.0.2.1"):
    from posthouse.mta.client import Client

    return Client(Peer(address, 1, "198.51.100.1", 25), "smtp")


def mail(sender="a@b.test", size: int | None = 100):
    from posthouse.standards.smtp.events import MailFrom

    local, _, domain = sender.partition("@")
    return MailFrom(Address(local, domain) if sender else None, size=size)


def recipient(to=ALICE):
    from posthouse.mail.envelope import Recipient

    local, _, domain = to.partition("@")
    return Recipient(Address(local, domain))


async def test_a_domain_of_strangers_may_fill_a_fifth_of_a_mailbox_and_others_still_get_in(small):
    """R03, D-5."""
    answers = [(await send(small))[-1] for _ in range(4)]
    assert [one[:9] for one in answers] == ["250 2.0.0", "452 4.2.2", "452 4.2.2", "452 4.2.2"]
    assert "your domain has filled its share" in answers[-1]
    assert len(await small.read("alice")) == 1
    assert (await send(small, "friend@else.test"))[-1].startswith("250")
    assert (await send(small, to=("bob@office.test",)))[-1].startswith("250"), "another mailbox, another share"


async def test_what_another_node_has_filed_counts_too(small):
    alice, other = small.accounts["alice"], Rooms(small.store, small.directory, small.clock)
    for counted in small.rooms.allowances.values():
        counted.share()
    assert (await send(small))[-1].startswith("250")
    room = await other.find(alice)
    assert other.has_share(alice, room, "bomb.test", len(LETTER))
    for name, counted in small.rooms.allowances.items():
        for who, amount in counted.take_news().items():
            other.allowances[name].charge_elsewhere(who, amount)
    assert not other.has_share(alice, room, "bomb.test", len(LETTER))
    assert other.has_share(alice, room, "else.test", len(LETTER))


async def test_the_share_comes_back_in_a_day(small):
    while (await send(small))[-1].startswith("250"):
        pass
    small.clock.pass_time(86400)
    assert (await send(small))[-1].startswith("250")


async def test_at_ninety_percent_only_known_correspondents_get_in(small):
    small.acquaintance.remember(small.accounts["alice"], [Address("partner", "client.test")])
    await fill(small, 80 * KIB)
    assert (await send(small, "a@new.test"))[0].startswith("452 4.2.2 the mailbox is nearly full")
    assert (await send(small, "partner@client.test"))[-1].startswith("250")
    await small.acquaintance.flush()


async def test_a_full_mailbox_is_a_matter_of_time_for_a_day_and_then_final(small):
    small.acquaintance.remember(small.accounts["alice"], [Address("partner", "client.test")])
    await fill(small, 80 * KIB)
    assert (await send(small, "partner@client.test"))[-1].startswith("250")
    assert (await send(small, "partner@client.test"))[0].startswith("452 4.2.2 the mailbox is full")
    small.clock.pass_time(86400 + 10)
    assert (await send(small, "partner@client.test"))[0].startswith("552 5.2.2")
    await empty(small)
    small.clock.pass_time(3)
    assert (await send(small, "partner@client.test"))[-1].startswith("250"), "who makes room has it at once"
    await small.acquaintance.flush()


async def empty(office) -> None:
    account = office.accounts["alice"]
    for mailbox in await office.store.mailboxes(account):
        view = await office.store.view(account, mailbox.mailbox)
        await office.store.remove(account, mailbox.mailbox, [one.uid for one in view.messages])


async def test_what_is_said_of_the_size_is_enough_to_refuse_at_rcpt(small):
    await fill(small, 80 * KIB)
    async with small.smtp() as session:
        await session.hello()
        await session.tell(f"MAIL FROM:<> SIZE={20 * KIB}")
        assert (await session.tell(f"RCPT TO:<{ALICE}>")).startswith("452 4.2.2")
        await session.tell("RSET")
        await session.tell("MAIL FROM:<> SIZE=500")
        assert (await session.tell(f"RCPT TO:<{ALICE}>")).startswith("250"), "reports have a part of the reserve"


@pytest.mark.parametrize("order", [(ALICE, "bob@office.test"), ("bob@office.test", ALICE)])
async def test_who_says_no_size_sends_to_a_narrow_mailbox_apart_so_that_no_report_is_due(small, order):
    """B01: only the content will show whether it fits, and then it is too late to refuse one of two."""
    await fill(small, 80 * KIB)
    small.clock.pass_time(3)
    answers = await send(small, "a@new.test", order, sized=False)
    assert answers[0].startswith("250")
    assert answers[1].startswith("452 4.5.3")
    assert not await small.queue()


async def test_who_lies_about_the_size_is_refused_for_everybody_and_nobody_gets_a_report(small):
    await fill(small, 80 * KIB)
    small.clock.pass_time(3)
    async with small.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<victim@else.test> SIZE=100")
        for one in (ALICE, "bob@office.test"):
            assert (await session.tell(f"RCPT TO:<{one}>")).startswith("250")
        await session.tell("DATA")
        content = b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 19
        (first,) = await session.says(content + b".\r\n")
        small.clock.pass_time(1)
    assert first.startswith(("250", "452 4.2.2"))
    assert not await small.queue()


async def test_a_group_does_not_wait_for_one_full_mailbox(small):
    await fill(small, 80 * KIB)
    assert (await send(small, "a@new.test", ("all@office.test",)))[-1].startswith("250")
    assert len(await small.read("bob")) == 1


async def test_too_much_of_everybody_for_one_lets_in_who_is_known(open_office):
    office = await open_office(asks={}, limits=Limits(recipient_messages_minute=3))
    office.acquaintance.remember(office.accounts["alice"], [Address("partner", "client.test")])
    assert [(await send(office, f"a@d{n}.test"))[0][:3] for n in range(4)] == ["250", "250", "250", "451"]
    assert (await send(office, "partner@client.test"))[-1].startswith("250")
    assert (await send(office, "x@y.test", ("postmaster@office.test",)))[-1].startswith("250")
    office.clock.pass_time(60)
    assert (await send(office, "a@new.test"))[-1].startswith("250")
    await office.acquaintance.flush()


# -- lists in the DNS


def listing(*lists: List, names: dict | None = None, broken=frozenset()) -> BlockLists:
    return BlockLists(lists, Zone(names or {}, broken=broken), ManualClock(), KeptJournal())


LISTED = {"1.2.0.192.bl.test": {"a": ("127.0.0.2",)}}


@pytest.mark.parametrize(
    ("means", "said"), [(Means.REFUSE, "550 5.7.1"), (Means.DEFER, "451 4.7.1"), (Means.SCORE, "250")]
)
async def test_a_block_list_refuses_defers_or_only_counts(open_office, means, said):
    office = await open_office(asks={"lists": listing(List("bl.test", means), names=LISTED)})
    assert (await send(office))[0].startswith(said)
    assert (await send(office, peer=Peer("192.0.2.2", 1, "198.51.100.1", 25)))[0].startswith("250")
    assert (await send(office, to=("postmaster@office.test",)))[0].startswith("250"), "who is to help must be reached"
    assert (await send(office, peer=RELAY, to=("x@else.test",)))[0].startswith("250")


async def test_a_list_that_does_not_answer_says_nothing(open_office):
    broken = listing(List("bl.test", Means.REFUSE), broken=frozenset({"1.2.0.192.bl.test"}))
    office = await open_office(asks={"lists": broken})
    assert (await send(office))[-1].startswith("250")


async def test_who_is_on_a_welcome_list_too_is_let_in(open_office):
    names = {**LISTED, "1.2.0.192.wl.test": {"a": ("127.0.10.2",)}}
    lists = listing(List("bl.test", Means.REFUSE), List("wl.test", Means.WELCOME), names=names)
    office = await open_office(asks={"lists": lists})
    assert (await send(office))[-1].startswith("250")


# -- greylisting


async def greylisted(open_office, wanted=lambda: True):
    office = await open_office()
    office.asks = {"greylist": Greylist(office.store, office.clock, Terms(delay=300), wanted)}
    return office


async def test_who_is_new_comes_again_and_then_is_known(open_office):
    """RFC 6647."""
    office = await greylisted(open_office)
    assert (await send(office))[0].startswith("451 4.7.0 we do not know you yet: please come again in 300 seconds")
    office.clock.pass_time(100)
    assert (await send(office))[0].startswith("451 4.7.0 we do not know you yet: please come again in 200 seconds")
    office.clock.pass_time(200)
    assert (await send(office))[-1].startswith("250")
    assert (await send(office))[-1].startswith("250")
    assert (await send(office, "other@bomb.test"))[0].startswith("451")


async def test_who_comes_too_late_begins_anew(open_office):
    office = await greylisted(open_office)
    await send(office)
    office.clock.pass_time(90_000)
    assert (await send(office))[0].startswith("451")


async def test_a_network_that_passed_some_times_is_not_asked_any_more(open_office):
    office = await greylisted(open_office)
    for turn in range(5):
        await send(office, f"a{turn}@list.test")
    office.clock.pass_time(300)
    for turn in range(5):
        assert (await send(office, f"a{turn}@list.test"))[-1].startswith("250")
    assert (await send(office, "new@list.test"))[-1].startswith("250")


async def test_correspondents_relays_and_postmaster_need_not_come_again(open_office):
    office = await greylisted(open_office)
    office.acquaintance.remember(office.accounts["alice"], [Address("partner", "client.test")])
    assert (await send(office, "Partner@client.test"))[-1].startswith("250")
    assert (await send(office, peer=RELAY))[-1].startswith("250")
    assert (await send(office, to=("postmaster@office.test",)))[-1].startswith("250")
    await office.acquaintance.flush()


async def test_greylisting_is_no_misconduct(open_office):
    office = await greylisted(open_office)
    async with office.smtp() as session:
        await session.hello()
        for turn in range(30):
            await session.tell(f"MAIL FROM:<a{turn}@list.test>")
            assert (await session.tell(f"RCPT TO:<{ALICE}>")).startswith("451 4.7.0")
            session.door._conduct.note_mail()
            await session.tell("RSET")
    assert not office.delays


async def test_trouble_of_the_store_defers(open_office, monkeypatch):
    office = await greylisted(open_office)

    async def broken(*_given):
        raise StorageError("gone")

    monkeypatch.setattr(office.store, "notes", broken)
    assert (await send(office))[0].startswith("451 4.3.0")


async def test_what_was_said_of_a_client_is_asked_once(open_office):
    zone = Zone(LISTED)
    lists = BlockLists((List("bl.test"),), zone, ManualClock(), KeptJournal())
    await asyncio.gather(*[lists.find("192.0.2.1") for _ in range(5)])
    assert zone.asked == [("1.2.0.192.bl.test", "a")]
