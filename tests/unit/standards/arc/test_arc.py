"""Chains: sealed by us, judged by us and by another implementation, broken in every way of RFC 8617 section 5.2."""

import asyncio
import hashlib
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from posthouse.standards.arc.seal import seal
from posthouse.standards.arc.verify import Chain, ChainVerifier, Status
from posthouse.standards.authres.results import MethodResult, Property
from posthouse.standards.dkim.canonical import BodyHashes, RelaxedBody, relaxed_field
from posthouse.standards.dkim.keypair import format_key
from posthouse.standards.dkim.sign import SigningKey, complete
from posthouse.standards.dkim.verify import SignedFields
from posthouse.standards.imf.header import parse_header
from posthouse.testing.zone import Zone

NOW = 1_700_000_000
RSA = generate_private_key(65537, 1024)
KEYS = [SigningKey(f"hop{number}.test", "s", RSA) for number in range(1, 4)]
ED = SigningKey("ed.test", "e", Ed25519PrivateKey.generate())
RECORDS = {f"{key.selector}._domainkey.{key.domain}": format_key(key.key).encode() for key in [*KEYS, ED]}
LETTER = b"From: Alice <alice@office.test>\r\nTo: list@hop1.test\r\nSubject: prices\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello  there \r\n\r\n"
RESULTS = [MethodResult("dmarc", "pass", properties=(Property("header", "from", "office.test"),))]


def judge(message: bytes, zone: Zone | None = None, now: int = NOW) -> Chain:
    header = parse_header(message)
    bodies = BodyHashes()
    verifier = ChainVerifier(SignedFields(header), bodies)
    bodies.update(message[header.body_start :])
    return asyncio.run(verifier.finish(zone or Zone({name: {"txt": (one,)} for name, one in RECORDS.items()}), now))


def sealed(message: bytes, key: SigningKey, zone: Zone | None = None) -> bytes:
    header = parse_header(message)
    body = RelaxedBody()
    body.update(message[header.body_start :])
    chain = judge(message, zone)
    return (
        seal(header, body.digest(), key, authserv_id="mx." + key.domain, results=RESULTS, chain=chain, now=NOW)
        + message
    )


@pytest.fixture(scope="module")
def three() -> bytes:
    message = LETTER
    for key in KEYS:
        message = sealed(message, key)
    return message


def test_a_message_without_a_chain_has_none() -> None:
    assert judge(LETTER).status is Status.NONE


def test_three_sealers_make_a_chain(three: bytes) -> None:
    chain = judge(three)
    assert (chain.status, chain.reason) == (Status.PASS, "")
    assert chain.sealers == ("hop1.test", "hop2.test", "hop3.test")
    assert b"dmarc=pass" in chain.sets[0].results


def test_another_implementation_agrees(three: bytes) -> None:
    dkim = pytest.importorskip("dkim")
    result, sets, reason = dkim.arc_verify(three, dnsfunc=lambda name, timeout=5: RECORDS[name.decode().rstrip(".")])
    assert result == b"pass", (sets, reason)


def test_both_algorithms_seal() -> None:
    assert judge(sealed(sealed(LETTER, ED), KEYS[0])).status is Status.PASS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hullo"),
        (b"Subject: prices", b"Subject: gifts"),
        (b"i=2; mx.hop2", b"i=4; mx.hop2"),
        (b"i=2; mx.hop2", b"i=1; mx.hop2"),
        (b"cv=none", b"cv=pass"),
        (b"cv=none", b"cv=fail"),
        (b"i=2; a=rsa-sha256; t=1700000000; cv=pass", b"i=2; a=rsa-sha256; t=1700000000; cv=none"),
        (b"cv=none", b"cv=none; h=from"),
        (b"i=3; a=rsa-sha256; c=", b"i=3; l=2; a=rsa-sha256; c="),
        (b"i=3; a=rsa-sha256; c=", b"i=3; a=rsa-sha1; c="),
        (b"\tdmarc=pass", b"\tdmarc=fail"),
        (b"ARC-Authentication-Results: i=1", b"X-Was: i=1"),
        (b"i=3; a=rsa-sha256; c=", b"i=51; a=rsa-sha256; c="),
        (b"i=3; a=rsa-sha256; c=", b"i=03x; a=rsa-sha256; c="),
    ],
)
def test_any_change_breaks_it(three: bytes, old: bytes, new: bytes) -> None:
    assert old in three
    assert judge(three.replace(old, new)).status is Status.FAIL


@pytest.mark.rfc(8617, "4.1.2", "MUST NOT")
def test_authentication_results_and_arc_are_not_in_the_message_signature() -> None:
    signed = sealed(b"Authentication-Results: x.test; none\r\nDKIM-Signature: v=1\r\n" + LETTER, KEYS[0])
    field = signed.partition(b"ARC-Message-Signature:")[2].partition(b"bh=")[0]
    assert b"authentication-results" not in field
    assert b"arc-" not in field
    assert b"dkim-signature" in field


