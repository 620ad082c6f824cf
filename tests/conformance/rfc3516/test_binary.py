"""RFC 3516, and RFC 9051 section 4.3.1: what came as binary is shown encoded to whoever does not ask for it as binary."""

import email
import email.policy
import re

import pytest

from posthouse.ms import fetch
from posthouse.standards.mime.transfer import decode_transfer
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.mailreader import MailReader, open_house
from posthouse.testing.office import STRANGER, Office
from posthouse.testing.ports import CountedIds, ManualClock

IMAGE = bytes(range(256)) * 300
HEAD = (
    b"From: bob@far.test\r\nSubject: drawing\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n"
)
TEXT = (
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
)
PART = b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" + IMAGE + b"\r\n--b--\r\n"
DRAWING = HEAD + TEXT + PART
SIGNED = (
    b"From: bob@far.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: image/png\r\n\r\n\0\r\n--b--\r\n"
)


@pytest.fixture
async def office(tmp_path):
    clock, ids, journal = ManualClock(), CountedIds(), KeptJournal()
    store = await open_store(tmp_path / "store", clock=clock, ids=ids, journal=journal)
    yield await Office(store, clock=clock, ids=ids, journal=journal).furnish()
    await store.close()


@pytest.fixture
async def alice(office):
    reader = await MailReader.enter(office, "alice", open_house(office))
    yield reader
    reader.leave()


async def by_smtp(office, content=DRAWING, *recipients):
    async with office.smtp(STRANGER) as session:
        await session.hello()
        await session.tell("MAIL FROM:<bob@far.test> BODY=BINARYMIME")
        for one in recipients or ("alice@office.test",):
            await session.tell(f"RCPT TO:<{one}>")
        return await session.says(b"BDAT %d LAST\r\n" % len(content) + content)


async def by_append(alice, content=DRAWING):
    return (await alice.says(b"APPEND INBOX ~{%d+}\r\n" % len(content) + content))[-1]


async def whole(alice) -> bytes:
    heard = await alice.octets("FETCH 1 (RFC822.SIZE BODY.PEEK[])")
    size = int(re.search(rb"RFC822\.SIZE (\d+)", heard)[1])
    found = re.search(rb"BODY\[\] \{(\d+)\}\r\n", heard)
    assert int(found[1]) == size
    return heard[found.end() : found.end() + size]


@pytest.mark.rfc(3516, "6", "MUST")
@pytest.mark.rfc(9051, "4.3.1", "MUST")
@pytest.mark.parametrize("way", ["smtp", "append"])
async def test_body_and_bodystructure_describe_binary_parts_as_encoded(office, alice, way):
    answer = await by_smtp(office) if way == "smtp" else await by_append(alice)
    assert "accepted" in answer[-1] or answer.startswith("OK")
    await alice.says("SELECT INBOX")
    message = await whole(alice)
    assert b"\0" not in message
    assert message.count(b"\n") == message.count(b"\r") == message.count(b"\r\n")
    assert TEXT in message
    parts = list(email.message_from_bytes(message, policy=email.policy.default).iter_parts())
    assert parts[1].get_content() == IMAGE
    structure = await alice.octets("FETCH 1 BODYSTRUCTURE")
    (octets,) = re.findall(rb'"image" "png" NIL NIL NIL "base64" (\d+)', structure)
    assert b"BODY[2] {" + octets + b"}\r\n" in await alice.octets("FETCH 1 BODY.PEEK[2]")
    assert b'"8bit"' in structure
    assert b"binary" not in structure


@pytest.mark.rfc(3516, "4.3", "MUST")
async def test_binary_gives_the_octets_that_were_sent_and_their_size(office, alice):
    await by_smtp(office)
    await alice.says("SELECT INBOX")
    assert b"BINARY[2] ~{%d}\r\n" % len(IMAGE) + IMAGE in await alice.octets("FETCH 1 BINARY.PEEK[2]")
    assert b"BINARY.SIZE[2] %d" % len(IMAGE) in await alice.octets("FETCH 1 BINARY.SIZE[2]")
    assert b"BINARY[2]<1> ~{9}\r\n" + IMAGE[1:10] not in await alice.octets("FETCH 1 BINARY.PEEK[2]<1.9>")
    assert b"BINARY[2]<1> {9}\r\n" + IMAGE[1:10] in await alice.octets("FETCH 1 BINARY.PEEK[2]<1.9>")


