"""What runs is on the bill, and what was written is read again."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from posthouse.cli.main import posthouse
from posthouse.ops.components import Component, list_components
from posthouse.ops.sbom import NotABill, format_cyclonedx, format_spdx, parse_sbom

AT = datetime(2026, 11, 21, tzinfo=UTC)
ROWS = [
    Component("posthouse", "0.1.0", licence="Apache-2.0"),
    Component("prometheus-client", "0.22"),
    Component("openssl", "3.5.4", "generic", inside="cryptography"),
    Component("clamav", "1.0.3+dfsg-1~deb12u1", "Debian:12", inside="clamav-daemon"),
]


def what(rows: list[Component]) -> set[tuple[str, str, str]]:
    return {(one.name, one.version, one.ecosystem) for one in rows}


def test_what_runs_is_known_whole() -> None:
    names = {one.name.lower() for one in list_components()}
    assert {"posthouse", "click", "msgspec", "apsw", "cffi", "python", "openssl", "sqlite"} <= names
    assert "pytest" not in names


def test_a_cyclonedx_bill_is_read_as_written() -> None:
    document = format_cyclonedx(ROWS, AT)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert len({row["bom-ref"] for row in document["components"]}) == 3
    assert what(parse_sbom(json.dumps(document).encode())) == what(ROWS[1:])


def test_an_spdx_bill_is_read_as_written() -> None:
    document = format_spdx(ROWS, AT)
    assert document["spdxVersion"] == "SPDX-2.3"
    assert what(parse_sbom(json.dumps(document).encode())) == what(ROWS)


@pytest.mark.parametrize(
    "octets", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"bomFormat": "x"}', b'{"spdxVersion": 3}']
)
def test_what_is_no_bill_is_said(octets: bytes) -> None:
    with pytest.raises(NotABill):
        parse_sbom(octets)


@pytest.mark.parametrize("rows", ["1", "[1, null]", '[{"name": 1}]', '[{"purl": "pkg:"}]', '[{"externalRefs": 1}]'])
def test_odd_rows_are_left_out(rows: str) -> None:
    assert parse_sbom(b'{"bomFormat": "CycloneDX", "components": %s}' % rows.encode()) == []


def test_the_commands(tmp_path) -> None:
    made = CliRunner().invoke(posthouse, ["sbom"])
    assert json.loads(made.output)["metadata"]["component"]["name"] == "posthouse"
    (tmp_path / "bill.json").write_text(json.dumps(format_cyclonedx(ROWS, AT)))
    affected = [{"package": {"ecosystem": "PyPI", "name": "prometheus-client"}, "versions": ["0.22"]}]
    (tmp_path / "db.json").write_text(json.dumps({"id": "A-1", "modified": "2020", "affected": affected}))
    words = ["vulns", "--db", str(tmp_path / "db.json"), "--json"]
    found = CliRunner().invoke(posthouse, [*words, "--sbom", str(tmp_path / "bill.json")])
    assert found.exit_code == 1
    assert json.loads(found.stdout)["advisory"] == "A-1"
    assert "older than 30 days" in found.stderr
    assert CliRunner().invoke(posthouse, ["vulns", "--db", str(tmp_path / "bill.json")]).exit_code == 1
