"""Signing and verifying meet, agree with another implementation, and break at every changed bit."""

import asyncio
from base64 import b64encode
from math import inf

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.sign import SigningKey, complete, format_signature, hash_fields
from posthouse.standards.dkim.verify import Result, SignedFields, Verification, Verifier
from posthouse.standards.dns.ports import Answer, DnsTrouble
from posthouse.standards.imf.header import parse_header

NOW = 1_700_000_000
HEADER = b"From: Alice <alice@office.test>\r\nTo: bob@far.test\r\nSubject: A  folded\r\n subject\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
BODY = b"Hello,  Bob \r\n\r\nsee you\r\n\r\n\r\n"


class KeyZone:
    """A resolver that knows key records only."""

    def __init__(self, records: dict[str, bytes], *, trouble: bool = False) -> None:
        self.records, self.trouble = records, trouble

    async def txt(self, name: str) -> Answer[bytes]:
        if self.trouble:
            raise DnsTrouble("no answer")
        return Answer((self.records[name],)) if name in self.records else Answer((), exists=False)


@pytest.fixture(scope="module")
def rsa() -> SigningKey:
    return SigningKey("office.test", "r1", generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def ed() -> SigningKey:
    return SigningKey("office.test", "e1", Ed25519PrivateKey.generate())


def zone(*keys: SigningKey) -> KeyZone:
    records = {}
    for key in keys:
        public = key.key.public_key()
        if isinstance(key.key, RSAPrivateKey):
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            record = b"v=DKIM1; k=rsa; p=" + b64encode(octets)
        else:
            record = b"v=DKIM1; k=ed25519; p=" + b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
        records[f"{key.selector}._domainkey.{key.domain}"] = record
    return KeyZone(records)


def sign(key: SigningKey, header: bytes = HEADER, body: bytes = BODY, **options: int) -> bytes:
    hashed = RelaxedBody()
    hashed.update(body)
    return format_signature(parse_header(header), hashed.digest(), key, now=NOW, **options) + header


def verify(message: bytes, zone: KeyZone, now: int = NOW) -> tuple[Verification, ...]:
    head, _, body = message.partition(b"\r\n\r\n")
    verifier = Verifier(parse_header(head + b"\r\n"))
    verifier.update(body)
    return asyncio.run(verifier.finish(zone, now))  # type: ignore[arg-type]  # a resolver of keys only


def test_what_we_sign_verifies_with_both_algorithms(rsa: SigningKey, ed: SigningKey) -> None:
    both = sign(ed, sign(rsa))
    results = verify(both + b"\r\n" + BODY, zone(rsa, ed))
    assert [(found.result, found.algorithm) for found in results] == [
        (Result.PASS, "ed25519-sha256"),
        (Result.PASS, "rsa-sha256"),
    ]


def test_another_implementation_agrees(rsa: SigningKey, ed: SigningKey) -> None:
    dkim = pytest.importorskip("dkim")
    keys = zone(rsa, ed).records
    for key in (rsa, ed):
        message = sign(key) + b"\r\n" + BODY
        assert dkim.verify(message, dnsfunc=lambda name, timeout=5: keys[name.decode().rstrip(".")])


@pytest.mark.parametrize("form", [(b"simple", b"simple"), (b"relaxed", b"simple"), (b"simple", b"relaxed")])
def test_signatures_of_another_implementation_verify(rsa: SigningKey, form: tuple[bytes, bytes]) -> None:
    dkim = pytest.importorskip("dkim")
    pem = rsa.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    message = HEADER + b"\r\n" + BODY
    field = dkim.sign(message, b"r1", b"office.test", pem, canonicalize=form)
    assert [found.result for found in verify(field + message, zone(rsa), now=2**33)] == [Result.PASS]


@settings(max_examples=150)
@given(st.data())
def test_any_changed_bit_of_a_signed_part_breaks_it(rsa: SigningKey, data: st.DataObject) -> None:
    message = bytearray(sign(rsa) + b"\r\n" + BODY)
    at = data.draw(st.integers(0, len(message) - 1))
    bit = data.draw(st.integers(0, 7))
    message[at] ^= 1 << bit
    original = sign(rsa) + b"\r\n" + BODY
    if _is_equivalent(bytes(message), original):
        return
    results = verify(bytes(message), zone(rsa))
    assert all(found.result is not Result.PASS for found in results)


def _is_equivalent(changed: bytes, original: bytes) -> bool:
    """Changes that relaxed canonicalization, base64 or a tag's case do not see, by their nature."""
    relaxed = [b" ".join(text.lower().split()) for text in (changed, original)]
    return relaxed[0] == relaxed[1]


def test_a_second_subject_breaks_the_signature(rsa: SigningKey) -> None:
    message = b"Subject: another\r\n" + sign(rsa) + b"\r\n" + BODY
    assert [found.result for found in verify(message, zone(rsa))] == [Result.FAIL]


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        (b"v=1;", b"v=2;", Result.PERMERROR),
        (b"a=rsa-sha256", b"a=rsa-sha1", Result.PERMERROR),
        (b"d=office.test", b"d=far.test", Result.PERMERROR),
        (b"; t=", b"; l=5; t=", Result.POLICY),
        (b"; t=", b"; t=1; t=", Result.PERMERROR),
        (b"c=relaxed/relaxed", b"c=bold/relaxed", Result.PERMERROR),
    ],
)
def test_bad_signatures(rsa: SigningKey, old: bytes, new: bytes, result: Result) -> None:
    message = sign(rsa).replace(old, new, 1) + b"\r\n" + BODY
    assert [found.result for found in verify(message, zone(rsa))] == [result]


