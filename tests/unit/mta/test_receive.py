"""A message on its way in: what is refused before it comes, what is kept of it, what it costs."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.observe.ledger import parse_record
from posthouse.testing.office import RELAY

LETTER = b"From: friend@elsewhere.test\r\nSubject: Hi\r\n\r\nHello\r\n"


async def begin(session, sender="friend@elsewhere.test", parameters=""):
    await session.hello()
    return await session.tell(f"MAIL FROM:<{sender}>{parameters}")


async def test_a_size_over_l1_is_refused_before_it_is_sent(open_office):
    office = await open_office(limits=Limits(message_octets=1000))
    async with office.smtp() as session:
        assert (await begin(session, parameters=" SIZE=1001")).startswith("552 5.3.4")
        assert (await begin(session, parameters=" SIZE=1000")).startswith("250")


async def test_without_room_on_the_disk_mail_is_deferred(office):
    office.free = (0, 10**6)
    async with office.smtp() as session:
        assert (await begin(session)).startswith("452 4.3.1")


async def test_messages_a_minute_from_one_client(open_office):
    office = await open_office(limits=Limits(client_messages=2))
    async with office.smtp() as session:
        said = [(await begin(session))[:9] for _ in range(3)]
    assert said == ["250 2.1.0", "250 2.1.0", "451 4.7.1"]


async def relayed(office, recipients: str) -> str:
    """The id under which a message with an id of its own was taken from a host that may relay."""
    async with office.smtp(RELAY) as session:
        await session.hello()
        await session.tell("MAIL FROM:<friend@elsewhere.test>")
        for one in recipients.split():
            await session.tell(f"RCPT TO:<{one}>")
        await session.tell("DATA")
        (said,) = await session.says(b"Message-ID:\r\n <1@elsewhere.test>\r\n" + LETTER + b".\r\n")
        session.written = b""
    return said.rpartition(" ")[2]


async def test_mail_that_only_goes_elsewhere_is_not_described(office):
    """Nobody here will read it; the ledger knows its message-id all the same."""

    def describe(*_):
        raise AssertionError("described")

    office.intake._describe = describe
    trace = await relayed(office, "x@outside.test y@outside.test")
    assert parse_record(await office.store.record(trace)).message_id == "1@elsewhere.test"
    assert len(await office.queue()) == 2


async def test_mail_for_one_of_us_too_is_described(office):
    """The benign twin."""
    trace = await relayed(office, "x@outside.test alice@office.test")
    assert parse_record(await office.store.record(trace)).message_id == "1@elsewhere.test"
    (stored,) = await office.stored("alice")
    assert (stored.facts.message_id, stored.facts.subject) == ("1@elsewhere.test", "Hi")


async def test_octets_of_a_message_that_was_given_up_count(open_office):
    office = await open_office(limits=Limits(client_octets=1000))
    async with office.smtp() as session:
        await begin(session)
        await session.tell("RCPT TO:<alice@office.test>")
        await session.tell("DATA")
        await session.client(b"x" * 70 + b"\r\n", b"y" * 1100 + b"\r\n")
    async with office.smtp() as session:
        assert (await begin(session)).startswith("451 4.7.1")


async def test_the_exempt_are_spared_rates_but_not_judgement(open_office):
    office = await open_office(limits=Limits(client_messages=1, pair_messages_minute=1), exempt=("192.0.2.1",))
    async with office.smtp() as session:
        for _ in range(5):
            assert (await begin(session)).startswith("250")
            assert (await session.tell("RCPT TO:<alice@office.test>")).startswith("250")
        assert (await session.tell("RCPT TO:<victim@outside.test>")).startswith("550 5.7.1")


async def test_a_message_that_goes_in_circles_is_refused(open_office):
    office = await open_office(limits=Limits(hops=5, own_hops=2))
    loop = b"Received: from a by b.test; x\r\n" * 6 + LETTER
    async with office.smtp() as session:
        await session.hello()
        answers = await session.send("friend@elsewhere.test", ["alice@office.test"], loop)
        assert answers[-1].startswith("554 5.4.6")
    assert not await office.read("alice")


async def test_a_large_message_is_judged_and_kept_whole(office):
    content = LETTER + b"All work and no play makes Jack a dull boy\r\n" * 10_000
    async with office.smtp() as session:
        await session.hello()
        assert (await session.send("a@b.test", ["alice@office.test"], content))[-1].startswith("250")
    (letter,) = await office.read("alice")
    assert letter.endswith(content)


@pytest.mark.parametrize(
    "text", [b"Pump 3 has stopped\r\n", b"Pump 3 has stopped\r\n\r\nPlease look at it.\r\n", b"-- 3 --\r\n"]
)
async def test_a_text_without_a_header_is_all_body(office, text):
    """As machines send it that know no better: behind our own fields it must not look like one of them."""
    async with office.smtp() as session:
        await session.hello()
        assert "accepted" in (await session.send("pump@elsewhere.test", ["bob@office.test"], text))[-1]
    (message,) = await office.read("bob")
    assert message.partition(b"\r\n\r\n")[2] == text
    (stored,) = await office.stored("bob")
    assert stored.facts.preview.startswith(text.split(b"\r\n")[0].decode())


async def test_garbage_among_fields_stays_where_it_is(office):
    text = b"Pump 3 has stopped\r\nSubject: x\r\n\r\nbody\r\n"
    async with office.smtp() as session:
        await session.hello()
        await session.send("pump@elsewhere.test", ["bob@office.test"], text)
    (message,) = await office.read("bob")
    assert message.endswith(b"\r\n" + text)
    assert b"\r\n\r\n" not in message.removesuffix(b"\r\n\r\nbody\r\n")
