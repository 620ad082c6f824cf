"""Sealing: the three fields that say how a message came to us, before we send it on (RFC 8617 section 5.1)."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable

from posthouse.standards.arc.sets import FIELDS, MAX_SETS
from posthouse.standards.arc.verify import Chain, Status
from posthouse.standards.authres.results import MethodResult
from posthouse.standards.authres.write import format_results
from posthouse.standards.dkim.canonical import relaxed_field
from posthouse.standards.dkim.sign import OVERSIGNED, SigningKey, complete, folded_names, hash_fields
from posthouse.standards.dkim.verify import SignedFields
from posthouse.standards.imf.header import Header

AS_THERE = ("dkim-signature",)
"""RFC 8617 section 4.1.2: those that are there, never Authentication-Results or the fields of ARC.

The next hop may sign without sealing.
"""


def seal(
    header: Header,
    body_hash: bytes,
    key: SigningKey,
    *,
    authserv_id: str,
    results: Iterable[MethodResult],
    chain: Chain,
    now: int,
) -> bytes:
    """ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results to be put before ``header``, or nothing.

    ``header`` is that of the message as it leaves, ``body_hash`` the relaxed
    hash of its body, ``chain`` and ``results`` what was found on arrival. A
    chain that somebody already marked as broken is left alone (section 5.1).
    """
    fields = SignedFields(header)
    number = chain.highest + 1
    if number > MAX_SETS or chain.ended:
        return b""
    testimony = format_results(authserv_id, results, field="ARC-Authentication-Results", start=f"i={number}; ")
    message = _message_signature(fields, body_hash, key, number, now)
    state = hashlib.sha256()
    if chain.status is Status.PASS:  # a broken chain is not signed over (section 5.1.2)
        for one in chain.sets:
            for name, at in zip(FIELDS, one.at, strict=True):
                state.update(fields.relaxed(name, at))
    state.update(relaxed_field(testimony))
    state.update(relaxed_field(message))
    start = (
        f"ARC-Seal: i={number}; a={key.algorithm}; t={now}; cv={chain.status.value};\r\n"
        f"\td={key.domain}; s={key.selector};\r\n\tb="
    )
    return complete(start.encode(), state, key) + message + testimony


def _message_signature(fields: SignedFields, body_hash: bytes, key: SigningKey, number: int, now: int) -> bytes:
    names, state = hash_fields(fields, OVERSIGNED, AS_THERE)
    start = (
        f"ARC-Message-Signature: i={number}; a={key.algorithm}; c=relaxed/relaxed;\r\n"
        f"\td={key.domain}; s={key.selector}; t={now};\r\n"
        f"\th={folded_names(names)};\r\n"
        f"\tbh={b64encode(body_hash).decode()};\r\n\tb="
    )
    return complete(start.encode(), state, key)
