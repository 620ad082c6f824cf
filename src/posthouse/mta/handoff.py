"""From the intake to the queue's workers without a detour: fresh mail is born claimed.

A posting that is committed with an owner and a lease needs no claim of its
own; the owner begins with it at once, and if he dies it falls due when the
lease ends.
"""

from collections.abc import Sequence
from typing import Protocol

from posthouse.storage.queue import Item


class Handoff(Protocol):
    """Who works on the queue. Both methods return at once."""

    def lease(self, at: int) -> tuple[str, int] | None:
        """The owner and the end of the lease for mail accepted at ``at``; None when no worker is free."""

    def take(self, items: Sequence[Item]) -> None:
        """These are durable now and yours until the lease ends."""


class Nobody:
    """A ``Handoff`` without workers: all mail waits in the queue until somebody claims it."""

    __slots__ = ()

    def lease(self, at: int) -> tuple[str, int] | None:  # noqa: ARG002 - there is no good time
        return None

    def take(self, items: Sequence[Item]) -> None: ...
