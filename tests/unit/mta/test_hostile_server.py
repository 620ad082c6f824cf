"""Threats S15 and T02: whatever a server does, a message ends as delivered, deferred or failed, in bounded memory."""

import asyncio

import pytest

from posthouse.mail.outcome import Deferred, Failed, Relayed
from posthouse.mta import link as link_module

GREET = b"220 hop\r\n"
EHLO = b"250-hop\r\n250 PIPELINING\r\n"
CHUNKING = b"250-hop\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
THREE_YES = b"250 ok\r\n" * 3
"""To MAIL and two RCPT; the answer to what ends the group follows."""


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    """A mistake in a script should not cost five minutes."""
    monkeypatch.setattr(link_module, "REPLY_SECONDS", dict.fromkeys(link_module.Verb, 3.0))


async def send_for_ever(writer, octets):
    while True:
        writer.write(octets)
        await writer.drain()


def opening(*replies: bytes):
    """A server that says ``replies`` by turns with what it reads, then hangs up."""

    async def conversation(reader, writer):
        for number, said in enumerate(replies):
            if number and not await reader.read(65536):
                return
            writer.write(said)
            await writer.drain()

    return conversation


BROKEN = {
    "hangs up at once": opening(),
    "no reply code": opening(b"hello there\r\n"),
    "a code of two digits": opening(b"22 hop\r\n"),
    "a code of letters": opening(b"abc hop\r\n"),
    "a code beyond the range": opening(b"990 hop\r\n"),
    "a zero octet for a code": opening(b"\0\0\0 hop\r\n"),
    "refuses everybody": opening(b"554 5.7.1 go away\r\n"),
    "greets with 421": opening(b"421 4.3.2 closing\r\n"),
    "greets with 250": opening(b"250 hop\r\n"),
    "two greetings": opening(GREET + GREET),
    "answers before it is asked": opening(GREET + b"250 ok\r\n250 ok\r\n250 ok\r\n"),
    "EHLO and HELO refused": opening(GREET, b"550 no\r\n", b"550 no\r\n"),
    "EHLO 421": opening(GREET, b"421 no\r\n"),
    "codes that change in one reply": opening(GREET, b"250-hop\r\n550 no\r\n"),
    "hangs up in the middle of a reply": opening(GREET, b"250-hop\r\n250-PIPE"),
    "101 lines": opening(GREET, b"250-x\r\n" * 101 + b"250 x\r\n"),
    "a line of 70 KB": opening(b"220 " + b"x" * 70_000 + b"\r\n"),
    "a code of the 100s": opening(GREET, b"150 wait\r\n"),
    "354 to MAIL": opening(GREET, EHLO, b"354 go on\r\n"),
    "334 to MAIL": opening(GREET, EHLO, b"334 go on\r\n"),
    "too few answers to a group": opening(GREET, EHLO, b"250 ok\r\n"),
    "too many answers to a group": opening(GREET, EHLO, b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"),
    "250 to DATA": opening(GREET, EHLO, b"250 ok\r\n250 ok\r\n250 ok\r\n"),
    "421 in the middle of a group": opening(GREET, EHLO, b"250 ok\r\n421 4.3.2 closing\r\n"),
    "hangs up after 354": opening(GREET, EHLO, THREE_YES + b"354 go\r\n"),
    "hangs up after the content": opening(GREET, EHLO, THREE_YES + b"354 go\r\n", b""),
    "nonsense for a final reply": opening(GREET, EHLO, THREE_YES + b"354 go\r\n", b"\xff\xfe\x00\r\n"),
    "334 for a final reply": opening(GREET, EHLO, THREE_YES + b"354 go\r\n", b"334 x\r\n"),
    "354 for a final reply": opening(GREET, EHLO, THREE_YES + b"354 go\r\n", b"354 x\r\n"),
    "334 to BDAT": opening(GREET, CHUNKING, THREE_YES + b"334 x\r\n"),
    "354 to every RCPT": opening(GREET, EHLO, b"250 ok\r\n354 go\r\n354 go\r\n354 go\r\n", b"250 ok\r\n"),
    "a bare CR as a line end": opening(b"220 hop\r250 ok\r"),
    "a control character in a code": opening(b"22\x000 hop\r\n"),
}


REFUSALS = {"refuses everybody", "EHLO and HELO refused"}
AFTER_CONTENT = {
    "hangs up after 354": "connection was lost",
    "hangs up after the content": "confirm the message",
    "nonsense for a final reply": "confirm the message",
    "334 for a final reply": "the reply code 334 to end of data",
    "354 for a final reply": "the reply code 354 to end of data",
    "334 to BDAT": "the reply code 334 to BDAT",
    "354 to every RCPT": "the reply code 354 to RCPT",
}
"""How far these must have come, by what is noted."""


@pytest.mark.parametrize("behaviour", BROKEN)
async def test_a_broken_server_defers_the_message(road, hop, item, behaviour):
    await hop.start(BROKEN[behaviour])
    trip = await road.carry(item(1), item(2, "carol@elsewhere.test"))
    assert set(trip.outcomes) == {1, 2}
    for outcome in trip.outcomes.values():
        assert isinstance(outcome, Deferred) or (isinstance(outcome, Failed) and behaviour in REFUSALS)
        assert len(str(outcome.reply)) <= 1024
        assert str(outcome.reply).isprintable()
        assert AFTER_CONTENT.get(behaviour, "") in str(outcome.reply)


async def test_a_refusal_of_us_by_every_host_is_final_and_by_one_of_two_is_not(road, hop, item):
    await hop.start(opening(b"554 5.7.1 go away\r\n"))
    alone = await road.carry(item())
    among = await road.carry(item(), route=road.route(hop.port, 1))
    assert isinstance(alone.outcomes[1], Failed)
    assert isinstance(among.outcomes[1], Deferred)


@pytest.mark.parametrize("octets", [b"x" * 65536, b"220-hop\r\n" * 1000, b"\r\n" * 1000, b"\0" * 1000])
async def test_an_endless_greeting_costs_little(road, hop, item, octets):
    async def conversation(reader, writer):
        await send_for_ever(writer, octets)

    await hop.start(conversation)
    trip = await road.carry(item())
    assert isinstance(trip.outcomes[1], Deferred)


async def test_a_server_that_drips_is_given_up(road, hop, item, monkeypatch):
    monkeypatch.setitem(link_module.REPLY_SECONDS, link_module.Verb.CONNECT, 0.2)

    async def conversation(reader, writer):
        while True:
            writer.write(b"2")
            await asyncio.sleep(0.05)

    await hop.start(conversation)
    trip = await road.carry(item())
    assert isinstance(trip.outcomes[1], Deferred)
    assert trip.outcomes[1].reply.status in {"4.4.2", "4.5.0"}


async def test_replies_before_the_handshake_cut_the_connection(road, hop, item):
    """T02: a server, or who sits between, sends more than the answer to STARTTLS."""
    got = []

    async def conversation(reader, writer):
        writer.write(GREET)
        await reader.readline()
        writer.write(b"250-hop\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n250 injected\r\n250 injected\r\n354 injected\r\n")
        got.append(await reader.read(100))

    await hop.start(conversation)
    trip = await road.carry(item())
    assert isinstance(trip.outcomes[1], Deferred)
    assert not any(got)  # no handshake, no command in the clear
    assert hop.connections == 1


async def test_a_refusal_while_content_is_sent_is_heard(road, hop, item):
    async def conversation(reader, writer):
        writer.write(GREET)
        await reader.readline()
        writer.write(EHLO)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
        await reader.readexactly(100_000)
        writer.write(b"552 5.3.4 too large for me\r\n")
        await writer.drain()
        writer.close()

    await hop.start(conversation)
    content = b"Subject: x\r\n\r\n" + b"x" * 70 * 300_000
    road.blobs.octets["b1"] = content
    trip = await road.carry(item(content=content, stored=True))
    assert isinstance(trip.outcomes[1], Failed | Deferred)


async def test_a_long_refusal_is_cut_and_cleaned(road, hop, item):
    refusal = "".join(f"550-5.1.1 no \x07 {'x' * 480}\r\n" for _ in range(50)) + "550 5.1.1 no"
    await hop.start(hop.speak(answers={"RCPT": refusal}))
    trip = await road.carry(item())
    assert isinstance(trip.outcomes[1], Failed)
    assert len(str(trip.outcomes[1].reply).encode()) <= 512
    assert "\x07" not in str(trip.outcomes[1].reply)


@pytest.mark.parametrize(
    ("said", "status"),
    [("550 4.1.1 no", "5.0.0"), ("550 9.9.9 no", "5.0.0"), ("550 5.1.1234 no", "5.0.0"), ("550 5.1.1 no", "5.1.1")],
)
async def test_an_enhanced_code_that_contradicts_is_not_believed(road, hop, item, said, status):
    await hop.start(hop.speak(answers={"RCPT": said}))
    trip = await road.carry(item())
    assert trip.outcomes[1].reply.status == status


async def test_others_are_served_while_one_server_hangs(road, hop, item):
    """The benign twin: a canary goes elsewhere meanwhile."""

    async def silence(reader, writer):
        await reader.read()

    hanging = type(hop)()
    await hanging.start(silence)
    await hop.start(hop.speak())
    stuck = asyncio.create_task(road.carry(item(1), route=road.route(hanging.port)))
    canary = await road.carry(item(2))
    assert isinstance(canary.outcomes[2], Relayed)
    assert not stuck.done()
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)
    await hanging.stop()
