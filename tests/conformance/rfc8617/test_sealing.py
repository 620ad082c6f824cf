"""ARC as a sealer (RFC 8617 section 5.1), sentence by sentence, on what the office forwards."""

import re

import pytest

from posthouse.filter.boundary import Boundary
from posthouse.filter.judge import Policy
from posthouse.filter.sender import SenderCheck
from posthouse.standards.imf.header import parse_header
from posthouse.testing.office import HOSTNAME

LETTER = b"From: x@far.test\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture
async def forward(office):
    """Sends a letter through the office; what the next hop gets."""
    zone = await office.make_keys()
    check = SenderCheck(zone, office.clock, authserv_id=HOSTNAME, policy=lambda: Policy(is_own=lambda _: False))
    office.boundary, office.seals = Boundary(check, journal=office.journal), True

    async def through(content: bytes = LETTER) -> bytes:
        async with office.smtp() as session:
            await session.hello()
            await session.send("x@far.test", ["away@office.test"], content)
        item = (await office.queue())[-1]
        return item.content.prefix + await office.store.blobs.read(item.content.blob.blob_id)

    return through


@pytest.mark.rfc(8617, "4.2", "MUST")
async def test_a_set_has_three_fields_of_one_instance(forward):
    header = parse_header(await forward())
    for name in ("arc-seal", "arc-message-signature", "arc-authentication-results"):
        (value,) = header.all(name)
        assert b"i=1" in value


@pytest.mark.rfc(8617, "4.1.2", "MUST NOT")
async def test_the_message_signature_covers_no_field_of_arc(forward):
    (value,) = parse_header(await forward()).all("arc-message-signature")
    names = re.search(rb"h=([^;]*);", value)[1].lower()
    assert b"arc-" not in names
    assert b"authentication-results" not in names


@pytest.mark.rfc(8617, "4.1.3", "MUST NOT")
async def test_the_seal_has_no_list_of_fields(forward):
    (value,) = parse_header(await forward()).all("arc-seal")
    assert not re.search(rb"[; \t](?:h|bh|c)=", value)


@pytest.mark.rfc(8617, "5.1.1", "MUST")
async def test_the_first_seal_says_that_there_was_no_chain(forward):
    (value,) = parse_header(await forward()).all("arc-seal")
    assert b"cv=none" in value


@pytest.mark.rfc(8617, "5.1", "MUST")
async def test_the_instance_grows_by_one(forward):
    (newest, _) = parse_header(await forward(await forward())).all("arc-seal")
    assert b"i=2" in newest
    assert b"cv=pass" in newest


@pytest.mark.rfc(8617, "5.1", "MUST")
async def test_a_chain_marked_as_failed_is_not_sealed_again(forward):
    broken = (await forward()).replace(b"Hello", b"Hallo")
    failed = await forward(broken)
    assert b"cv=fail" in parse_header(failed).all("arc-seal")[0]
    assert len(parse_header(await forward(failed)).all("arc-seal")) == 2
