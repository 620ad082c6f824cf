"""Verifiers: what is kept instead of a password (L41).

Two for each password, as text in ``AccountRow.verifiers``: Argon2id in its PHC
form, and SCRAM-SHA-256 in the form of RFC 5803. Making and checking Argon2id
takes 19 MiB and some 20 ms of one core, so callers in a server go through the
pool of ``posthouse.admd.authenticator``.
"""

import secrets
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from posthouse.standards.sasl.saslprep import saslprep
from posthouse.standards.sasl.scram import (
    MECHANISM,
    ScramVerifier,
    derive_verifier,
    format_verifier,
    parse_verifier,
)

MEMORY_KIB = 19456
PASSES = 2
LANES = 1
"""OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane."""

ITERATIONS = 15000
"""Of SCRAM-SHA-256 (L41)."""

SALT_OCTETS = 16

_HASHER = PasswordHasher(
    time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, hash_len=32, salt_len=SALT_OCTETS, type=Type.ID
)


def make_verifiers(password: str, *, iterations: int = ITERATIONS) -> tuple[str, ...]:
    """All verifiers of ``password``; raises ``ValueError`` if SASLprep prohibits a character of it."""
    prepared = saslprep(password)
    scram = derive_verifier(prepared, secrets.token_bytes(SALT_OCTETS), iterations)
    return (_HASHER.hash(prepared), format_verifier(scram))


def verify_password(verifiers: Iterable[str], password: str) -> bool:
    """Whether ``password`` is the one; without an Argon2id verifier it takes as long and says no."""
    try:
        prepared = saslprep(password)
    except ValueError:
        prepared = ""
    own = next((verifier for verifier in verifiers if verifier.startswith("$argon2id$")), None)
    # A04: an unknown user costs the same hash as a known one.
    matches = _verify(own or dummy_verifier(), prepared)
    return matches and own is not None and bool(prepared)


def _verify(verifier: str, password: str) -> bool:
    try:
        return _HASHER.verify(verifier, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def dummy_verifier() -> str:
    """A verifier that no password has, made with the settings in force."""
    return _HASHER.hash(secrets.token_hex(32))


def scram_verifier(verifiers: Iterable[str]) -> ScramVerifier | None:
    """The SCRAM-SHA-256 verifier among ``verifiers``."""
    for verifier in verifiers:
        if verifier.startswith(MECHANISM + "$"):
            try:
                return parse_verifier(verifier)
            except ValueError:
                return None
    return None
