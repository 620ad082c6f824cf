"""The ``Resolver`` port: what a question to the DNS may answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

Record = TypeVar("Record")


class DnsTrouble(Exception):
    """No answer now: time-out, SERVFAIL, bogus. Temporary by definition: defer, never refuse."""


@dataclass(frozen=True)
class Answer(Generic[Record]):
    """The records of one question, in the order given.

    ``exists`` False is NXDOMAIN; True with no records is NODATA. ``authentic``
    says that a trusted validating resolver vouched for it (the AD bit).
    ``until`` is the monotonic time at which its TTL ends.
    """

    records: tuple[Record, ...]
    exists: bool = True
    authentic: bool = False
    until: float = field(default=math.inf, compare=False)


@dataclass(frozen=True, slots=True)
class Mx:
    """RFC 5321 section 5.1. ``exchange`` is a lower-case A-label name without the last dot; empty for null MX."""

    preference: int
    exchange: str


@dataclass(frozen=True, slots=True)
class Srv:
    """RFC 2782. ``target`` like ``Mx.exchange``; empty says that there is no such service."""

    priority: int
    weight: int
    port: int
    target: str


class Resolver(Protocol):
    """Questions to the DNS. Names are lower-case A-labels without the last dot. All raise ``DnsTrouble``."""

    async def mx(self, name: str) -> Answer[Mx]: ...

    async def a(self, name: str) -> Answer[str]:
        """IPv4 addresses as text."""

    async def aaaa(self, name: str) -> Answer[str]:
        """IPv6 addresses as text."""

    async def txt(self, name: str) -> Answer[bytes]:
        """TXT records, the strings of each joined (RFC 7208 section 3.3)."""

    async def ptr(self, address: str) -> Answer[str]:
        """Names of an IP address."""

    async def tlsa(self, name: str) -> Answer[tuple[int, int, int, bytes]]: ...


class ServiceResolver(Resolver, Protocol):
    """One that is asked about services too."""

    async def srv(self, name: str) -> Answer[Srv]: ...


def plain(names: Sequence[str]) -> tuple[str, ...]:
    """``names`` as the port gives them: lower case, no last dot."""
    return tuple(name.rstrip(".").lower() for name in names)
