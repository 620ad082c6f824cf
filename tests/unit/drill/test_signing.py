"""The attacker's own DKIM: what it signs must be good by the book, else its refusal would show nothing."""

import asyncio
import hashlib
import random
from types import SimpleNamespace

import pytest

from posthouse.drill.signing import make_key, signature
from posthouse.drill.smtp import letter
from posthouse.standards.dkim.key import parse_key
from posthouse.standards.dkim.verify import Result, Verifier
from posthouse.standards.imf.header import parse_header


def verify(content, record):
    header = parse_header(content)
    verifier = Verifier(header)
    verifier.update(content[header.body_start :])

    class Resolver:
        async def txt(self, _name):
            return SimpleNamespace(records=[record.encode()])

    return asyncio.run(verifier.finish(Resolver(), 1_800_000_000))[0].result


@pytest.fixture(scope="module")
def key():
    return make_key(1024, random.Random(1))


def test_a_key_signs_what_its_record_verifies(key):
    found = parse_key(key.record.encode())
    assert found.is_signature_of(hashlib.sha256(b"text").digest(), key.sign(b"text"))


def test_a_signed_letter_passes_and_a_changed_one_fails(key):
    content = letter("hello", sender="a@signer.test")
    signed = signature(content, "signer.test", key) + content
    assert verify(signed, key.record) is Result.PASS
    assert verify(signed + b"more\r\n", key.record) is Result.FAIL


def test_a_signature_without_a_key_is_false(key):
    content = letter("hello", sender="a@signer.test")
    assert verify(signature(content, "signer.test", None) + content, key.record) is not Result.PASS
