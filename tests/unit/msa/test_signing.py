"""What our own people send is signed as it leaves, by the domain of its author and by nobody else (threat A08)."""

import re

import pytest

from posthouse.filter.action import Action
from posthouse.filter.boundary import Boundary
from posthouse.filter.clue import Clue
from posthouse.filter.ports import Opinion
from posthouse.observe.ledger import parse_record
from posthouse.standards.dkim.verify import Result, Verifier
from posthouse.standards.imf.header import parse_header
from posthouse.storage.directory import AliasRow, DomainRow

LETTER = b"From: Alice <alice@office.test>\r\nTo: x@outside.test\r\nSubject: Hi\r\n\r\nHello  there \r\n\r\n\r\n"
SIGNATURE = b"DKIM-Signature: "
DAY = 86400


@pytest.fixture
async def zone(office):
    return await office.make_keys()


@pytest.fixture
async def session(office):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        yield office.logged_in(session)


async def sent(office) -> bytes:
    """The one message on its way out, as the next hop gets it."""
    (item,) = await office.queue()
    return item.content.prefix + await office.store.blobs.read(item.content.blob.blob_id)


async def results(message: bytes, zone, now: float) -> list[Result]:
    header = parse_header(message)
    verifier = Verifier(header)
    verifier.update(message[header.body_start :])
    return [one.result for one in await verifier.finish(zone, int(now))]


async def test_both_signatures_hold_when_it_leaves(office, session, zone):
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    message = await sent(office)
    assert await results(message, zone, office.clock.now()) == [Result.PASS, Result.PASS]
    assert re.findall(rb"v=1; a=(.+?);.* d=(.+?);", message) == [
        (b"rsa-sha256", b"office.test"),
        (b"ed25519-sha256", b"office.test"),
    ]


async def test_what_is_filed_is_what_leaves(office, session, zone):
    await session.send("alice@office.test", ["x@outside.test", "bob@office.test"], LETTER)
    (filed,) = await office.read("bob")
    assert filed.endswith((await sent(office)).partition(SIGNATURE)[2])
    assert await results(filed, zone, office.clock.now()) == [Result.PASS, Result.PASS]


@pytest.mark.parametrize("piece", [None, 1, 7, 64])
async def test_however_it_comes_the_whole_body_is_signed(office, zone, piece):
    session = office.submission(implicit_tls=True)
    session._piece = piece
    async with session:
        await session.hello()
        office.logged_in(session)
        await session.send("alice@office.test", ["x@outside.test"], LETTER + b"..x\r\n" + b"y  \t z\r\n" * 50)
    assert await results(await sent(office), zone, office.clock.now()) == [Result.PASS, Result.PASS]


async def test_a_message_of_nothing_but_a_header_is_signed(office, session, zone):
    await session.send("alice@office.test", ["x@outside.test"], b"From: alice@office.test\r\nSubject: empty\r\n")
    assert await results(await sent(office), zone, office.clock.now()) == [Result.PASS, Result.PASS]


async def test_a_body_that_is_kept_in_a_file_is_signed(office, session, zone):
    await session.send("alice@office.test", ["x@outside.test"], LETTER + b"0123456789 abcdef \r\n" * 20_000)
    assert await results(await sent(office), zone, office.clock.now()) == [Result.PASS, Result.PASS]


async def test_what_was_added_and_removed_on_the_way_is_signed_so(office, session, zone):
    await session.send("alice@office.test", ["x@outside.test"], b"Bcc: secret@office.test\r\n" + LETTER)
    message = await sent(office)
    assert b"\r\nDate: " in message
    assert b"secret" not in message
    assert await results(message, zone, office.clock.now()) == [Result.PASS, Result.PASS]


async def test_fields_can_neither_be_changed_nor_added(office, session, zone):
    """Threat D04: every field that says something to a reader is named once more than it occurs."""
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    message = await sent(office)
    for name in (b"From", b"To", b"Subject", b"Date", b"Reply-To", b"Cc", b"MIME-Version", b"Content-Type", b"Sender"):
        forged = name + b": forged@office.test\r\n" + message
        assert await results(forged, zone, office.clock.now()) == [Result.FAIL, Result.FAIL], name


async def test_no_length_is_given_and_the_signature_ends(office, session, zone):
    """Threat D04 (``l=``) and D05 (replay)."""
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    message = await sent(office)
    assert b" l=" not in message
    now = office.clock.now()
    assert await results(message, zone, now + 5 * DAY) == [Result.PASS, Result.PASS]
    assert await results(message, zone, now + 5 * DAY + 1) == [Result.FAIL, Result.FAIL]


async def test_the_ledger_says_who_signed(office, session, zone):
    answers = await session.send("alice@office.test", ["x@outside.test"], LETTER)
    record = parse_record(await office.store.record(answers[-1].rpartition(" ")[2]))
    assert record.signed == "office.test"


async def test_without_keys_it_leaves_unsigned(office, session):
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    assert SIGNATURE not in await sent(office)


