"""What we forward is sealed with what we found on arrival, and a failure stays one (RFC 8617, threat D06)."""

import pytest

from posthouse.filter.boundary import Boundary
from posthouse.filter.judge import Policy
from posthouse.filter.sender import SenderCheck
from posthouse.net.ports import Peer
from posthouse.standards.arc.verify import ChainVerifier, Status
from posthouse.standards.dkim.canonical import BodyHashes
from posthouse.standards.dkim.verify import SignedFields
from posthouse.standards.imf.header import parse_header
from posthouse.testing.office import HOSTNAME, Office

LETTER = b"From: Mallory <mallory@far.test>\r\nTo: away@office.test\r\nSubject: Hi\r\n\r\nHello  there \r\n\r\n\r\n"


@pytest.fixture
async def zone(office: Office):
    """The office seals; strangers are looked at with the zone that shows its keys."""
    zone = await office.make_keys()
    check = SenderCheck(
        zone,
        office.clock,
        authserv_id=HOSTNAME,
        policy=lambda: Policy(is_own=office.directory.is_local_domain),
        known=lambda: office.directory.domains,
    )
    office.boundary = Boundary(check, journal=office.journal)
    office.seals = True
    return zone


async def arrive(office: Office, content: bytes = LETTER, recipient: str = "away@office.test") -> None:
    async with office.smtp() as session:
        await session.hello()
        answers = await session.send("mallory@far.test", [recipient], content)
    assert answers[-1].startswith("250"), answers


async def forwarded(office: Office) -> bytes:
    item = (await office.queue())[-1]
    return item.content.prefix + await office.store.blobs.read(item.content.blob.blob_id)


async def chain_of(message: bytes, zone, now: float):
    header = parse_header(message)
    bodies = BodyHashes()
    verifier = ChainVerifier(SignedFields(header), bodies)
    bodies.update(message[header.body_start :])
    return await verifier.finish(zone, int(now))


async def test_what_is_forwarded_is_sealed_by_the_domain_that_forwards(office, zone):
    await arrive(office)
    message = await forwarded(office)
    assert message.startswith(b"ARC-Seal: i=1; a=rsa-sha256;")
    chain = await chain_of(message, zone, office.clock.now())
    assert (chain.status, chain.sealers) == (Status.PASS, ("office.test",))


async def test_the_seal_tells_what_we_found(office, zone):
    """The spoofed message is forwarded with its failure, and never with our DKIM signature."""
    await arrive(office)
    message = await forwarded(office)
    (testimony,) = parse_header(message).all("arc-authentication-results")
    assert testimony.startswith(b"i=1; mx.office.test;")
    assert b"spf=none" in testimony
    assert b"dmarc=none" in testimony
    assert "dkim-signature" not in parse_header(message)


async def test_a_second_forwarder_adds_to_the_chain(office, zone):
    await arrive(office)
    first = await forwarded(office)
    office.clock.pass_time(60)
    await arrive(office, first)
    chain = await chain_of(await forwarded(office), zone, office.clock.now())
    assert (chain.status, chain.highest) == (Status.PASS, 2)


async def test_a_chain_that_somebody_broke_is_sealed_as_failed_and_then_left_alone(office, zone):
    await arrive(office)
    broken = (await forwarded(office)).replace(b"Hello", b"Hallo")
    await arrive(office, broken)
    message = await forwarded(office)
    assert b"ARC-Seal: i=2;" in message
    assert b"cv=fail" in message
    await arrive(office, message)
    assert b"ARC-Seal: i=3;" not in await forwarded(office)


async def test_large_content_is_sealed(office, zone):
    await arrive(office, LETTER + b"0123456789 abcdef \r\n" * 20_000)
    assert (await chain_of(await forwarded(office), zone, office.clock.now())).status is Status.PASS


async def test_content_that_takes_too_much_effort_is_forwarded_without_a_seal(office, zone):
    await arrive(office, LETTER + b"x  \r\n" * 2**17)
    assert b"ARC-Seal" in await forwarded(office)
    await arrive(office, LETTER + b"x  x\r\n" * 2**18)
    assert b"ARC-Seal" not in await forwarded(office)


