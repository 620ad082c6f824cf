"""Where reports are kept: a directory, each report chained to the one before it by its hash, and signed.

The key is the directory's own (HMAC-SHA-256): it shows that a report was made here and not changed since by
somebody without the key, not who ran it.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posthouse.drill.verdict import Assertion, Kind, Verdict, agree, judge

NAME = "report.json"
PROOFS = "proofs.json"


class NotThere(Exception):
    """No such report; ``str()`` says where it was looked for."""


def default_directory() -> Path:
    """``$POSTHOUSE_DRILL_REPORTS``, else below the user's state directory."""
    named = os.environ.get("POSTHOUSE_DRILL_REPORTS")
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local/state") / "posthouse/drill"


def keep(document: dict[str, Any], directory: Path, transcripts: Mapping[str, str]) -> Path:
    """The report's file. Evidence lies beside it, named in the report with its hash."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    previous = find("last", directory) if _runs(directory) else None
    place = directory / str(document["run"]["id"])
    place.mkdir(mode=0o700)
    for result in document["results"]:
        for number, attempt in enumerate(result["attempts"]):
            text = transcripts.get(f"{result['id']}-{number + 1}", "")
            if text:
                file = place / f"{result['id']}-{number + 1}.txt"
                file.write_text(text, "utf-8")
                attempt["evidence"] = [{"path": file.name, "sha256": _hash(text.encode())}]
    before = _own_hash(previous) if previous is not None else ""
    document["chain"] = {"previous": before}
    own = _hash(_canonical(document))
    document["chain"] = {"previous": before, "sha256": own}
    document["signature"] = {"algorithm": "HMAC-SHA-256", "value": _sign(own, _key(directory))}
    report = place / NAME
    report.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return report


def _runs(directory: Path) -> list[Path]:
    """Reports, oldest first."""
    return sorted(directory.glob(f"*/{NAME}"), key=lambda file: (file.stat().st_mtime_ns, file.parent.name))


def find(name: str, directory: Path) -> Path:
    """``last``, the id of a run, or a file. Raises ``NotThere``."""
    file = Path(name)
    if file.is_file():
        return file
    runs = _runs(directory)
    if name == "last" and runs:
        return runs[-1]
    found = [run for run in runs if run.parent.name == name]
    if not found:
        known = ", ".join(run.parent.name for run in runs[-5:]) or "none"
        raise NotThere(f"no report {name} in {directory} (the latest: {known})")
    return found[0]


def read(name: str, directory: Path) -> dict[str, Any]:
    """Raises ``NotThere``."""
    file = find(name, directory)
    try:
        document = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise NotThere(f"{file} is no report: {error}") from error
    if not isinstance(document, dict) or document.get("format") != "drill-report/1":
        raise NotThere(f"{file} is no report of a drill")
    return document


def verify(file: Path, document: dict[str, Any], directory: Path) -> list[str]:
    """What is wrong with a report: its hash, its signature, its evidence, its verdicts. Nothing is good."""
    faults = []
    chain = document.get("chain", {})
    stripped = {name: value for name, value in document.items() if name != "signature"}
    stripped["chain"] = {"previous": chain.get("previous", "")}
    if _hash(_canonical(stripped)) != chain.get("sha256"):
        faults.append("the report was changed: its hash is another")
    key = directory / "key"
    if not key.is_file():
        faults.append(f"the signature cannot be checked: there is no {key}")
    elif not hmac.compare_digest(_sign(str(chain.get("sha256")), _key(directory)), document["signature"]["value"]):
        faults.append("the signature is not of this directory's key")
    previous = chain.get("previous")
    if previous and key.is_file() and not any(_own_hash(run) == previous for run in _runs(directory)):
        faults.append("the report before it is gone")
    for result in document.get("results", []):
        faults += _check_result(file, result)
    return faults


def _check_result(file: Path, result: Mapping[str, Any]) -> list[str]:
    faults, verdicts = [], []
    for attempt in result["attempts"]:
        for evidence in attempt["evidence"]:
            path = file.parent / Path(evidence["path"]).name
            if not path.is_file() or _hash(path.read_bytes()) != evidence["sha256"]:
                faults.append(f"{result['id']}: the evidence {path.name} is gone or changed")
        assertions = [
            Assertion(one["name"], Kind(one["kind"]), one["expected"], one["observed"], one["ok"])
            for one in attempt["assertions"]
        ]
        verdict, why = judge(assertions, attempt["why"] if attempt["verdict"] == "UNPROVEN" else "")
        verdicts.append((verdict, why))
        if verdict != attempt["verdict"]:
            faults.append(f"{result['id']}: what was observed says {verdict}, the report {attempt['verdict']}")
    if verdicts and agree(verdicts)[0] != result["verdict"]:
        faults.append(f"{result['id']}: its attempts say {agree(verdicts)[0]}, the report {result['verdict']}")
    if not verdicts and result["verdict"] != Verdict.UNPROVEN:
        faults.append(f"{result['id']}: {result['verdict']} without an attempt")
    return faults


# -- when each negative control last worked


def proofs(directory: Path) -> dict[str, str]:
    file = directory / PROOFS
    try:
        found = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    except ValueError:
        return {}
    return {str(name): str(at) for name, at in found.items()} if isinstance(found, dict) else {}


def note_proof(directory: Path, ident: str, at: str) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = proofs(directory) | {ident: at}
    (directory / PROOFS).write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")


# -- hashes


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _hash(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _own_hash(file: Path) -> str:
    try:
        return str(json.loads(file.read_text("utf-8"))["chain"]["sha256"])
    except (ValueError, KeyError):
        return ""


def _sign(sha256: str, key: bytes) -> str:
    return hmac.new(key, sha256.encode(), hashlib.sha256).hexdigest()


def _key(directory: Path) -> bytes:
    file = directory / "key"
    if not file.is_file():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as made:
            made.write(secrets.token_hex(32).encode())
    return file.read_bytes()
