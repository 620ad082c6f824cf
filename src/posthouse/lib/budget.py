"""Budgets: what a stranger may cost us, counted down where the cost arises.

Every reader draws from a ``Budget``. A reader that has none cannot be
written, because the parsers and buffers take one as an argument; so a limit
that is "enforced in most states" cannot exist. The limits themselves, with
their numbers L1 to L41, are in ``posthouse.admd.limits``.
"""

from collections.abc import Mapping


class Exhausted(Exception):
    """A budget is used up. ``resource`` names it, ``limit`` is what there was."""

    def __init__(self, resource: str, limit: int) -> None:
        super().__init__(f"{resource} limit of {limit} reached")
        self.resource = resource
        self.limit = limit


class Budget:
    """Named allowances that only go down.

    A resource that was not named at construction has an allowance of nothing:
    forgetting a limit refuses, it never means "unlimited".
    """

    __slots__ = ("_left", "_limits")

    def __init__(self, limits: Mapping[str, int]) -> None:
        for resource, limit in limits.items():
            if limit <= 0:
                raise ValueError(f"{resource}: a limit must be positive, not {limit}")
        self._limits = limits
        self._left = dict(limits)

    def spend(self, resource: str, amount: int = 1) -> None:
        """Take ``amount`` of ``resource``; raise ``Exhausted`` if there is not as much left."""
        left = self._left.get(resource, 0) - amount
        if left < 0:
            raise Exhausted(resource, self._limits.get(resource, 0))
        self._left[resource] = left

    def left(self, resource: str) -> int:
        """How much of ``resource`` may still be spent."""
        return self._left.get(resource, 0)

    def limit(self, resource: str) -> int:
        """How much of ``resource`` there was at the beginning."""
        return self._limits.get(resource, 0)

    def refill(self, resource: str) -> None:
        """Start ``resource`` anew: a limit per command, when the next command begins."""
        self._left[resource] = self._limits.get(resource, 0)
