"""OpenMetrics: the verdicts as gauges, for whoever watches them over time."""

from collections.abc import Mapping
from typing import Any

VALUES = {"HELD": 1, "UNPROVEN": 0, "BROKEN": -1}


def format_gauges(document: Mapping[str, Any]) -> str:
    lines = [
        "# TYPE posthouse_drill_verdict gauge",
        "# HELP posthouse_drill_verdict 1 held, 0 unproven, -1 broken",
        *(
            f'posthouse_drill_verdict{{id="{one["id"]}",severity="{one["failure"]["severity"]}"}} '
            f"{VALUES[one['verdict']]}"
            for one in document["results"]
        ),
        "# TYPE posthouse_drill_entries gauge",
        *(
            f'posthouse_drill_entries{{verdict="{name.lower()}"}} {number}'
            for name, number in document["totals"].items()
        ),
        "# TYPE posthouse_drill_seconds gauge",
        f"posthouse_drill_seconds {document['run']['seconds']}",
        "# EOF",
    ]
    return "\n".join(lines) + "\n"
