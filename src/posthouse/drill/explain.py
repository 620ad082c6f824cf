"""All about one entry, for a person: the attack, the class of it, whom it hit, the limits, how to see it."""

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from posthouse.drill.scenario import Scenario
from posthouse.drill.taxonomy import FAULT_CLASSES, MEANS, MOTIVES, SEVERITIES, WEAKNESSES
from posthouse.drill.threat import Threat

WIDTH = 80
MARGIN = 12


def explain(threat: Threat, scenario: Scenario | None, last: Mapping[str, Any] | None, proved: str) -> str:
    """``last`` is the entry of the latest report that has it."""
    return "\n".join(line.rstrip() for line in _lines(threat, scenario, last, proved)) + "\n"


def _lines(threat: Threat, scenario: Scenario | None, last: Mapping[str, Any] | None, proved: str) -> Iterator[str]:
    yield f"{threat.id}  {threat.title}"
    yield ""
    yield from _field("what", threat.what)
    yield from _field("why", threat.why)
    yield from _field("how", threat.how)
    yield ""
    yield from _field("attack", "; ".join(f"{code}, {FAULT_CLASSES[code].title}" for code in threat.attack))
    yield from _field("enabled by", "; ".join(f"{code}, {FAULT_CLASSES[code].title}" for code in threat.enabling))
    yield from _field("failure", f"{threat.failure} ({SEVERITIES[threat.failure.severity]})")
    yield from _field("means", ", ".join(MEANS[word] for word in threat.means))
    yield from _field("motives", ", ".join(MOTIVES[word] for word in threat.motives))
    yield from _field("essay", "; ".join(_essay(word) for word in threat.essay))
    yield from _field("hit others", " ".join(threat.cves))
    yield from _field("limits", _limits(threat, last))
    yield from _field("profiles", " ".join(sorted(threat.profiles)))
    yield ""
    if scenario is None:
        yield from _field("not yet", f"waits for {threat.needs}" if threat.needs else "there is no attack for it yet")
    else:
        yield from _field("steps", (inspect.getdoc(scenario.attack) or "").partition(": ")[2] or threat.how)
        yield from _field("at most", _allowance(scenario))
        yield from _field("run it", f"posthouse drill run {threat.id}")
        control = f"last caught {proved}" if proved else "not yet run here"
        yield from _field(
            "control", f"posthouse drill prove {threat.id} ({control})" if scenario.can_be_proved else "none yet"
        )
    if last is not None:
        yield from _field("last", f"{last['verdict']}{': ' + last['why'] if last['why'] else ''}")


def _essay(word: str) -> str:
    if word in WEAKNESSES:
        title, section = WEAKNESSES[word]
        return f"{word} {title} (section {section})"
    return word


def _limits(threat: Threat, last: Mapping[str, Any] | None) -> str:
    in_force = {one["id"]: one["values"] for one in (last or {}).get("limits", [])}
    return "; ".join(
        f"{number}: {', '.join(in_force[number])}" if in_force.get(number) else number for number in threat.limits
    )


def _allowance(scenario: Scenario) -> str:
    one = scenario.allowance
    live = "may be aimed at the live server" if scenario.live_safe else "in a sandbox only"
    return f"{one.connections} connections, {one.octets >> 20} MiB, {one.seconds:.0f} s; {live}"


def _field(name: str, text: str) -> Iterator[str]:
    if not text:
        return
    for at, line in enumerate(textwrap.wrap(text, WIDTH - MARGIN, break_on_hyphens=False)):
        yield f"{'' if at else name:<{MARGIN}}{line}"