async def test_a_part_is_decoded_once_whatever_is_asked_of_it(office, alice, monkeypatch):
    """Threat R07: 94 pieces of a large part kept a core busy for 24 seconds."""
    decoded = []
    monkeypatch.setattr(fetch, "decode_transfer", lambda *given: decoded.append(given) or decode_transfer(*given))
    await by_smtp(office, HEAD + TEXT + PART.removesuffix(b"--b--\r\n") + PART)
    await alice.says("SELECT INBOX")
    asked = b" ".join(b"BINARY.PEEK[2]<%d.9> BINARY.PEEK[3]<%d.5>" % (at, at) for at in range(1, 40))
    heard = await alice.octets(b"FETCH 1 (BINARY.SIZE[2] %b)" % asked)
    assert all(b"BINARY[2]<%d> {9}\r\n%b" % (at, IMAGE[at : at + 9]) in heard for at in range(20, 40))
    assert len(decoded) == 2


async def test_no_more_is_decoded_at_once_than_the_message_has(office, alice):
    """Threat R06: 94 ranges of 20 MiB each, in one line, took 2.4 GiB before the first octet was sent."""
    image = IMAGE * 30
    await by_smtp(office, HEAD + TEXT + PART.replace(IMAGE, image))
    await alice.says("SELECT INBOX")
    ranges = " ".join(f"BINARY.PEEK[2]<{at}.9999999>" for at in range(1, 95))
    assert (await alice.says(f"FETCH 1 ({ranges})")) == ["NO [LIMIT] Too much of a message at once"]
    assert image in await alice.octets("FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[1] BINARY.PEEK[2])")


@pytest.mark.rfc(3516, "4.4", "MUST")
async def test_what_cannot_be_encoded_is_not_kept(office, alice):
    assert (await by_append(alice, SIGNED)).startswith("NO [UNKNOWN-CTE]")
    assert (await by_smtp(office, SIGNED))[-1].startswith("554 5.6.3")
    assert "* 0 EXISTS" in await alice.says("SELECT INBOX")


async def test_binary_without_a_body_is_encoded_too(office):
    """The empty line that a content without fields gets makes no lines of it."""
    await by_smtp(office, b"a\0 machine's text")
    (message,) = await office.read("alice")
    assert message.endswith(b"\r\n\r\nYQAgbWFjaGluZSdzIHRleHQ=")


async def test_a_large_binary_message_is_encoded_a_piece_at_a_time(office, alice):
    image = IMAGE * 40
    await by_smtp(office, HEAD + TEXT + PART.replace(IMAGE, image))
    (stored,) = await office.stored("alice")
    message = stored.content.prefix
    for at in range(0, stored.content.blob.size, 2**20):
        message += await office.store.blobs.read(stored.content.blob.blob_id, at, 2**20)
    parts = list(email.message_from_bytes(message, policy=email.policy.default).iter_parts())
    assert parts[1].get_content() == image
    assert stored.content.size == len(message)


async def test_binary_content_that_is_lines_is_kept_as_it_came(office):
    content = HEAD + TEXT + b"--b--\r\n"
    await by_smtp(office, content)
    (message,) = await office.read("alice")
    assert message.endswith(content)


async def test_what_goes_outside_alone_is_not_touched(office):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        await session.tell("MAIL FROM:<alice@office.test> BODY=BINARYMIME")
        await session.tell("RCPT TO:<x@outside.test>")
        content = DRAWING.replace(b"bob@far.test", b"alice@office.test")
        assert "accepted" in (await session.says(b"BDAT %d LAST\r\n" % len(content) + content))[-1]
    (item,) = await office.queue()
    assert await office.store.blobs.read(item.content.blob.blob_id) == content


# -- line ends of a message that is appended


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
async def test_lines_of_an_appended_message_end_with_crlf(alice, end):
    content = b"From: a@b.test\nSubject: x\n\nfirst\n\n.\nlast\n".replace(b"\n", end)
    assert (await alice.says(b"APPEND INBOX {%d+}\r\n" % len(content) + content))[-1].startswith("OK")
    await alice.says("SELECT INBOX")
    assert await whole(alice) == content.replace(end, b"\r\n")
