"""JUnit XML: BROKEN is a failure, UNPROVEN is skipped."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any


def format_junit(document: Mapping[str, Any]) -> str:
    run, totals = document["run"], document["totals"]
    suite = ET.Element(
        "testsuite",
        name=f"drill.{run['profile']}",
        tests=str(len(document["results"])),
        failures=str(totals["BROKEN"]),
        skipped=str(totals["UNPROVEN"]),
        errors="0",
        time=str(run["seconds"]),
        timestamp=run["started"],
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("run", run["id"]), ("seed", document["seed"]), ("server", document["server"]["version"])):
        ET.SubElement(properties, "property", name=name, value=str(value))
    for one in document["results"]:
        _add_case(suite, one)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, "unicode") + "\n"


def _add_case(suite: ET.Element, one: Mapping[str, Any]) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"drill.{one['surface']}",
        name=f"{one['id']} {one['title']}",
        time=str(one["duration"]),
    )
    why = clean(one["why"])
    if one["verdict"] == "BROKEN":
        failure = ET.SubElement(case, "failure", message=why[:200], type=one["failure"]["severity"])
        failure.text = why
    elif one["verdict"] == "UNPROVEN":
        ET.SubElement(case, "skipped", message=why[:200])


def clean(text: str) -> str:
    """Without what XML 1.0 cannot carry; a server's octets may be in here."""
    return "".join(
        char if char in "\t\n" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" else "?" for char in text
    )
