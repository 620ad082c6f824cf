"""Two reports: what is worse than it was, what is better, what is new."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RANK = {"HELD": 2, "UNPROVEN": 1, "BROKEN": 0}


@dataclass(frozen=True, slots=True)
class Change:
    id: str
    title: str
    before: str
    after: str
    why: str

    @property
    def is_regression(self) -> bool:
        return RANK.get(self.after, 1) < RANK.get(self.before, 1)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What is different among the entries that both ran, regressions first."""
    known = {one["id"]: one for one in before["results"]}
    changes = [
        Change(one["id"], one["title"], known[one["id"]]["verdict"], one["verdict"], one["why"])
        for one in after["results"]
        if one["id"] in known and known[one["id"]]["verdict"] != one["verdict"]
    ]
    return sorted(changes, key=lambda change: not change.is_regression)