async def test_copies_of_our_own_bear_no_seal(office, zone):
    await arrive(office, recipient="all@office.test")
    (copy,) = await office.read("bob")
    assert b"ARC-" not in copy
    assert b"ARC-Seal" in await forwarded(office)


async def test_it_is_off_unless_switched_on(office, zone):
    office.seals = False
    await arrive(office)
    assert b"ARC-" not in await forwarded(office)


async def test_our_own_people_are_signed_and_not_sealed(office, zone):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        await session.send(
            "alice@office.test", ["x@outside.test"], b"From: alice@office.test\r\nSubject: Hi\r\n\r\nHi\r\n"
        )
    message = await forwarded(office)
    assert b"ARC-" not in message
    assert b"DKIM-Signature" in message


# -- what came from inside: nobody need prove anything to us, but the next hop asks

TRANSIT = LETTER.replace(b"mallory@far.test", b"alice@office.test")


async def pass_on(office: Office, content: bytes, recipient: str, *, door: str = "relay") -> bytes:
    """What leaves of a message that a machine in the relay network, or a local program, gave us."""
    session = office.smtp(Peer("203.0.113.9", 40000, "192.0.2.25", 25)) if door == "relay" else office.lmtp()
    async with session:
        await session.hello(verb="EHLO" if door == "relay" else "LHLO")
        answers = await session.send("mallory@far.test", [recipient], content)
    assert answers[-1].startswith("250"), answers
    return await forwarded(office)


@pytest.mark.parametrize(("door", "recipient"), [
    ("relay", "x@outside.test"), ("relay", "away@office.test"), ("lmtp", "away@office.test"),
])  # fmt: skip
async def test_transit_is_sealed_with_what_its_signatures_say(office, zone, door, recipient):
    """SPF would be about the machine next to us, so nothing is said of it, and no policy is said to have failed."""
    message = await pass_on(office, office.signer.sign(TRANSIT, "office.test") + TRANSIT, recipient, door=door)
    assert (await chain_of(message, zone, office.clock.now())).status is Status.PASS
    (testimony,) = parse_header(message).all("arc-authentication-results")
    assert b"dkim=pass" in testimony
    assert b"spf=" not in testimony
    assert b"dmarc=" not in testimony  # no policy is published, and none is said to be


async def test_transit_whose_author_is_proven_says_so(office, zone):
    zone.publish("_dmarc.office.test", b"v=DMARC1; p=reject")
    message = await pass_on(office, office.signer.sign(TRANSIT, "office.test") + TRANSIT, "x@outside.test")
    assert b"dmarc=pass" in parse_header(message).all("arc-authentication-results")[0]


async def test_transit_without_signatures_is_sealed_with_nothing_and_asks_the_dns_nothing(office, zone):
    zone.publish("_dmarc.far.test", b"v=DMARC1; p=reject")
    asked = len(zone.asked)
    message = await pass_on(office, LETTER, "x@outside.test")
    assert len(zone.asked) == asked
    assert parse_header(message).all("arc-authentication-results") == [b"i=1; mx.office.test;\tnone"]
    assert (await chain_of(message, zone, office.clock.now())).status is Status.PASS


async def test_transit_continues_the_chain_that_it_came_with(office, zone):
    await arrive(office)
    message = await pass_on(office, await forwarded(office), "x@outside.test")
    chain = await chain_of(message, zone, office.clock.now())
    assert (chain.status, chain.highest) == (Status.PASS, 2)
    assert b"arc=pass" in parse_header(message).all("arc-authentication-results")[0]


async def test_transit_with_a_chain_that_is_broken_is_sealed_as_failed(office, zone):
    await arrive(office)
    message = await pass_on(office, (await forwarded(office)).replace(b"Hello", b"Hallo"), "x@outside.test")
    assert b"cv=fail" in message


async def test_what_stays_here_is_not_looked_at_for_a_seal(office, zone):
    content = office.signer.sign(TRANSIT, "office.test") + TRANSIT
    async with office.smtp(Peer("203.0.113.9", 40000, "192.0.2.25", 25)) as session:
        await session.hello()
        await session.send("mallory@far.test", ["bob@office.test"], content)
    assert zone.asked == []
