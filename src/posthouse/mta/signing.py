"""Signing what leaves in the name of a domain of ours (RFC 6376 section 5, RFC 8463).

A submission's body is hashed while it comes; the signatures stand in the
prefix, so that what is filed and what is carried are the same. Only the
domain of the author signs, and only with its own keys (threat A08); what we
merely relay or forward is never signed (threat D06).

The signatures are made in the loop: half a millisecond for both keys. A thread
would have to wait for the interpreter lock longer than that (ADR 0013).
"""

from collections.abc import AsyncIterator, Callable
from math import inf
from typing import Final

import msgspec

from posthouse.admd.keyring import KeyRing
from posthouse.admd.keys import SIGNATURE_SECONDS
from posthouse.lib.ports import Clock
from posthouse.mail.content import Blob
from posthouse.standards.dkim.canonical import BodyHashes
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.dkim.tags import parse_tags
from posthouse.standards.imf.address import mailboxes
from posthouse.standards.imf.header import Header, parse_header
from posthouse.storage.ports import Blobs

FIELD: Final = "dkim-signature"
MOST_AUTHORS: Final = 20
PIECE: Final = 256 * 1024


class Signing(msgspec.Struct):
    """One message that will be signed: its header as it leaves, its body so far."""

    domain: str
    header: Header
    bodies: BodyHashes


class Signer:
    """Signs with the keys of ``ring``; gives nothing where there are none."""

    __slots__ = ("_clock", "_ring")

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._ring = ring
        self._clock = clock

    def begin(self, domain: str, added: bytes, octets: bytes, header: Header) -> Signing | None:
        """Begin to sign for ``domain``: ``octets`` start with ``header``, ``added`` is what we put before it.

        None when the domain has no key in use.
        """
        if not self.may_sign(domain):
            return None
        bodies = BodyHashes(inf)  # what our own people write is signed, whatever it takes
        bodies.want(relaxed=True)
        bodies.update(octets[header.body_start :])
        if added:
            header = parse_header(added + octets[: header.body_start])
        return Signing(domain, header, bodies)

    def may_sign(self, domain: str) -> bool:
        """Whether ``domain`` is ours and has a key in use."""
        return bool(self._ring.keys_of(domain))

    def finish(self, signing: Signing) -> bytes:
        """The signatures, once the whole body has gone through ``signing.bodies``."""
        now = int(self._clock.now())
        return format_signatures(
            signing.header,
            signing.bodies.digest(relaxed=True),
            self._ring.keys_of(signing.domain),
            now=now,
            expires_at=now + SIGNATURE_SECONDS,
        )

    async def sign_stored(self, domain: str, added: bytes, head: bytes, blob: Blob, blobs: Blobs) -> bytes:
        """The same for a blob that somebody has changed on its way: read again, a piece at a time."""
        signing = self.begin(domain, added, head, parse_header(head))
        if signing is None:
            return b""
        async for piece in rest_of(head, blob, blobs):
            signing.bodies.update(piece)
        return self.finish(signing)

    def sign(self, octets: bytes, domain: str) -> bytes:
        """The signatures of a whole message that is at hand."""
        header = parse_header(octets)
        signing = self.begin(domain, b"", octets, header)
        return self.finish(signing) if signing is not None else b""

    def sign_report(self, octets: bytes) -> bytes:
        """The signatures of a report of our own: its author is the machine, whose domain is ours."""
        domain = self._ring.nearest(_author_domain(parse_header(octets)))
        return self.sign(octets, domain) if domain else b""

    def sign_again(self, content: bytes, prefix_octets: int, convert: Callable[[bytes], bytes]) -> bytes:
        """``content`` converted, and signed as it is then by those who had signed it before (RFC 6376 section 5.3).

        Only what we signed ourselves is signed again: our signatures stand in
        the first ``prefix_octets``.
        """
        domains, kept = before_signing(content[:prefix_octets])
        if not domains:
            return convert(content)
        converted = convert(kept + content[prefix_octets:])
        return b"".join([self.sign(converted, domain) for domain in domains]) + converted


def before_signing(prefix: bytes) -> tuple[list[str], bytes]:
    """Who of ours signed in ``prefix``, and what is left of it without their signatures."""
    header = parse_header(prefix)
    signers = dict.fromkeys(_signer(value) for value in header.all(FIELD))
    if not any(signers):
        return [], prefix
    kept = b"".join(prefix[field.start : field.end] for field in header.fields if field.name != FIELD)
    return [domain for domain in signers if domain], kept


async def rest_of(head: bytes, blob: Blob, blobs: Blobs) -> AsyncIterator[bytes]:
    """What follows ``head`` in ``blob``, in pieces."""
    for start in range(len(head), blob.size, PIECE):
        yield await blobs.read(blob.blob_id, start, min(PIECE, blob.size - start))


def _author_domain(header: Header) -> str:
    found = [one.domain for one in mailboxes(header.first("from") or b"", MOST_AUTHORS)]
    return found[0].decode("utf-8", "replace").lower() if len(found) == 1 else ""


def _signer(value: bytes) -> str:
    try:
        return parse_tags(value.decode("ascii", "replace")).get("d", "").lower()
    except ValueError:
        return ""
