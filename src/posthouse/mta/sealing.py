"""Sealing what we forward: what was found on arrival travels with it, under our seal (RFC 8617 section 5.1).

Only a message that was looked at is sealed, whatever came out: the next hop
sees the failure too (threat D06). Of mail that came from inside, by a relay
network or LMTP, the signatures are looked at for the seal alone, and it tells
nothing else. Our DKIM signature is never added to what we forward.
Switched on by ``[arc] seal``; it costs nothing for mail that stays here.
"""

from collections.abc import Iterable

from posthouse.admd.keyring import KeyRing
from posthouse.filter.evidence import Evidence, results_of
from posthouse.lib.ports import Clock
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mta.signing import rest_of
from posthouse.standards.arc.seal import seal
from posthouse.standards.dkim.canonical import RelaxedBody, TooCostly
from posthouse.standards.imf.header import parse_header
from posthouse.storage.ports import Blobs


class Sealer:
    """Seals in the name of the domain of ours that forwards, with its RSA key: few can verify the other kind."""

    __slots__ = ("_clock", "_hostname", "_ring")

    def __init__(self, ring: KeyRing, clock: Clock, hostname: str) -> None:
        self._ring = ring
        self._clock = clock
        self._hostname = hostname

    def domain_of(self, recipients: Iterable[Recipient]) -> str:
        """Who forwards: the domain of the first recipient that has keys, or that of the machine."""
        for one in recipients:
            if self._ring.keys_of(one.address.domain):
                return one.address.domain
        return self._ring.nearest(self._hostname)

    async def seal(
        self, evidence: Evidence, domain: str, trace_lines: bytes, head: bytes, blob: Blob, blobs: Blobs
    ) -> bytes:
        """The set to stand above ``trace_lines``.

        Nothing without keys, over a chain that is broken for good, or over a body that takes too much effort.
        """
        keys = self._ring.keys_of(domain)
        if not keys or evidence.exempt == "authenticated":
            return b""
        body = RelaxedBody()
        body.update(head[parse_header(head).body_start :])
        async for piece in rest_of(head, blob, blobs):
            body.update(piece)
        try:
            digest = body.digest()
        except TooCostly:
            return b""
        return seal(
            parse_header(trace_lines + head),
            digest,
            keys[0],
            authserv_id=self._hostname,
            results=results_of(evidence),
            chain=evidence.arc,
            now=int(self._clock.now()),
        )
