"""All attacks by the id of their threat."""

from posthouse.drill.attacks import (
    access,
    accounts,
    answers,
    bounces,
    circles,
    clocks,
    commands,
    content,
    continuity,
    damage,
    fetching,
    forging,
    identity,
    inside,
    logins,
    looks,
    machines,
    mime,
    operations,
    pressure,
    readers,
    remote,
    smtp,
    tls,
    volume,
    web,
)
from posthouse.drill.scenario import Scenario

MODULES = (
    smtp,
    commands,
    remote,
    tls,
    accounts,
    logins,
    identity,
    bounces,
    volume,
    content,
    access,
    readers,
    forging,
    circles,
    pressure,
    mime,
    continuity,
    damage,
    machines,
    clocks,
    answers,
    looks,
    fetching,
    operations,
    inside,
    web,
)


def all_scenarios() -> dict[str, Scenario]:
    """Raises ``ValueError`` when two claim the same threat."""
    found: dict[str, Scenario] = {}
    for module in MODULES:
        for scenario in module.SCENARIOS:
            if scenario.id in found:
                raise ValueError(f"two attacks for {scenario.id}")
            found[scenario.id] = scenario
    return found
