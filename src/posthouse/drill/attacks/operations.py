"""Secrets, logs, configuration, neighbours."""

from posthouse.drill.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = ()
