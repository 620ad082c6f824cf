"""``drill-report/1``: a run as plain data, from which every other form is made, today or years later."""

import hashlib
import platform
import sqlite3
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from posthouse.drill.result import Attempt, Result, Run
from posthouse.drill.taxonomy import FAULT_CLASSES, SEVERITIES, WEAKNESSES
from posthouse.drill.verdict import Verdict

FORMAT = "drill-report/1"
Document = Mapping[str, Any]


def document_of(run: Run, known: Iterable[str], proofs: Mapping[str, str]) -> dict[str, Any]:
    """``known`` are the ids the last report knew; ``proofs`` when each negative control last caught its weakness."""
    results = [_result(one, run, proofs) for one in run.results]
    return {
        "format": FORMAT,
        "run": {
            "id": run.id,
            "profile": run.profile,
            "target": run.target,
            "network": run.network,
            "started": datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds"),
            "seconds": round(run.seconds, 1),
            "aborted": run.aborted,
            "left_behind": run.clean,
        },
        "seed": run.seed,
        "tool": {"name": "posthouse drill", "version": _version(), "sha256": code_hash("drill")},
        "server": {"version": _version(), "sha256": code_hash(), **run.server},
        "host": host(),
        "ledger": {name: getattr(run, name) for name in ("acknowledged", "lost", "altered", "duplicated")},
        "totals": {verdict.value: run.count(verdict) for verdict in Verdict},
        "budget_used": {
            name: int(sum(attempt.metrics.get(name, 0) for one in run.results for attempt in one.attempts))
            for name in ("connections", "octets")
        },
        "controls": [
            {"id": one.threat.id, "proved": proofs.get(one.threat.id, "")} for one in run.results if not one.skipped
        ],
        "results": results,
        "matrices": matrices(results),
        "coverage": {
            "not_tested": run.not_tested,
            "new": sorted({one["id"] for one in results} - set(known)) if known else [],
        },
    }


def _result(result: Result, run: Run, proofs: Mapping[str, str]) -> dict[str, Any]:
    threat = result.threat
    return {
        "id": threat.id,
        "title": threat.title,
        "surface": threat.surface,
        "essay_refs": list(threat.essay),
        "attack_class": list(threat.attack),
        "enabling_class": list(threat.enabling),
        "viewpoints": threat.viewpoints(),
        "failure": {
            "domain": threat.failure.domain,
            "detect": threat.failure.detect,
            "consist": threat.failure.consist,
            "severity": threat.failure.severity,
            "text": str(threat.failure),
        },
        "means": list(threat.means),
        "cve": list(threat.cves),
        "limits": [{"id": number, "values": run.limits.get(number, [])} for number in threat.limits],
        "verdict": result.verdict.value,
        "why": result.why,
        "skipped": result.skipped,
        "proved": proofs.get(threat.id, ""),
        "duration": round(result.seconds, 2),
        "attempts": [_attempt(one, run.seed + number) for number, one in enumerate(result.attempts)],
    }


def _attempt(attempt: Attempt, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "verdict": attempt.verdict.value,
        "why": attempt.why,
        "assertions": [
            {"name": one.name, "kind": one.kind.value, "expected": one.expected, "observed": one.observed, "ok": one.ok}
            for one in attempt.assertions
        ],
        "metrics": dict(attempt.metrics),
        "sources": list(attempt.sources),
        "evidence": [],
    }


def matrices(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts of verdicts: by the essay's weakness, by fault class, by the severity of the failure avoided."""
    return {
        "weakness": _count(results, WEAKNESSES, lambda one: one["essay_refs"]),
        "fault": _count(results, FAULT_CLASSES, lambda one: [*one["enabling_class"], *one["attack_class"]]),
        "failure": _count(results, SEVERITIES, lambda one: [one["failure"]["severity"]]),
        "fault_by_severity": {
            code: _count(
                [one for one in results if code in [*one["enabling_class"], *one["attack_class"]]],
                SEVERITIES,
                lambda one: [one["failure"]["severity"]],
            )
            for code in FAULT_CLASSES
        },
    }


def _count(
    results: Iterable[Mapping[str, Any]], rows: Iterable[str], words: Callable[[Mapping[str, Any]], Sequence[str]]
) -> dict[str, dict[str, int]]:
    found = {row: {verdict.value: 0 for verdict in Verdict} for row in rows}
    for one in results:
        for word in set(words(one)) & found.keys():
            found[word][one["verdict"]] += 1
    return found


def host() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION.removeprefix("OpenSSL "),
        "sqlite": _sqlite(),
        "kernel": f"{platform.system()} {platform.release()}",
    }


def _sqlite() -> str:
    """That of the server, which brings its own: apsw is numbered after it."""
    try:
        return metadata.version("apsw").rpartition(".")[0]
    except metadata.PackageNotFoundError:
        return sqlite3.sqlite_version


def _version() -> str:
    try:
        return metadata.version("posthouse")
    except metadata.PackageNotFoundError:
        return "unknown"


def code_hash(room: str = "") -> str:
    """SHA-256 over the program's own files, by name and content."""
    base = Path(__file__).parents[2]
    whole = hashlib.sha256()
    for file in sorted((base / room).rglob("*.py")):
        whole.update(str(file.relative_to(base)).encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()
