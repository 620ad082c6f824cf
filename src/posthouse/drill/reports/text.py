"""The scorecard for 80 columns: the essay's weaknesses, fault classes, failures avoided, then what broke."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from posthouse.drill.taxonomy import FAULT_CLASSES, SEVERITIES, WEAKNESSES

WIDTH = 80
BAR = 20
COLOURS = {"HELD": "32", "BROKEN": "1;31", "UNPROVEN": "33", "title": "1", "faint": "2"}
MARKS = {"HELD": "█", "BROKEN": "▓", "UNPROVEN": "░"}
ORDER = ("HELD", "BROKEN", "UNPROVEN")
NUMBERS = f"{'held':>6}{'broken':>8}{'unproven':>10}"
LABEL = WIDTH - len(NUMBERS) - BAR - 2


class Paint:
    """ANSI colours, or none."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, name: str) -> str:
        return f"\x1b[{COLOURS[name]}m{text}\x1b[0m" if self._colour and text else text


def format_text(document: Mapping[str, Any], *, colour: bool = False) -> str:
    """The whole scorecard, with a line end."""
    paint = Paint(colour)
    parts = [
        *_head(document, paint),
        "",
        *_table("BY THE ESSAY'S WEAKNESS", document["matrices"]["weakness"], _weakness, paint),
        "",
        *_table("BY FAULT CLASS", document["matrices"]["fault"], _fault, paint),
        "",
        *_table("BY FAILURE AVOIDED, WORST FIRST", document["matrices"]["failure"], _failure, paint),
        *_results(document, paint),
        *_foot(document, paint),
    ]
    return "\n".join(line.rstrip() for line in parts) + "\n"


def _head(document: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    run, server, ledger = document["run"], document["server"], document["ledger"]
    started = str(run["started"]).replace("+00:00", "Z")
    yield paint(f"drill {run['profile']}   run {run['id']}   {started}   seed {document['seed']}"[:WIDTH], "title")
    config = f"   configuration {server['config_sha256'][:8]}" if server.get("config_sha256") else ""
    yield f"server {server['version']} (sha256 {server['sha256'][:8]}){config}"
    yield f"target {run['target']} ({run['network']})   {duration(run['seconds'])}"[:WIDTH]
    told = "   ".join(f"{ledger[name]:,} {name}" for name in ("acknowledged", "lost", "altered", "duplicated"))
    yield f"ledger {told}"
    if run["aborted"]:
        yield from _painted(f"ABORTED: {visible(str(run['aborted']))}", paint)


def _painted(text: str, paint: Paint) -> Iterator[str]:
    """Something bad, however long."""
    for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False):
        yield paint(line, "BROKEN")


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _table(title: str, rows: Mapping[str, Mapping[str, int]], label: Any, paint: Paint) -> Iterator[str]:
    yield paint(f"{title:<{LABEL}}", "title") + paint(NUMBERS, "faint")
    most = max((sum(counts.values()) for counts in rows.values()), default=0)
    for name, counts in rows.items():
        if any(counts.values()):
            yield _row(label(name), counts, most, paint)


def _row(label: str, counts: Mapping[str, int], most: int, paint: Paint) -> str:
    numbers = "".join(
        paint(f"{counts[verdict]:>{width}}", verdict if counts[verdict] else "faint")
        for verdict, width in zip(ORDER, (6, 8, 10), strict=True)
    )
    return f"{label:<{LABEL}.{LABEL}}{numbers}  {bar(counts, most, paint)}"


def bar(counts: Mapping[str, int], most: int, paint: Paint) -> str:
    """One mark for each entry, or fewer where they are many; nobody who counts is rounded away."""
    scale = min(1.0, BAR / most) if most else 1.0
    numbers = {verdict: max(1, int(counts[verdict] * scale)) if counts[verdict] else 0 for verdict in ORDER}
    numbers["HELD"] -= max(0, sum(numbers.values()) - BAR)
    return "".join(paint(MARKS[verdict] * numbers[verdict], verdict) for verdict in ORDER)


def _weakness(name: str) -> str:
    title, section = WEAKNESSES[name]
    return f"{name:<5}{title:<21}{section}"


def _fault(code: str) -> str:
    one = FAULT_CLASSES[code]
    return f"{code:<5}{one.title}"


def _failure(code: str) -> str:
    return f"{code:<5}{SEVERITIES[code]}"


def _results(document: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    broken = [one for one in document["results"] if one["verdict"] == "BROKEN"]
    unproven = [one for one in document["results"] if one["verdict"] == "UNPROVEN"]
    for one in broken:
        yield ""
        yield paint(f"BROKEN    {one['id']}  {one['title']}", "BROKEN")
        yield f"          {classes(one)}   {one['failure']['text']}"
        yield from _wrapped("saw", one["why"])
        for evidence in one["attempts"][0]["evidence"] if one["attempts"] else []:
            yield from _wrapped("file", f"{document['run']['id']}/{evidence['path']}")
        yield from _wrapped("see", f"posthouse drill explain {one['id']}")
        yield from _wrapped("again", f"posthouse drill run {one['id']} --seed {document['seed']}")
    if unproven:
        yield ""
        yield paint("UNPROVEN", "UNPROVEN")
    reasons: dict[str, list[str]] = {}
    for one in unproven:
        reasons.setdefault(one["why"], []).append(one["id"])
    for why, ids in reasons.items():
        yield from _wrapped(
            ids[0] if len(ids) == 1 else f"{len(ids)}", why if len(ids) == 1 else f"{why}: {' '.join(ids)}"
        )


def classes(one: Mapping[str, Any]) -> str:
    """``IA ← SF-d``: what comes from outside, and what inside would let it harm."""
    return f"{'/'.join(one['attack_class'])} ← {'/'.join(one['enabling_class'])}"


def visible(text: str) -> str:
    """Without what a terminal would obey: the server under attack chose some of it."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _wrapped(word: str, text: str) -> Iterator[str]:
    for at, line in enumerate(textwrap.wrap(visible(text), WIDTH - 10, break_on_hyphens=False) or [""]):
        yield f"    {'' if at else word:<6}{line}"


def _foot(document: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    totals, results = document["totals"], document["results"]
    unproved = [one["id"] for one in results if one["verdict"] == "HELD" and not one["proved"]]
    yield ""
    if unproved:
        yield from _wrapped(
            "note", f"held, but no negative control has been run for {' '.join(unproved)} (drill prove)"
        )
    if document["coverage"]["not_tested"]:
        yield from _wrapped("note", "not tested here: " + "; ".join(document["coverage"]["not_tested"]))
    if document["run"]["left_behind"]:
        yield from _painted(f"left behind: {document['run']['left_behind']}", paint)
    told = ", ".join(paint(f"{totals[verdict]} {verdict.lower()}", verdict) for verdict in ORDER)
    yield f"{len(results)} {'entry' if len(results) == 1 else 'entries'}: {told}"
