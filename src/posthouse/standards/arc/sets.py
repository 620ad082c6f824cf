"""The ARC Sets on a message, checked for structure before any key is asked for (RFC 8617 sections 4 and 5.2)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from posthouse.standards.dkim.signature import Signature, base64_octets, read_signature, seconds, signer
from posthouse.standards.dkim.tags import parse_tags
from posthouse.standards.dkim.verify import SignedFields

MAX_SETS = 50  # RFC 8617 section 4.2.1
RESULTS, MESSAGE_SIGNATURE, SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
FIELDS = (RESULTS, MESSAGE_SIGNATURE, SEAL)
"""In the order in which they are sealed (RFC 8617 section 5.1.1)."""
ALGORITHMS = frozenset({"rsa-sha256", "ed25519-sha256"})

_INSTANCE = re.compile(r"[ \t\r\n]*+i[ \t\r\n]*+=[ \t\r\n]*+([0-9]{1,2})[ \t\r\n]*+(?:;|\Z)")
_NUMBER = re.compile(r"[0-9]{1,2}\Z")
_COMMENT = re.compile(r"\([^()\\;]{0,200}\)")


@dataclass(frozen=True, slots=True)
class Seal:
    """An ARC-Seal field; ``field`` is the whole field as it stands."""

    field: bytes
    algorithm: str
    signature: bytes
    domain: str
    selector: str
    status: str
    """``cv``: what this sealer found of the chain before it."""
    made_at: int | None


@dataclass(frozen=True, slots=True)
class ArcSet:
    """The three fields of one sealer. ``at`` says which of the fields of each name they are, from the top."""

    instance: int
    results: bytes
    """The value of ARC-Authentication-Results after the instance tag."""
    message_signature: Signature
    seal: Seal
    at: tuple[int, int, int]


def has_chain(fields: SignedFields) -> bool:
    """Whether anything of ARC is on the message."""
    return any(fields.called(name) for name in FIELDS)


def read_sets(fields: SignedFields) -> tuple[ArcSet, ...]:
    """All sets, oldest first; raises ``ValueError`` saying why they are no chain."""
    found: dict[int, dict[str, int]] = {}
    for name in FIELDS:
        if len(fields.called(name)) > MAX_SETS:
            raise ValueError("more than 50 sets")
        for at, field in enumerate(fields.called(name)):
            one = found.setdefault(instance_of(name, field), {})
            if name in one:
                raise ValueError("an instance twice")
            one[name] = at
    if sorted(found) != list(range(1, len(found) + 1)):
        raise ValueError("a gap in the instances")
    if any(len(one) != len(FIELDS) for one in found.values()):
        raise ValueError("an incomplete set")
    sets = tuple([_read_set(fields, number, found[number]) for number in sorted(found)])
    _check_status(sets)
    return sets


def highest_instance(fields: SignedFields) -> int:
    """The highest instance of any readable field, however broken the chain is; 0 when there is none."""
    highest = 0
    for name in FIELDS:
        for field in fields.called(name)[: MAX_SETS + 1]:
            with suppress(ValueError):
                highest = max(highest, instance_of(name, field))
    return highest


def is_ended(fields: SignedFields, highest: int) -> bool:
    """Whether the last seal says ``cv=fail``: then nobody seals again (RFC 8617 sections 5.1 and 5.2)."""
    for field in fields.called(SEAL)[: MAX_SETS + 1]:
        with suppress(ValueError):
            tags = parse_tags(field.partition(b":")[2].decode("utf-8", "replace"))
            if tags.get("cv", "").lower() == "fail" and instance_of(SEAL, field) == highest:
                return True
    return False


def instance_of(name: str, field: bytes) -> int:
    """The instance tag of one field; raises ``ValueError``."""
    text = field.partition(b":")[2].decode("utf-8", "replace")
    if name == RESULTS:
        match = _INSTANCE.match(_COMMENT.sub(" ", text[:1000]))
        number = match[1] if match else ""
    else:
        number = parse_tags(text).get("i", "")
    if not _NUMBER.match(number) or not 1 <= int(number) <= MAX_SETS:
        raise ValueError("bad instance")
    return int(number)


def _read_set(fields: SignedFields, number: int, places: Mapping[str, int]) -> ArcSet:
    results, message, seal = (fields.called(name)[places[name]] for name in FIELDS)
    return ArcSet(
        instance=number,
        results=results.partition(b":")[2].partition(b";")[2],
        message_signature=_read_message_signature(message),
        seal=_read_seal(seal),
        at=(places[RESULTS], places[MESSAGE_SIGNATURE], places[SEAL]),
    )


def _read_message_signature(field: bytes) -> Signature:
    tags = parse_tags(field.partition(b":")[2].decode("utf-8", "replace"))
    signature = read_signature(field, tags)
    if signature.algorithm not in ALGORITHMS:
        raise ValueError("an algorithm that is not used any more")
    if signature.has_length:
        raise ValueError("only a part of the body is signed")
    if SEAL in signature.headers:  # the other two must not be signed either, but sealers do, and nothing is lost by it
        raise ValueError("a message signature over ARC-Seal")  # RFC 8617 section 4.1.2
    return signature


def _read_seal(field: bytes) -> Seal:
    tags = parse_tags(field.partition(b":")[2].decode("utf-8", "replace"))
    if "h" in tags:
        raise ValueError("a seal with h")  # RFC 8617 section 4.1.3
    missing = [name for name in ("a", "b", "d", "s", "cv") if not tags.get(name)]
    if missing:
        raise ValueError(f"tag {missing[0]} of the seal is missing")
    if tags["a"].lower() not in ALGORITHMS:
        raise ValueError("an algorithm that is not used any more")
    domain, selector = signer(tags)
    return Seal(
        field=field,
        algorithm=tags["a"].lower(),
        signature=base64_octets(tags["b"]),
        domain=domain,
        selector=selector,
        status=tags["cv"].lower(),
        made_at=seconds(tags.get("t")),
    )


def _check_status(sets: tuple[ArcSet, ...]) -> None:
    """RFC 8617 section 5.2, step 3C."""
    for one in sets:
        if one.seal.status != ("none" if one.instance == 1 else "pass"):
            raise ValueError(f"bad cv in set {one.instance}")
