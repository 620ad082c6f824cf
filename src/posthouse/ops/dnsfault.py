"""One thing that is wrong with what a domain publishes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: ``name`` for programs, the rest for people."""

    name: str
    where: str
    what: str
    advice: str
