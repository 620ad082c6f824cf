"""A bill of materials of what runs: CycloneDX 1.6 and SPDX 2.3, written and read."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from posthouse.ops.components import OURSELVES, Component

SBOM_OCTETS = 64 * 1024 * 1024
_PURL = re.compile(r"pkg:(\w+)/(?:([^/@?]+)/)?([^/@?]+)@([^?#]+)(?:\?(?:.*&)?distro=(?:debian-)?(\d+))?")
ECOSYSTEMS = {"pypi": "PyPI", "deb": "Debian"}


class NotABill(Exception):
    """What was read is no bill of materials that we know."""


def format_cyclonedx(components: Sequence[Component], at: datetime) -> dict[str, Any]:
    """https://cyclonedx.org/docs/1.6/json/."""
    main = next((one for one in components if one.name == OURSELVES), None)
    rest = [one for one in components if one is not main]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {"timestamp": at.isoformat(timespec="seconds"), "component": _cyclonedx(main) if main else {}},
        "components": [_cyclonedx(one) for one in rest],
        "dependencies": [{"ref": main.purl, "dependsOn": sorted({one.purl for one in rest})}] if main else [],
    }


def _cyclonedx(one: Component) -> dict[str, Any]:
    kind = "application" if one.name == OURSELVES else "library"
    row: dict[str, Any] = {"type": kind, "bom-ref": _ref(one), "name": one.name, "version": one.version}
    row["purl"] = one.purl
    if one.licence:
        row["licenses"] = [{"license": {"name": one.licence}}]
    if one.inside:
        row["properties"] = [{"name": "posthouse:inside", "value": one.inside}]
    return row


def _ref(one: Component) -> str:
    return f"{one.purl}#{one.inside}" if one.inside else one.purl


def format_spdx(components: Sequence[Component], at: datetime) -> dict[str, Any]:
    """https://spdx.github.io/spdx-spec/v2.3/."""
    packages = [
        {
            "SPDXID": f"SPDXRef-{number}",
            "name": one.name,
            "versionInfo": one.version,
            "downloadLocation": "NOASSERTION",
            "licenseConcluded": "NOASSERTION",
            "comment": f"inside {one.inside}" if one.inside else "",
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": one.purl}
            ],
        }
        for number, one in enumerate(components)
    ]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": OURSELVES,
        "documentNamespace": f"urn:uuid:{uuid.uuid4()}",
        "creationInfo": {"created": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": [f"Tool: {OURSELVES}"]},
        "packages": packages,
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": one["SPDXID"]}
            for one in packages[:1]
        ],
    }


def parse_sbom(octets: bytes) -> list[Component]:
    """The components of a bill of either kind. Raises ``NotABill``."""
    try:
        document = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise NotABill("it is not JSON") from error
    if not isinstance(document, Mapping):
        raise NotABill("it is neither CycloneDX nor SPDX")
    if document.get("bomFormat") == "CycloneDX":
        rows = _list(document, "components")
        found = [_component(row, str(row.get("purl", "")), str(row.get("version", ""))) for row in rows]
    elif str(document.get("spdxVersion", "")).startswith("SPDX-2"):
        rows = _list(document, "packages")
        found = [_component(row, _locator(row), str(row.get("versionInfo", ""))) for row in rows]
    else:
        raise NotABill("it is neither CycloneDX nor SPDX")
    return [one for one in found if one.name and one.version]


def _list(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = document.get(key, [])
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _locator(row: Mapping[str, Any]) -> str:
    return next((str(ref.get("referenceLocator", "")) for ref in _list(row, "externalRefs")), "")


def _component(row: Mapping[str, Any], purl: str, version: str) -> Component:
    match = _PURL.match(purl)
    if match is None:
        return Component(str(row.get("name", "")), version, "generic")
    ecosystem = ECOSYSTEMS.get(match[1].lower(), "generic")
    if ecosystem == "Debian" and match[5]:
        ecosystem = f"Debian:{match[5]}"
    return Component(unquote(match[3]), unquote(match[4]), ecosystem)
