"""What was promised is there."""

from posthouse.drill.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = ()