@pytest.mark.rfc(8601, "2.7.1")
def test_a_body_that_takes_too_much_to_check_proves_nothing_and_is_no_reason_to_try_again(rsa: SigningKey) -> None:
    body = b"x  " * 2**20
    hashed = RelaxedBody(inf)
    hashed.update(body)
    good = format_signature(parse_header(HEADER), hashed.digest(), rsa, now=NOW) + HEADER
    (found,) = verify(good + b"\r\n" + body, zone(rsa))
    assert (found.result, found.reason) == (Result.POLICY, "too much white space in the body to check it")
    assert found.domain == "office.test"


def test_expired_and_future_signatures_fail(rsa: SigningKey) -> None:
    message = sign(rsa, expires_at=NOW + 10) + b"\r\n" + BODY
    assert [found.result for found in verify(message, zone(rsa), NOW + 11)] == [Result.FAIL]
    assert [found.result for found in verify(message, zone(rsa), NOW - 90_000)] == [Result.FAIL]
    assert [found.result for found in verify(message, zone(rsa), NOW + 10)] == [Result.PASS]


def test_dns_trouble_is_temporary_and_no_key_is_not(rsa: SigningKey) -> None:
    message = sign(rsa) + b"\r\n" + BODY
    assert [found.result for found in verify(message, KeyZone({}, trouble=True))] == [Result.TEMPERROR]
    assert [found.result for found in verify(message, KeyZone({}))] == [Result.PERMERROR]


@pytest.mark.parametrize("record", [b"p=", b"v=DKIM2; p=x", b"k=rsa; p=AAAA", b"x" * 65536, b"s=web; p=AAAA", b"\xff"])
def test_bad_key_records(rsa: SigningKey, record: bytes) -> None:
    message = sign(rsa) + b"\r\n" + BODY
    found = verify(message, KeyZone({"r1._domainkey.office.test": record}))
    assert [one.result for one in found] == [Result.PERMERROR]


def test_weak_keys_prove_nothing() -> None:
    weak = SigningKey("office.test", "w", generate_private_key(65537, 1024))
    assert [found.result for found in verify(sign(weak) + b"\r\n" + BODY, zone(weak))] == [Result.PASS]
    record = zone(weak).records["w._domainkey.office.test"]
    assert len(record) < 300


@pytest.mark.rfc(6376, "3.5", "MUST NOT")
def test_a_signature_over_signatures_never_means_itself(rsa: SigningKey) -> None:
    """``h`` may say that there was no other, or one only: the new one, which then is there too, is neither."""
    message = HEADER + b"\r\n" + BODY
    for _ in range(2):
        names, state = hash_fields(SignedFields(parse_header(message)), ("from", "subject", "dkim-signature"))
        body = RelaxedBody()
        body.update(BODY)
        start = (
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={rsa.domain}; s={rsa.selector};"
            f" h={':'.join(names)}; bh={b64encode(body.digest()).decode()}; b="
        )
        message = complete(start.encode(), state, rsa) + message
        assert verify(message, zone(rsa))[0].result is Result.PASS


def test_only_the_first_ten_signatures_are_tried(rsa: SigningKey) -> None:
    header = HEADER
    for _ in range(12):
        header = b"DKIM-Signature: v=1\r\n" + header
    assert len(verify(header + b"\r\n" + BODY, zone(rsa))) == 10