async def test_a_domain_without_keys_is_not_signed_for_by_another(office, session, zone):
    await office.store.put_domain(DomainRow("second.test"))
    await office.store.put_alias(AliasRow("alice@second.test", ("alice@office.test",)))
    await office.directory.refresh(office.store)
    await session.send(
        "alice@office.test", ["x@outside.test"], LETTER.replace(b"alice@office.test", b"alice@second.test")
    )
    assert SIGNATURE not in await sent(office)


async def test_the_domain_of_the_author_signs_whatever_the_envelope_says(office, session, zone):
    await office.store.put_domain(DomainRow("second.test"))
    await office.store.put_alias(AliasRow("alice@second.test", ("alice@office.test",)))
    await office.directory.refresh(office.store)
    second = await office.make_keys("second.test")
    await session.send(
        "alice@office.test", ["x@outside.test"], LETTER.replace(b"alice@office.test", b"alice@second.test")
    )
    message = await sent(office)
    assert b"d=office.test" not in message
    assert await results(message, second, office.clock.now()) == [Result.PASS, Result.PASS]


VICTIM = b"boss@victim.test"
FORGERIES = {
    "another domain": b"From: " + VICTIM,
    "another of ours": b"From: bob@office.test",
    "two in one field": b"From: alice@office.test, " + VICTIM,
    "two in one field, turned": b"From: " + VICTIM + b", alice@office.test",
    "two fields": b"From: alice@office.test\r\nFrom: " + VICTIM,
    "two fields, turned": b"From: " + VICTIM + b"\r\nFrom: alice@office.test",
    "a space before the colon": b"From: alice@office.test\r\nFrom : " + VICTIM,
    "no address": b"From: Boss",
    "an empty address": b"From: <>",
    "no From at all": b"X-From: alice@office.test",
    "a group": b"From: Bosses: " + VICTIM + b";",
    "a source route": b"From: <@office.test:" + VICTIM + b">",
    "two brackets": b"From: <alice@office.test><" + VICTIM + b">",
    "a bracket in a bracket": b"From: <alice@office.test<" + VICTIM + b">>",
    "another Sender": b"From: alice@office.test\r\nSender: " + VICTIM,
    "two Senders": b"From: alice@office.test\r\nSender: alice@office.test\r\nSender: " + VICTIM,
    "Resent-From": b"From: alice@office.test\r\nResent-From: " + VICTIM,
    "Resent-Sender": b"From: alice@office.test\r\nResent-Sender: " + VICTIM,
    "folded": b"From:\r\n " + VICTIM,
    "in a subdomain": b"From: alice@sub.office.test",
}


@pytest.mark.parametrize("form", FORGERIES)
async def test_none_of_twenty_forgeries_gets_a_signature(office, zone, form):
    """Threat A08: refused, and nothing was signed with anybody's key."""
    await office.store.put_domain(DomainRow("victim.test"))
    await office.directory.refresh(office.store)
    await office.make_keys("victim.test")
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        answers = await session.send(
            "alice@office.test", ["x@outside.test"], FORGERIES[form] + b"\r\nSubject: pay\r\n\r\nnow\r\n"
        )
    assert answers[-1].startswith("550 5.7.1"), answers
    assert await office.queue() == []


async def test_mail_from_a_relay_network_keeps_the_signature_of_its_own_server_only(office, zone):
    from posthouse.testing.office import RELAY

    async with office.smtp(RELAY) as session:
        await session.hello()
        await session.send("alice@office.test", ["x@outside.test"], LETTER)
    assert SIGNATURE not in await sent(office)


async def test_a_stranger_in_our_name_gets_no_signature_when_he_is_forwarded(office, zone):
    """Threat D06."""
    async with office.smtp() as session:
        await session.hello()
        await session.send("mallory@far.test", ["away@office.test"], LETTER)
    assert all(SIGNATURE not in item.content.prefix for item in await office.queue())


async def test_every_bit_of_a_signed_header_counts(office, session, zone):
    """A sample of each octet of what was signed; what is not signed (Received, white space at folds) may change."""
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    message = await sent(office)
    now = office.clock.now()
    for name in (b"From:", b"To:", b"Subject:", b"Date:", b"Message-ID:"):
        start = message.index(b"\r\n" + name) + 2
        for at in range(start, message.index(b"\r\n", start)):
            if message[at : at + 1] in b" :":
                continue
            changed = bytearray(message)
            changed[at] ^= 2 if chr(message[at]).isalpha() else 1  # never only the case of a letter
            assert Result.PASS not in await results(bytes(changed), zone, now), bytes(changed[start:])


class Suspicious:
    """An examiner that demands one action for everything."""

    name = "test"

    def __init__(self, action: Action) -> None:
        self.action = action

    async def examine(self, letter):
        return Opinion((Clue("test", "test.demand", "because", action=self.action),))


@pytest.mark.parametrize(("action", "signatures"), [(Action.ACCEPT, 2), (Action.QUARANTINE, 2), (Action.JUNK, 0)])
async def test_what_looks_like_junk_leaves_unsigned(office, zone, action, signatures):
    """Threat D05: nobody replays it with our word for it. What is held is signed for the day it is released."""
    office.outbound = Boundary(None, [Suspicious(action)], journal=office.journal)
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        await session.send("alice@office.test", ["x@outside.test"], LETTER)
    assert (await sent(office)).count(SIGNATURE) == signatures
