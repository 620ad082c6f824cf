"""DKIM as a signer (RFC 6376 section 5, RFC 8301, RFC 8463), sentence by sentence, on what the office sends."""

import base64
import re

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

LETTER = b"From: Alice <alice@office.test>\r\nTo: x@outside.test\r\nSubject: Hi\r\n\r\nHello  there \r\n\r\n\r\n"


@pytest.fixture
async def zone(office):
    return await office.make_keys()


@pytest.fixture
async def signatures(office, zone) -> list[dict[str, str]]:
    """The tags of both signatures of a letter of alice."""
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        await session.send("alice@office.test", ["x@outside.test"], LETTER)
    (item,) = await office.queue()
    prefix = item.content.prefix.decode()
    fields = re.findall(r"^DKIM-Signature: (.*?\r\n)(?![ \t])", prefix, re.DOTALL | re.MULTILINE)
    return [dict(tag.strip().split("=", 1) for tag in re.sub(r"\s+", "", field).split(";") if tag) for field in fields]


@pytest.mark.rfc(6376, "3.5", "REQUIRED")
async def test_every_required_tag_is_there(signatures):
    for tags in signatures:
        assert {"v", "a", "b", "bh", "d", "h", "s"} <= set(tags)
        assert tags["v"] == "1"


@pytest.mark.rfc(6376, "3.5", "RECOMMENDED")
async def test_the_time_and_the_end_are_said_and_in_order(signatures):
    for tags in signatures:
        assert int(tags["x"]) > int(tags["t"])


@pytest.mark.rfc(6376, "5.4", "MUST")
async def test_from_is_signed(signatures):
    for tags in signatures:
        assert "from" in tags["h"].split(":")


@pytest.mark.rfc(6376, "5.4", "MUST NOT")
async def test_a_signature_does_not_sign_itself_nor_the_other(signatures):
    for tags in signatures:
        assert "dkim-signature" not in tags["h"].split(":")


@pytest.mark.rfc(6376, "5.4", "SHOULD NOT")
async def test_fields_that_change_on_the_way_are_not_signed(signatures):
    for tags in signatures:
        assert not {"return-path", "received", "comments", "keywords"} & set(tags["h"].split(":"))


@pytest.mark.rfc(6376, "5.4", "MAY")
async def test_a_field_is_named_once_more_than_it_occurs(signatures):
    """Then none can be added (section 8.15)."""
    for tags in signatures:
        names = tags["h"].split(":")
        assert (names.count("from"), names.count("subject"), names.count("cc")) == (2, 2, 1)


@pytest.mark.rfc(6376, "8.2", "SHOULD NOT")
async def test_no_body_length_is_given(signatures):
    for tags in signatures:
        assert "l" not in tags


@pytest.mark.rfc(6376, "5.1", "MUST NOT")
async def test_whoever_has_no_key_of_the_domain_does_not_sign(office, zone):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        answers = await session.send(
            "alice@office.test", ["x@outside.test"], LETTER.replace(b"office.test>", b"far.test>")
        )
    assert answers[-1].startswith("550")


@pytest.mark.rfc(6376, "3.6.2.2", "MUST NOT")
async def test_there_is_one_record_for_each_selector(signatures, zone):
    for tags in signatures:
        assert len(zone.names[f"{tags['s']}._domainkey.{tags['d']}"]["txt"]) == 1


@pytest.mark.rfc(8301, "3.1", "MUST")
async def test_rsa_signatures_are_made_with_sha256(signatures):
    assert [tags["a"] for tags in signatures] == ["rsa-sha256", "ed25519-sha256"]


@pytest.mark.rfc(8301, "3.2", "SHOULD")
async def test_rsa_keys_have_2048_bits(signatures, zone):
    rsa = signatures[0]
    (record,) = zone.names[f"{rsa['s']}._domainkey.{rsa['d']}"]["txt"]
    assert load_der_public_key(base64.b64decode(record.partition(b"p=")[2])).key_size >= 2048


@pytest.mark.rfc(8463, "3", "MUST")
async def test_an_ed25519_signature_and_its_key_are_raw(signatures, zone):
    ed25519 = signatures[1]
    (record,) = zone.names[f"{ed25519['s']}._domainkey.{ed25519['d']}"]["txt"]
    assert b"k=ed25519" in record
    assert len(base64.b64decode(record.partition(b"p=")[2])) == 32
    assert len(base64.b64decode(ed25519["b"])) == 64


@pytest.mark.rfc(8463, "5", "SHOULD")
async def test_ed25519_is_signed_with(signatures):
    assert signatures[1]["a"] == "ed25519-sha256"


@pytest.mark.rfc(8463, "6", "MAY")
async def test_who_cannot_verify_the_new_kind_finds_one_of_the_old_with_another_selector(signatures):
    assert len({tags["s"] for tags in signatures}) == 2
