"""SARIF 2.1.0: every entry is a rule, every verdict a result, so that a code host shows what broke."""

import json
from collections.abc import Mapping
from typing import Any

LEVELS = {"HELD": "none", "BROKEN": "error", "UNPROVEN": "note"}
KINDS = {"HELD": "pass", "BROKEN": "fail", "UNPROVEN": "open"}
SCORES = {"V4": "9.5", "V3": "8.0", "V2": "6.0", "V1": "4.0", "V0": "2.0"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def format_sarif(document: Mapping[str, Any], texts: Mapping[str, tuple[str, str]]) -> str:
    """``texts`` gives for each id what the attack is and why it harms."""
    results = document["results"]
    whole = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "posthouse drill",
                        "semanticVersion": document["tool"]["version"],
                        "rules": [_rule(one, texts.get(one["id"], ("", ""))) for one in results],
                    }
                },
                "automationDetails": {"id": f"drill/{document['run']['profile']}/{document['run']['id']}"},
                "invocations": [
                    {"executionSuccessful": not document["run"]["aborted"], "startTimeUtc": document["run"]["started"]}
                ],
                "results": [_result(one, at) for at, one in enumerate(results)],
            }
        ],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _rule(one: Mapping[str, Any], texts: tuple[str, str]) -> dict[str, Any]:
    return {
        "id": one["id"],
        "name": "".join(word.capitalize() for word in one["title"].replace("'", "").split()),
        "shortDescription": {"text": one["title"]},
        "fullDescription": {"text": " ".join(texts) or one["title"]},
        "properties": {
            "security-severity": SCORES[one["failure"]["severity"]],
            "tags": ["security", one["surface"], *one["enabling_class"], *one["cve"]],
        },
    }


def _result(one: Mapping[str, Any], at: int) -> dict[str, Any]:
    return {
        "ruleId": one["id"],
        "ruleIndex": at,
        "kind": KINDS[one["verdict"]],
        "level": LEVELS[one["verdict"]],
        "message": {"text": one["why"] or "held"},
        "locations": [{"logicalLocations": [{"name": one["surface"], "kind": "module"}]}],
        "partialFingerprints": {"drillEntry/v1": one["id"]},
    }
