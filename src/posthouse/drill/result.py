"""What came of one entry: verdict, assertions, figures, evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from posthouse.drill.threat import Threat
from posthouse.drill.verdict import Assertion, Verdict


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that the attack was run."""

    verdict: Verdict
    why: str
    assertions: tuple[Assertion, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    transcript: str = ""
    seconds: float = 0.0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    threat: Threat
    verdict: Verdict
    why: str
    attempts: tuple[Attempt, ...] = ()
    skipped: bool = False
    """There is no attack for it yet, or it could not be run here."""

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.attempts)


@dataclass(slots=True)
class Run:
    """A whole run, as it is told by the reports."""

    id: str
    profile: str
    target: str
    network: str
    seed: int
    started: float
    seconds: float = 0.0
    results: list[Result] = field(default_factory=list)
    server: dict[str, str] = field(default_factory=dict)
    limits: dict[str, list[str]] = field(default_factory=dict)
    """The limits in force, by their number in the catalogue."""
    acknowledged: int = 0
    lost: int = 0
    altered: int = 0
    duplicated: int = 0
    aborted: str = ""
    clean: str = ""
    """What the clean-up left behind; empty is nothing."""
    not_tested: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        return sum(one.verdict is verdict for one in self.results)
