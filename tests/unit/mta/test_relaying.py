"""Who may send what to whom: the relay decision and what surrounds it."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.mail.address import Address
from posthouse.mta.client import Client
from posthouse.mta.relaying import is_own_literal
from posthouse.net.ports import Peer
from posthouse.testing.office import RELAY, STRANGER

LETTER = b"From: friend@elsewhere.test\r\nSubject: Hi\r\n\r\nHello\r\n"


async def answer(office, recipient: str, *, peer=STRANGER, sender="friend@elsewhere.test") -> str:
    async with office.smtp(peer) as session:
        await (session).hello()
        session.written = b""
        begun = await session.tell(f"MAIL FROM:<{sender}>")
        return await session.tell(f"RCPT TO:{recipient}") if begun.startswith("250") else begun


RELAY_FORMS = (
    "<victim@outside.test>",
    "<victim@outside.test.>",
    "<VICTIM@OUTSIDE.TEST>",
    "<@office.test:victim@outside.test>",
    "<@mx.office.test,@office.test:victim@outside.test>",
    "<@[198.51.100.1]:victim@outside.test>",
    "<victim%outside.test@office.test>",
    "<victim%outside.test@[198.51.100.1]>",
    "<outside.test!victim@office.test>",
    "<outside.test!victim@[198.51.100.1]>",
    '<"victim@outside.test"@office.test>',
    '<"victim%outside.test"@office.test>',
    '<"victim@outside.test">',
    "<victim@outside.test@office.test>",
    "<victim@office.test@outside.test>",
    "<alice@[198.51.100.1]>",
    "<victim@[203.0.113.9]>",
    "<postmaster@[203.0.113.9]>",
    "<postmaster@outside.test>",
    "<victim+alice@outside.test>",
    "<alice@sub.office.test>",
    "<alice@office.test.outside.test>",
    "<alice@notoffice.test>",
    "<alice@xn--ffice-wwa.test>",
    "<victim@localhost>",
    "<victim@mx.office.test>",
    "<victim>",
    "victim@outside.test",
    "<outside.test!victim>",
    "<@outside.test>",
    "<victim@@outside.test>",
    "<alice@office.test> ORCPT=rfc822;x NOTIFY=NEVER XFORWARD=1",
    "<[office.test]:victim@outside.test>",
    "<victim@outside.test>,<alice@office.test>",
    "<<victim@outside.test>>",
    "<victim @outside.test>",
)


@pytest.mark.parametrize("sender", ["", "friend@elsewhere.test", "alice@office.test", "postmaster@office.test"])
@pytest.mark.parametrize("peer", [STRANGER, Peer("203.0.112.255", 9, "198.51.100.1", 25)])
async def test_no_spelling_and_no_sender_makes_us_a_relay(office, peer, sender):
    """A01: forty forms, a stranger and a near miss of the relay network, whatever sender they claim."""
    for recipient in RELAY_FORMS:
        said = await answer(office, recipient, peer=peer, sender=sender)
        assert said.startswith(("550 5.7.1", "550 5.1.", "501 5.", "555 5.", "553 5.")), f"{recipient}: {said}"
    assert not await office.queue()


@pytest.mark.parametrize("address", ["203.0.113.7", "::ffff:203.0.113.7"])
async def test_exactly_the_configured_networks_may_relay(office, address):
    peer = Peer(address, 9, "198.51.100.1", 25)
    assert (await answer(office, "<victim@outside.test>", peer=peer)).startswith("250")


@pytest.mark.parametrize("address", ["203.0.114.7", "::203.0.113.7", "10.0.0.1", "192.168.1.1", "127.0.0.1", "::1"])
async def test_private_and_loopback_addresses_are_not_trusted(office, address):
    peer = Peer(address, 9, "198.51.100.1", 25)
    assert (await answer(office, "<victim@outside.test>", peer=peer)).startswith("550 5.7.1")


async def test_what_is_relayed_carries_a_trace_line_and_nothing_else_of_ours(office):
    async with office.smtp(RELAY) as session:
        await session.hello()
        await session.send("friend@elsewhere.test", ["x@outside.test", "y@outside.test"], LETTER)
    first, second = await office.queue()
    assert first.content == second.content
    assert first.content.prefix.startswith(b"Received: from client.example (unknown [203.0.113.7])")
    assert b" for " not in first.content.prefix
    assert b"Return-Path" not in first.content.prefix


@pytest.mark.parametrize(
    "recipient",
    [
        "<postmaster>",
        "<Postmaster@office.test>",
        "<POSTMASTER@[198.51.100.1]>",
        "<carol@office.test>",
        "<all@office.test>",
    ],
)
async def test_postmaster_is_always_somebody(office, recipient):
    """RFC 5321 section 4.5.1."""
    assert (await answer(office, recipient)).startswith("250 2.1.5")


async def test_postmaster_at_our_own_address_reaches_a_person(office):
    async with office.smtp() as session:
        await session.hello()
        await session.send("friend@elsewhere.test", ["postmaster@[198.51.100.1]"], LETTER)
    assert len(await office.read("carol")) == 1


def test_our_own_literal_is_the_address_the_client_connected_to():
    client = Client(Peer("192.0.2.1", 1, "2001:db8::1", 25), "smtp")
    assert is_own_literal(Address("Postmaster", "[IPv6:2001:db8::1]"), client)
    assert not is_own_literal(Address("postmaster", "[192.0.2.1]"), client)
    assert not is_own_literal(Address("alice", "[IPv6:2001:db8::1]"), client)


async def test_who_does_not_exist_is_refused_in_the_session(office):
    said = await answer(office, "<nobody@office.test>")
    assert said == "550 5.1.1 <nobody@office.test>: no such user here (id t00000000002)"


async def test_replies_stay_ascii_whoever_was_asked_for(office):
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<friend@elsewhere.test> SMTPUTF8")
        said = await session.tell("RCPT TO:<jürgen@office.test>")
    assert said.startswith("550 5.1.1 no such user here (id ")


async def test_an_alias_that_leads_nowhere_is_refused_in_the_session(office):
    assert (await answer(office, "<chicken@office.test>")).startswith("554 5.4.6")


async def test_an_alias_may_lead_elsewhere(office):
    assert (await answer(office, "<away@office.test>")).startswith("250")


async def test_an_address_in_utf8_needs_smtputf8(office):
    assert (await answer(office, "<jürgen@office.test>")).startswith(("553 5.6.7", "501", "550"))


# -- how many, how often


async def begin(session, sender="friend@elsewhere.test", parameters=""):
    await session.hello()
    return await session.tell(f"MAIL FROM:<{sender}>{parameters}")


async def test_exactly_l12_recipients_are_taken_and_the_message_reaches_them(open_office):
    """S11: the rest is deferred without an end, and costs the client no errors."""
    office = await open_office(limits=Limits(mx_recipients=5))
    async with office.smtp() as session:
        await begin(session)
        answers = [await session.tell(f"RCPT TO:<alice+{n}@office.test>") for n in range(100)]
        assert [one[:9] for one in answers] == ["250 2.1.5"] * 5 + ["452 4.5.3"] * 95
        await session.tell("DATA")
        assert (await session.tell(LETTER + b".\r\n")).startswith("250")
    assert len(await office.read("alice")) == 1


async def test_a_report_may_have_as_many_recipients_as_the_standard_demands(office):
    async with office.smtp() as session:
        await begin(session, sender="")
        answers = [await session.tell(f"RCPT TO:<alice+{n}@office.test>") for n in range(101)]
        assert [one[:3] for one in answers] == ["250"] * 100 + ["452"]


async def test_one_domain_does_not_flood_one_recipient(open_office):
    office = await open_office(limits=Limits(pair_messages_minute=1))
    async with office.smtp() as session:
        await begin(session)
        assert (await session.tell("RCPT TO:<alice@office.test>")).startswith("250")
        assert (await session.tell("RCPT TO:<ALICE@office.test>")).startswith("451 4.7.1")
        assert (await session.tell("RCPT TO:<bob@office.test>")).startswith("250")
