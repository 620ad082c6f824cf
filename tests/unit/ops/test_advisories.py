"""Known weaknesses are found in an old bill of materials, all of them, and in a new one none."""

import json
import zipfile
from pathlib import Path

import pytest

from posthouse.ops.advisories import Unreadable, find
from posthouse.ops.components import Component

OLD = (
    ("PyPI", "Cryptography", "41.0.1", "41.0.2"), ("PyPI", "dnspython", "2.5.0", "2.6.1"), ("PyPI", "idna", "3.6", "3.7"),
    ("PyPI", "click", "8.0.0", "8.0.1"), ("PyPI", "pydantic", "2.3.0", "2.4.0"), ("PyPI", "msgspec", "0.17.0", "0.18.0"),
    ("PyPI", "Pygments", "2.15.0", "2.15.1"), ("PyPI", "typing_extensions", "4.0.0rc1", "4.0.0"),
    ("PyPI", "uvloop", "0.17.0", "0.18.0"), ("PyPI", "asyncpg", "0.27.0", "0.28.0"),
    ("Debian:12", "clamav", "1.0.1+dfsg-2", "1.0.3+dfsg-1~deb12u1"), ("Debian:12", "opendkim", "2.11.0~beta2-8", "2.11.0~beta2-9"),
    ("Debian:12", "openssl", "3.0.9-1", "3.0.14-1~deb12u2"),
)  # fmt: skip
NATIVE = (("python", "python", "3.11.3", "3.11.4"), ("openssl", "openssl", "3.0.8", "3.0.9"), ("openssl", "openssl", "1.1.1t", "1.1.1u"),
          ("sqlite", "sqlite", "3.40.1", "3.43.2"))  # fmt: skip


def osv(number: int, ecosystem: str, name: str, fixed: str, **more: object) -> dict[str, object]:
    events = [{"introduced": "0"}, {"fixed": fixed}]
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": f"OSV-{number}", "modified": "2026-01-01T00:00:00Z", "summary": "bad", "affected": [affected], **more}


def cve(
    number: int, vendor: str, product: str, version: str = "*", target: str = "*", **bounds: str
) -> dict[str, object]:
    match = {"vulnerable": True, "criteria": f"cpe:2.3:a:{vendor}:{product}:{version}:*:*:*:*:{target}:*:*", **bounds}
    return {
        "cve": {
            "id": f"CVE-2000-{number}", "vulnStatus": "Analyzed", "lastModified": "2026-02-01T00:00:00",
            "descriptions": [{"lang": "en", "value": "bad\nenough"}],
            "configurations": [{"nodes": [{"operator": "OR", "negate": False, "cpeMatch": [match]}]}],
        }
    }  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Both kinds, in all three forms."""
    place = tmp_path / "db"
    place.mkdir()
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        for number, (ecosystem, name, _, fixed) in enumerate(OLD):
            archive.writestr(f"OSV-{number}.json", json.dumps(osv(number, ecosystem, name, fixed)))
    psf = {"package": {"ecosystem": "Bitnami", "name": "python"}, "versions": ["v3.11.2", "v3.11.3"], "ranges": []}
    (place / "one.json").write_text(json.dumps({"id": "PSF-1", "affected": [psf]}))
    nvd = [cve(at, vendor, name, versionEndExcluding=fixed) for at, (vendor, name, _, fixed) in enumerate(NATIVE)]
    nvd.append(cve(90, "sqlite", "sqlite", "3.40.1"))
    nvd.append(cve(91, "nobody", "prometheus-client", target="python", versionEndIncluding="0.10.0"))
    (place / "nvd.json").write_text(json.dumps({"format": "NVD_CVE", "version": "2.0", "vulnerabilities": nvd}))
    (place / "README").write_text("nothing of use")
    return place


def bill(*, new: bool) -> list[Component]:
    at = 3 if new else 2
    rows = [Component(row[1], row[at], row[0]) for row in OLD]
    rows += [Component(row[1], row[at], "generic", inside=str(number)) for number, row in enumerate(NATIVE)]
    return [*rows, Component("prometheus_client", "0.22.0" if new else "0.9.0")]


def test_an_old_bill_shows_all_that_is_known_against_it(database: Path) -> None:
    found = find(database, bill(new=False))
    assert len({(hit.advisory, hit.component) for hit in found.hits}) == len(found.hits)
    expected = {f"OSV-{number}" for number in range(13)} | {f"CVE-2000-{number}" for number in (0, 1, 2, 3, 90, 91)}
    assert {hit.advisory for hit in found.hits} == expected | {"PSF-1"}
    assert len(expected | {"PSF-1"}) == 20
    weak = {hit.component for hit in found.hits}
    assert weak == set(bill(new=False))
    assert (found.read, found.skipped, found.newest[:10]) == (20, 1, "2026-02-01")
    fixed = {hit.advisory: hit.fixed for hit in found.hits}
    assert (fixed["OSV-0"], fixed["OSV-10"], fixed["CVE-2000-0"]) == ("41.0.2", "1.0.3+dfsg-1~deb12u1", "3.11.4")
    assert [hit.advisory for hit in found.hits if not hit.is_sure] == ["CVE-2000-91"]


def test_a_new_bill_shows_none(database: Path) -> None:
    new = [one for one in bill(new=True) if one.version != "3.0.9"]  # 1.1.1 is older than 3.0.9, and in its range
    assert [hit for hit in find(database, new).hits if hit.component.version != "1.1.1u"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"withdrawn": "2026-01-01T00:00:00Z"},
        {"affected": []},
        {"affected": [{"package": {"ecosystem": "npm", "name": "click"}, "versions": ["8.0.0"]}]},
        {"affected": [{"package": {"ecosystem": "PyPI", "name": "click"},
                       "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}]},
    ],
)  # fmt: skip
def test_what_is_not_meant_is_not_found(more: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(osv(1, "PyPI", "click", "9", **more)))
    assert find(tmp_path, [Component("click", "8.0.0")]).hits == []


@pytest.mark.parametrize(
    ("version", "is_hit"), [("1.0", False), ("1.1", True), ("1.4", True), ("1.5", False), ("2.0", True), ("2.1", True), ("2.2", False)]
)  # fmt: skip
def test_ranges_begin_and_end(version: str, is_hit: bool, tmp_path: Path) -> None:
    events = [{"introduced": "1.1"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"last_affected": "2.1"}]
    affected = [{"package": {"ecosystem": "PyPI", "name": "x"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    (tmp_path / "a.json").write_text(json.dumps([{"id": "A", "affected": affected}]))
    assert bool(find(tmp_path / "a.json", [Component("x", version)]).hits) is is_hit


@pytest.mark.parametrize(
    "octets", [b"", b"{}", b"null", b"[" * 100_000, b'{"id": 1}', b"\xff\xfe", b'{"vulnerabilities": 1}', b'{"id":"A","affected":{}}']
)  # fmt: skip
def test_what_is_no_advisory_is_said(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(octets)
    with pytest.raises(Unreadable, match="holds no advisory"):
        find(tmp_path / "a.json", [])


def test_rejected_ones_do_not_count(tmp_path: Path) -> None:
    row = cve(1, "sqlite", "sqlite")
    row["cve"]["vulnStatus"] = "Rejected"  # type: ignore[index] # it is a dict
    (tmp_path / "a.json").write_text(json.dumps({"vulnerabilities": [row]}))
    assert find(tmp_path, [Component("sqlite", "3.40.1", "generic")]).hits == []
