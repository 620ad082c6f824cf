"""What is sent in another form than it was signed is signed again; what we did not sign is not."""

from base64 import b64decode

import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Envelope, Recipient
from posthouse.mail.ids import BlobId
from posthouse.mta.conversion import Converter
from posthouse.mta.load import Load
from posthouse.mta.passage import NOT_CONVERTIBLE, prepare
from posthouse.mta.reading import AT_ONCE
from posthouse.standards.dkim.verify import Result, Verifier
from posthouse.standards.imf.header import parse_header
from posthouse.standards.smtp.offered import Offered
from posthouse.testing.office import STRANGER, Office

EIGHT = (
    b"From: alice@office.test\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"Gr\xc3\xbc\xc3\x9fe\r\n"
)
OLD_SERVER = Offered()


@pytest.fixture
async def signed(office: Office):
    """The item of a signed message of 8 bits, and the zone that shows its keys."""
    zone = await office.make_keys()
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        await session.send("alice@office.test", ["x@outside.test"], EIGHT, " BODY=8BITMIME")
    (item,) = await office.queue()
    return item, zone


LARGE_HEAD = (
    b"From: alice@office.test\r\nTo: x@outside.test\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: image/x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)


async def results(message: bytes, zone, now: float) -> list[Result]:
    header = parse_header(message)
    verifier = Verifier(header)
    verifier.update(message[header.body_start :])
    return [one.result for one in await verifier.finish(zone, int(now))]


async def passed(office: Office, item, offered: Offered = OLD_SERVER, *, signer: bool = True) -> bytes:
    blobs = office.store.blobs
    passage = await prepare(Load((item,)), offered, blobs, Converter(blobs, office.signer if signer else None))
    assert passage is not NOT_CONVERTIBLE
    try:
        return b"".join([piece async for piece in passage.pieces(blobs)])
    finally:
        passage.forget()


async def test_where_8_bits_pass_the_signatures_are_those_of_the_submission(office, signed):
    item, zone = signed
    message = await passed(office, item, Offered(eightbitmime=True))
    assert message.startswith(item.content.prefix)
    assert await results(message, zone, office.clock.now()) == [Result.PASS, Result.PASS]


async def test_converted_content_is_signed_as_it_is_sent(office, signed):
    item, zone = signed
    message = await passed(office, item)
    assert message.isascii()
    assert b"Content-Transfer-Encoding: base64" in message
    assert await results(message, zone, office.clock.now()) == [Result.PASS, Result.PASS]


@pytest.mark.parametrize("octets", [300 * 1024, 17 * 1024 * 1024])
async def test_large_content_is_converted_and_signed_apart_from_memory(office, octets):
    zone = await office.make_keys()
    line = b"\xe4" * 70 + b"\r\n"
    attached = line * (octets // len(line))
    message = LARGE_HEAD + attached + b"--b--\r\n"
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        await session.send("alice@office.test", ["x@outside.test"], message, " BODY=8BITMIME")
    (item,) = await office.queue()
    passage = await prepare(Load((item,)), OLD_SERVER, office.store.blobs, Converter(office.store.blobs, office.signer))
    assert passage.octets is None
    pieces = [piece async for piece in passage.pieces(office.store.blobs)]
    passage.forget()
    assert max(map(len, pieces)) <= AT_ONCE
    sent = b"".join(pieces)
    assert passage.size == len(sent)
    assert sent.isascii()
    assert await results(sent, zone, office.clock.now()) == [Result.PASS, Result.PASS]
    encoded = sent.rpartition(b"\r\n\r\n")[2].partition(b"\r\n--b--")[0]
    assert b64decode(encoded) == attached.removesuffix(b"\r\n")


async def test_without_a_new_signature_the_old_ones_would_fail(office, signed):
    item, zone = signed
    assert await results(await passed(office, item, signer=False), zone, office.clock.now()) == [Result.FAIL] * 2


async def test_what_we_did_not_sign_is_converted_and_never_signed(office, signed):
    """Threat D06: a signature of ours in the content itself is somebody else's doing, too."""
    item, _ = signed
    forged = b"DKIM-Signature: v=1; d=office.test; s=r1; b=AAAA\r\n" + EIGHT
    prefix = b"Received: by mx.office.test; now\r\n"
    content = Content(prefix, Blob(BlobId("b"), len(forged), forged))
    message = await passed(office, type(item)(**{**dict(_fields(item)), "content": content, "body": Body.EIGHTBIT}))
    assert message.count(b"DKIM-Signature:") == 1
    assert message.startswith(prefix)


def _fields(item):
    return ((name, getattr(item, name)) for name in item.__struct_fields__)


@pytest.mark.parametrize(
    "author",
    [b"postmaster@far.test", b"a@office.test, b@far.test", b"<>", b"nobody", b"x@office.test.far.test", b""],
)
async def test_a_report_of_somebody_else_is_not_signed(office, signed, author):
    assert office.signer.sign_report(b"From: " + author + b"\r\nSubject: x\r\n\r\nno\r\n") == b""


async def test_what_is_no_report_is_not_signed_for_its_author(office, signed):
    """Threat D06: whoever sends on what a stranger wrote in our name gives him no signature."""
    forged = b"From: alice@office.test\r\nSubject: pay\r\n\r\nnow\r\n"
    writer = office.intake.open()
    writer.write(forged)
    blob = await writer.finish()
    envelope = Envelope(None, (Recipient(Address("x", "outside.test")),))
    plan = office.intake.plan(envelope, blob, trace="t1")
    assert b"DKIM-Signature" not in plan.postings[0].prefix
    report = office.intake.plan(envelope, blob, trace="t2", is_report=True)
    assert b"DKIM-Signature" in report.postings[0].prefix
    writer.discard()


async def test_a_report_to_outside_carries_its_signature_into_the_queue(office, signed):
    """A stranger asked to hear of the delivery."""
    _, zone = signed
    async with office.smtp(STRANGER) as session:
        await session.hello()
        await session.tell("MAIL FROM:<friend@elsewhere.test>")
        await session.tell("RCPT TO:<bob@office.test> NOTIFY=SUCCESS")
        await session.tell("DATA")
        await session.says(b"From: friend@elsewhere.test\r\nSubject: Hi\r\n\r\nHello\r\n.\r\n")
    (report,) = [item for item in await office.queue() if item.is_report]
    message = report.content.prefix + await office.store.blobs.read(report.content.blob.blob_id)
    assert b"From: Mail Delivery Service <postmaster@mx.office.test>" in message
    assert await results(message, zone, office.clock.now()) == [Result.PASS, Result.PASS]


async def test_long_lines_are_mended_and_signed_as_they_are_sent(office):
    """RFC 6376 section 5.3: what a next hop would cut is made short before it is signed."""
    zone = await office.make_keys()
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        content = b"From: alice@office.test\r\nSubject: Hi\r\n\r\n" + b"many words " * 200 + b"\r\n"
        await session.send("alice@office.test", ["x@outside.test"], content)
    (item,) = await office.queue()
    message = await passed(office, item, Offered(eightbitmime=True))
    assert max(map(len, message.split(b"\r\n"))) <= 998
    assert await results(message, zone, office.clock.now()) == [Result.PASS, Result.PASS]


async def test_binary_for_one_of_us_and_one_outside_is_signed_as_it_is_kept(office):
    """ADR 0026: both get the form that readers can be sent, and our signature is over that."""
    zone = await office.make_keys()
    content = (
        b"From: alice@office.test\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n" + bytes(range(256)) * 9
    )
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        await session.tell("MAIL FROM:<alice@office.test> BODY=BINARYMIME")
        await session.tell("RCPT TO:<bob@office.test>")
        await session.tell("RCPT TO:<x@outside.test>")
        assert "accepted" in (await session.says(b"BDAT %d LAST\r\n" % len(content) + content))[-1]
    (item,) = await office.queue()
    assert item.body is Body.EIGHTBIT
    (filed,) = await office.read("bob")
    for message in (filed, await passed(office, item, Offered(eightbitmime=True))):
        assert b"\0" not in message
        assert await results(message, zone, office.clock.now()) == [Result.PASS, Result.PASS]
