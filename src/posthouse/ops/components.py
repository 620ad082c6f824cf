"""What runs: our own package, what it requires, Python, and the libraries that are inside (essay C1, O08)."""

import importlib.metadata
import platform
import re
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

OURSELVES = "posthouse"
DPKG_STATUS = Path("/var/lib/dpkg/status")
DPKG_OCTETS = 64 * 1024 * 1024
NEIGHBOURS = frozenset({
    "clamav-daemon", "clamav-base", "rspamd", "opendkim", "opendmarc", "c-icap", "postgresql-15", "postgresql-16",
    "postgresql-17", "patroni", "etcd-server", "libssl3", "libsqlite3-0", "libc6", "systemd",
})  # fmt: skip
"""Debian packages of what we talk to, or stand on."""


class Component(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that runs. ``ecosystem`` is OSV's word, or ``generic`` for what no registry has."""

    name: str
    version: str
    ecosystem: str = "PyPI"
    licence: str = ""
    inside: str = ""
    """The package that brings it along."""

    @property
    def purl(self) -> str:
        """Its package URL."""
        kind, _, distribution = self.ecosystem.lower().partition(":")
        if kind == "debian":
            return f"pkg:deb/debian/{self.name}@{self.version}" + (f"?distro={distribution}" if distribution else "")
        return f"pkg:{kind}/{normalize(self.name)}@{self.version}"


def normalize(name: str) -> str:
    """PEP 503: the one way to write the name of a package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def list_components(root: str = OURSELVES, *, debian: bool = False) -> list[Component]:
    """All that this process could load for the server, sorted; with ``debian`` packages of its neighbours too."""
    found = {normalize(name): _of_package(name) for name in required(root)}
    return [*sorted(found.values(), key=lambda one: one.name.lower()), *_native(), *(_debian() if debian else ())]


def required(root: str) -> Iterator[str]:
    """``root`` and what it requires, and so on, as far as it is installed; extras count where they are."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - only these commands need it

    waiting, seen = [(root, "")], set()
    while waiting:
        name, extra = waiting.pop()
        if (normalize(name), extra) in seen:
            continue
        seen.add((normalize(name), extra))
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if not extra:
            yield package.metadata["Name"]
        extras = package.metadata.get_all("Provides-Extra") or [] if name == root else [extra]
        for text in package.requires or ():
            requirement = Requirement(text)
            if _applies(requirement.marker, ["", *extras]):
                waiting += [(requirement.name, one) for one in ("", *requirement.extras)]


def _applies(marker: object, extras: Sequence[str]) -> bool:
    from packaging.markers import Marker  # noqa: PLC0415 - see above

    return not isinstance(marker, Marker) or any(marker.evaluate({"extra": extra}) for extra in extras)


def _of_package(name: str) -> Component:
    meta = importlib.metadata.metadata(name)
    licence = next((meta[key] for key in ("License-Expression", "License") if key in meta), "")
    return Component(meta["Name"], meta["Version"], licence=licence if len(licence) < 80 else "")


def _native() -> Iterator[Component]:
    yield Component("python", platform.python_version(), "generic")
    yield Component("openssl", ".".join(ssl.OPENSSL_VERSION.split()[1:2]), "generic", inside="python")
    try:
        from cryptography.hazmat.backends.openssl.backend import backend  # noqa: PLC0415 - slow to load

        yield Component("openssl", backend.openssl_version_text().split()[1], "generic", inside="cryptography")
    except ImportError:  # pragma: no cover - it is required
        pass
    import apsw  # noqa: PLC0415 - slow to load

    yield Component("sqlite", apsw.sqlite_lib_version(), "generic", inside="apsw")


def _debian(status: Path = DPKG_STATUS, release: Path = Path("/etc/os-release")) -> Iterator[Component]:
    """What is installed of ``NEIGHBOURS``, by dpkg's own list."""
    try:
        with status.open("r", encoding="utf-8", errors="replace") as file:
            text = file.read(DPKG_OCTETS)
        major = re.search(r'^VERSION_ID="?(\d+)', release.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Package") in NEIGHBOURS and fields.get("Status", "").endswith(" installed"):
            source = fields.get("Source", fields["Package"]).split()[0]
            ecosystem = f"Debian:{major[1]}" if major else "Debian"
            yield Component(source, fields["Version"], ecosystem, inside=fields["Package"])