@pytest.mark.rfc(8617, "4.1.2", "SHOULD")
def test_signatures_are_sealed_and_others_may_be_added() -> None:
    signature = b"DKIM-Signature: v=1; a=rsa-sha256; d=office.test; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    message = sealed(signature + LETTER, KEYS[0])
    assert judge(signature.replace(b"office", b"hop1") + message).status is Status.PASS
    assert judge(message.replace(b"b=AAAA\r\n", b"b=BBBB\r\n")).status is Status.FAIL


def forged(signed: tuple[str, ...], old: bytes = b"", new: bytes = b"") -> bytes:
    """The set of a sealer that signs the fields ``signed``; ``old`` in its seal is ``new``, and signed as such."""
    testimony = b"ARC-Authentication-Results: i=1; mx.hop1.test; dmarc=pass\r\n"
    fields = SignedFields(parse_header(testimony + LETTER))
    body = RelaxedBody()
    body.update(LETTER.partition(b"\r\n\r\n")[2])
    state = hashlib.sha256()
    for name in signed:
        if fields.called(name):
            state.update(fields.relaxed(name, 0))
    start = (
        f"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=hop1.test; s=s; h={':'.join(signed)};"
        f" bh={b64encode(body.digest()).decode()}; b="
    )
    message = complete(start.encode(), state, KEYS[0])
    state = hashlib.sha256()
    state.update(relaxed_field(testimony) + relaxed_field(message))
    start = "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=hop1.test; s=s; b="
    return complete(start.encode().replace(old, new), state, KEYS[0]) + message + testimony + LETTER


def test_a_sealer_that_signs_more_than_it_should_is_believed() -> None:
    """Signing the results or a message signature is forbidden to sealers (RFC 8617 section 4.1.2), and many did."""
    assert judge(forged(("from", "subject"))).status is Status.PASS
    assert (
        judge(forged(("from", "subject", "arc-authentication-results", "arc-message-signature"))).status is Status.PASS
    )
    assert judge(forged(("from", "", "subject"))).status is Status.PASS


def test_what_no_message_signature_can_do_without() -> None:
    assert judge(forged(("from", "subject", "arc-seal"))).reason == "a message signature over ARC-Seal"
    assert judge(forged(("subject",))).reason == "From is not signed"
    assert judge(forged(("from",), b"cv=none;", b"cv=none;;")).status is Status.FAIL


@pytest.mark.rfc(8617, "5.2.1", "MUST")
def test_dns_trouble_is_final(three: bytes) -> None:
    zone = Zone({name: {"txt": (one,)} for name, one in RECORDS.items()}, broken=frozenset({"s._domainkey.hop2.test"}))
    assert judge(three, zone).status is Status.FAIL
    assert judge(three, Zone({})).status is Status.FAIL


@pytest.mark.rfc(8617, "5.1.2", "MUST")
def test_a_broken_chain_is_marked_once_and_then_left_alone(three: bytes) -> None:
    broken = three.replace(b"Hello", b"Hullo")
    marked = sealed(broken, KEYS[0])
    assert b"i=4; a=rsa-sha256; t=1700000000; cv=fail" in marked
    assert judge(marked).ended
    assert sealed(marked, KEYS[1]) == marked


@pytest.mark.rfc(8617, "5.2", "MUST")
def test_a_chain_has_at_most_fifty_sets() -> None:
    message = LETTER
    for number in range(50):
        message = sealed(message, KEYS[number % 3])
    assert judge(message).status is Status.PASS
    assert sealed(message, KEYS[0]) == message
    more = b"ARC-Seal: i=50; cv=pass; a=rsa-sha256; d=x.test; s=s; b=AA\r\n" + message
    assert judge(more).reason == "more than 50 sets"


def test_a_chain_asks_for_each_key_once_per_signature_and_not_at_all_when_the_structure_is_bad(three: bytes) -> None:
    zone = Zone({name: {"txt": (one,)} for name, one in RECORDS.items()})
    judge(three, zone)
    assert len(zone.asked) == 4
    judge(three.replace(b"cv=none", b"cv=pass"), zone)
    assert len(zone.asked) == 4


def test_every_flipped_bit_of_the_seals_breaks_the_chain() -> None:
    message = sealed(LETTER, ED)
    end = message.index(b"From:")
    for at in range(end):
        changed = bytearray(message)
        changed[at] ^= 4
        if judge(bytes(changed)).status is Status.PASS:
            # Space is folded away, and the last digit before the padding of base64 has bits that mean nothing.
            means_nothing = message[at : at + 1] in b"\r\n\t =" or message[at + 1 : at + 2] == b"="
            assert means_nothing, (at, message[at - 10 : at + 10])


def test_an_x_after_expiry_fails() -> None:
    body = b64encode(b"x" * 32)
    field = b"ARC-Message-Signature: i=1; a=rsa-sha256; d=a.test; s=s; h=from; bh=" + body + b"; b=AA; x=5\r\n"
    message = (
        b"ARC-Seal: i=1; cv=none; a=rsa-sha256; d=a.test; s=s; b=AA\r\n"
        + field
        + b"ARC-Authentication-Results: i=1; x; none\r\n"
        + LETTER
    )
    assert judge(message).status is Status.FAIL
