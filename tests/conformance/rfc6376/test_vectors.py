"""Messages and keys that another project collected, and the bits of a signed header (RFC 6376, RFC 8463)."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import describe, load_private, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.dkim.verify import Result, Verification, Verifier
from posthouse.standards.imf.header import parse_header
from posthouse.testing.zone import Zone

VECTORS = Path(os.environ.get("POSTHOUSE_VECTORS", Path(__file__).parents[4] / "shared" / "vectors")) / "dkim"
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the DKIM vectors are not here")
LATER = 2**31


def verify(message: bytes, records: dict[str, bytes], now: int = LATER) -> list[Verification]:
    header = parse_header(message)
    verifier = Verifier(header)
    verifier.update(message[header.body_start :])
    zone = Zone({name: {"txt": (record,)} for name, record in records.items()})
    return list(asyncio.run(verifier.finish(zone, now)))


def octets(name: str) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", (VECTORS / name).read_bytes())


BRISBANE = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
TEST = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3id"
    b"Y6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lx"
    b"j+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
KEYS = {"brisbane._domainkey.football.example.com": BRISBANE, "test._domainkey.football.example.com": TEST}


@needs_vectors
@pytest.mark.rfc(8463, "A", "example")
@pytest.mark.parametrize("name", ["rfc6376.signed.msg", "rfc6376.signed.rsa.msg"])
def test_signed_examples_verify(name: str) -> None:
    found = verify(octets(name), KEYS)
    assert found
    assert Result.PASS in {one.result for one in found}, [one.reason for one in found]


@needs_vectors
@pytest.mark.parametrize("private", ["1024_testkey.key", "2048_testkey.key", "2048_testkey_PKCS8.key", "test.private"])
def test_kept_keys_sign_any_message(private: str) -> None:
    message = octets("test.message")
    key = signing_key("example.com", "test", (VECTORS / private).read_bytes())
    assert _round_trip(message, key) is Result.PASS


def _round_trip(message: bytes, key) -> Result:
    header = parse_header(message)
    body = RelaxedBody()
    body.update(message[header.body_start :])
    field = format_signatures(header, body.digest(), [key], now=1)
    record = describe(key.key).record.encode()
    (found, *_) = verify(field + message, {f"{key.selector}._domainkey.{key.domain}": record}, now=2)
    return found.result


@needs_vectors
@pytest.mark.rfc(6376, "3.6.1", "MUST")
@pytest.mark.parametrize("name", ["badk.txt", "badversion.txt", "test_bad.txt"])
def test_bad_records_prove_nothing(name: str) -> None:
    message = octets("test.message")
    key = signing_key("example.com", "test", (VECTORS / "test.private").read_bytes())
    header = parse_header(message)
    body = RelaxedBody()
    body.update(message[header.body_start :])
    signed = format_signatures(header, body.digest(), [key], now=1) + message
    record = (VECTORS / name).read_bytes().strip()
    assert verify(signed, {"test._domainkey.example.com": record})[0].result is Result.PERMERROR


@needs_vectors
def test_both_public_forms_of_one_key_are_read() -> None:
    """RSAPublicKey and SubjectPublicKeyInfo (RFC 6376 erratum 3017)."""
    message = octets("test.message")
    key = signing_key("example.com", "test", (VECTORS / "2048_testkey.key").read_bytes())
    header = parse_header(message)
    body = RelaxedBody()
    body.update(message[header.body_start :])
    signed = format_signatures(header, body.digest(), [key], now=1) + message
    for name in ("2048_testkey_wo_markers.pub.txt", "2048_testkey_wo_markers.pub.rsa.txt"):
        text = (VECTORS / name).read_bytes().strip()
        record = text if b"p=" in text else b"v=DKIM1; p=" + b"".join(text.split())
        assert verify(signed, {"test._domainkey.example.com": record})[0].result is Result.PASS, name


# -- mutation: every bit of a signed header

KEY = load_private(
    b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
)
LETTER = b"From: Alice <alice@office.test>\r\nTo: bob@far.test\r\nSubject: prices\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello\r\n"


def test_every_flipped_bit_of_a_signed_header_breaks_it() -> None:
    header = parse_header(LETTER)
    body = RelaxedBody()
    body.update(b"Hello\r\n")
    key = signing_key("office.test", "e", describe(KEY).der)
    signed = format_signatures(header, body.digest(), [key], now=1) + LETTER
    records = {"e._domainkey.office.test": describe(KEY).record.encode()}
    assert verify(signed, records, 2)[0].result is Result.PASS
    end = signed.index(b"\r\n\r\n")
    survivors = []
    for at in range(end):
        for bit in range(8):
            changed = bytearray(signed)
            changed[at] ^= 1 << bit
            if any(one.result is Result.PASS for one in verify(bytes(changed), records, 2)):
                survivors.append((at, signed[at : at + 1], bytes(changed[at : at + 1])))
    assert all(_is_invisible(signed, *one) for one in survivors), survivors


def _is_invisible(signed: bytes, at: int, before: bytes, after: bytes) -> bool:
    """What relaxed form and base64 do not see by their nature: case of a field's name, a kind of blank, spare bits."""
    line = signed.rfind(b"\n", 0, at) + 1
    name_end = signed.find(b":", line)
    if signed[line : line + 1] not in b"\t " and at < name_end:
        return before.lower() == after.lower()
    if before in b" \t\r" and after in b" \t":
        return True
    own = signed.index(b"\r\nFrom:")
    return at < own and _tags(signed) == _tags(signed[:at] + after + signed[at + 1 :])


def _tags(message: bytes) -> dict[bytes, bytes]:
    """The signature's own tags, decoded as a verifier does it."""
    import binascii

    field = message[: message.index(b"\r\nFrom:")].partition(b":")[2]
    tags = {}
    for part in field.split(b";"):
        name, _, value = part.partition(b"=")
        value = b"".join(value.split())
        tags[name.strip()] = binascii.a2b_base64(value) if name.strip() == b"b" else value
    return tags
