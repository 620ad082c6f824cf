"""Markdown, to be pasted into an issue."""

from collections.abc import Mapping
from typing import Any

from posthouse.drill.reports.text import classes, duration
from posthouse.drill.taxonomy import FAULT_CLASSES, SEVERITIES, WEAKNESSES

SIGNS = {"HELD": "held", "BROKEN": "**BROKEN**", "UNPROVEN": "*unproven*"}


def format_markdown(document: Mapping[str, Any]) -> str:
    run, totals, ledger = document["run"], document["totals"], document["ledger"]
    lines = [
        f"# Drill `{run['profile']}`, run {run['id']}",
        "",
        (
            f"{run['started']} · server {document['server']['version']} (`{document['server']['sha256'][:12]}`) · "
            f"{run['target']} ({run['network']}) · {duration(run['seconds'])} · seed {document['seed']}"
        ),
        "",
        f"**{totals['HELD']} held, {totals['BROKEN']} broken, {totals['UNPROVEN']} unproven.** Ledger: "
        + ", ".join(f"{ledger[name]:,} {name}" for name in ("acknowledged", "lost", "altered", "duplicated"))
        + ".",
        "",
    ]
    matrices = document["matrices"]
    lines += _table("Essay's weakness", matrices["weakness"], {name: one[0] for name, one in WEAKNESSES.items()})
    lines += _table("Fault class", matrices["fault"], {code: one.title for code, one in FAULT_CLASSES.items()})
    lines += _table("Failure avoided", matrices["failure"], SEVERITIES)
    lines += ["| id | | verdict | why |", "|---|---|---|---|"]
    for one in document["results"]:
        lines.append(
            f"| {one['id']} | {one['title']} ({classes(one)}) | {SIGNS[one['verdict']]} | {cell(one['why'])} |"
        )
    return "\n".join(lines) + "\n"


def _table(title: str, rows: Mapping[str, Mapping[str, int]], names: Mapping[str, str]) -> list[str]:
    lines = [f"| {title} | | held | broken | unproven |", "|---|---|---:|---:|---:|"]
    for name, counts in rows.items():
        numbers = " | ".join(str(counts[verdict]) for verdict in ("HELD", "BROKEN", "UNPROVEN"))
        lines.append(f"| {name} | {names[name]} | {numbers} |")
    return [*lines, ""]


def cell(text: str) -> str:
    """What a server said may hold anything; in a table it is text."""
    flat = " ".join(text.split())[:300]
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'").replace("*", "\\*")
