"""``posthouse vulns``, ``posthouse sbom``: what runs, and what is known against it. Nothing is asked of the network."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posthouse.cli.asking import Failure
from posthouse.cli.show import Column, print_rows

if TYPE_CHECKING:
    from posthouse.ops.advisories import Hit
    from posthouse.ops.components import Component

COLUMNS = (
    Column("component", "COMPONENT"),
    Column("version", "VERSION"),
    Column("advisory", "ADVISORY"),
    Column("fixed", "FIXED IN"),
    Column("aliases", "ALSO", shrinks=True),
)
STALE = timedelta(days=30)
NO_ADVISORIES = (
    "fetch them where there is one, and name the file with --db: "
    "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
)

DEBIAN = click.option("--debian", is_flag=True, help="Also Debian packages of scanners, databases and libraries.")


@click.command()
@click.option("--db", "path", type=click.Path(path_type=Path, exists=True), help="Advisories, off line.")
@click.option("--sbom", "bill", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Of these parts.")
@DEBIAN
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def vulns(path: Path | None, bill: Path | None, *, debian: bool, as_json: bool) -> None:
    """Known weaknesses of what runs: Posthouse, what it requires, Python, OpenSSL, SQLite.

    The advisories are a file, a zip archive or a directory: OSV (osv-vulnerabilities,
    PyPI/all.zip) or NVD 2.0 JSON. Exit status 1: something was found.
    """
    from posthouse.ops.advisories import Unreadable, find

    if path is None:
        raise Failure("which advisories? nothing is asked of the network", NO_ADVISORIES)
    try:
        found = find(path, components_of(bill, debian=debian))
    except (Unreadable, OSError) as error:
        raise Failure(str(error)) from error
    print_rows(map(row_of, found.hits), COLUMNS, as_json=as_json, note="summary")
    read = "1 advisory" if found.read == 1 else f"{found.read} advisories"
    said = f"{read} read, the newest of {found.newest[:10] or 'an unknown day'}"
    if found.skipped:
        said += f"; {found.skipped} documents were none"
    click.echo(said, err=True)
    if found.newest and found.newest[:10] < (datetime.now(UTC) - STALE).strftime("%Y-%m-%d"):
        click.echo("They are older than 30 days: what is not in them may be known all the same.", err=True)
    if found.hits:
        sys.exit(1)


@click.command()
@click.option("--format", "form", type=click.Choice(["cyclonedx", "spdx"]), default="cyclonedx", show_default=True)
@DEBIAN
def sbom(form: str, *, debian: bool) -> None:
    """A bill of materials of what runs, as JSON: CycloneDX 1.6 or SPDX 2.3."""
    from posthouse.ops.sbom import format_cyclonedx, format_spdx

    write = {"cyclonedx": format_cyclonedx, "spdx": format_spdx}[form]
    click.echo(json.dumps(write(components_of(None, debian=debian), datetime.now(UTC)), indent=1, ensure_ascii=False))


def components_of(bill: Path | None, *, debian: bool) -> "list[Component]":
    """Those of ``bill``, or what runs here."""
    if bill is None:
        from posthouse.ops.components import list_components

        return list_components(debian=debian)
    from posthouse.ops.sbom import SBOM_OCTETS, NotABill, parse_sbom

    with bill.open("rb") as file:
        octets = file.read(SBOM_OCTETS + 1)
    if len(octets) > SBOM_OCTETS:
        raise Failure(f"{bill} is larger than {SBOM_OCTETS >> 20} MiB")
    try:
        return parse_sbom(octets)
    except NotABill as error:
        raise Failure(f"{bill}: {error}") from error


def row_of(hit: "Hit") -> dict[str, object]:
    one = hit.component
    name = f"{one.name} in {one.inside}" if one.inside else one.name
    return {
        "component": name,
        "version": one.version,
        "advisory": hit.advisory + ("" if hit.is_sure else " ?"),
        "fixed": hit.fixed,
        "aliases": " ".join(hit.aliases),
        "summary": hit.summary,
        "sure": hit.is_sure,
    }
