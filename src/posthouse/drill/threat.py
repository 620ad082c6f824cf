"""One entry of the catalogue: what can be done to a mail server, as data."""

from dataclasses import dataclass

from posthouse.drill.taxonomy import (
    CONSISTENCY,
    DETECTABILITY,
    DOMAINS,
    FAULT_CLASSES,
    MEANS,
    MOTIVES,
    SEVERITIES,
    SURFACES,
    WEAKNESSES,
)

PROFILES = ("quick", "essay", "full", "soak")


@dataclass(frozen=True, slots=True)
class Failure:
    """What would be wrong at the interface if the attack succeeded."""

    domain: str
    detect: str
    consist: str
    severity: str

    @classmethod
    def of(cls, text: str) -> "Failure":
        """``C u ≠ V4``: domain, detectability, consistency, severity."""
        domain, detect, consist, severity = text.split()
        return cls(domain, detect, consist, severity)

    def __str__(self) -> str:
        return f"{DOMAINS[self.domain]}, {DETECTABILITY[self.detect]}, {CONSISTENCY[self.consist]}, {self.severity}"


@dataclass(frozen=True, slots=True)
class Threat:
    """``attack`` and ``enabling`` are fault classes: what comes from outside, and what inside would let it harm.

    ``needs`` names the surface that must exist before anything can be proved, if it does not yet.
    """

    id: str
    title: str
    surface: str
    essay: tuple[str, ...]
    motives: str
    attack: tuple[str, ...]
    enabling: tuple[str, ...]
    failure: Failure
    means: tuple[str, ...]
    cves: tuple[str, ...]
    limits: tuple[str, ...]
    profiles: frozenset[str]
    what: str
    why: str
    how: str
    needs: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """All fault classes that have a part in it."""
        return tuple(dict.fromkeys((*self.enabling, *self.attack)))

    def viewpoints(self) -> dict[str, dict[str, str]]:
        """The eight viewpoints, of the attack and of what enables it."""
        return {code: FAULT_CLASSES[code].named() for code in self.classes}


def threat(
    ident: str,
    title: str,
    *,
    surface: str,
    what: str,
    why: str,
    how: str,
    failure: str,
    essay: str = "",
    motives: str = "",
    attack: str = "IA",
    enabling: str = "SF-n",
    means: str = "FP FR",
    cves: str = "",
    limits: str = "",
    profiles: str = "full",
    needs: str = "",
) -> Threat:
    """A row: lists are words. Raises ``ValueError`` for a word that is not in the taxonomy."""
    made = Threat(
        id=ident,
        title=title,
        surface=surface,
        essay=tuple(essay.split()),
        motives=motives,
        attack=tuple(attack.split()),
        enabling=tuple(enabling.split()),
        failure=Failure.of(failure),
        means=tuple(means.split()),
        cves=tuple(cves.split()),
        limits=tuple(limits.split()),
        profiles=frozenset(profiles.split()) | {"full"},
        what=what,
        why=why,
        how=how,
        needs=needs,
    )
    _check(made)
    return made


def _check(made: Threat) -> None:
    known = (
        ([made.surface], SURFACES),
        (
            made.essay,
            {*WEAKNESSES, *(f"F{number}" for number in range(1, 11)), *(f"C{number}" for number in range(1, 13))},
        ),
        (made.motives, MOTIVES),
        (made.attack, FAULT_CLASSES),
        (made.enabling, FAULT_CLASSES),
        ([made.failure.domain], DOMAINS),
        ([made.failure.detect], DETECTABILITY),
        ([made.failure.consist], CONSISTENCY),
        ([made.failure.severity], SEVERITIES),
        (made.means, MEANS),
        (made.profiles, PROFILES),
    )
    for words, allowed in known:
        for word in words:
            if word not in allowed:
                raise ValueError(f"{made.id}: {word!r} is none of {', '.join(allowed)}")
