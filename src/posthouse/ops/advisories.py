"""Advisories about weaknesses, read off line: OSV and NVD 2.0 (essay C1, O08).

One JSON document, a zip archive of them, or a directory of either, as they are
offered for download. They are data of others: sizes are bounded, unknown fields
are skipped, and a document that is neither is counted and left out.
"""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from posthouse.ops.components import Component, normalize
from posthouse.ops.versions import sort_key

DOCUMENT_OCTETS = 512 * 1024 * 1024
"""A year of NVD takes 150 MiB."""
TOTAL_OCTETS = 4 * 1024 * 1024 * 1024
DOCUMENTS = 500_000
SUMMARY_LETTERS = 200
VENDORS = {
    "python": {"python", "python_software_foundation"},
    "openssl": {"openssl"},
    "sqlite": {"sqlite"},
    "cryptography": {"cryptography.io", "cryptography_project"},
    "click": {"palletsprojects"},
    "dnspython": {"dnspython"},
    "idna": {"idna_project", "kjd"},
    "pydantic": {"pydantic", "pydantic_project"},
    "rich": {"textualize"},
    "uvloop": {"magic"},
    "asyncpg": {"magic"},
}
"""Who stands for a product in NVD's names: the name alone may be somebody else's."""


class Unreadable(Exception):
    """There is nothing of use in the file; ``str()`` is for the operator."""


class Event(msgspec.Struct):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class Range(msgspec.Struct):
    type: str = ""
    events: list[Event] = []


class Package(msgspec.Struct):
    name: str = ""
    ecosystem: str = ""


class Affected(msgspec.Struct):
    package: Package = msgspec.field(default_factory=Package)
    ranges: list[Range] = []
    versions: list[str] = []


class Osv(msgspec.Struct):
    """https://ossf.github.io/osv-schema/, as far as it is of use here."""

    id: str
    modified: str = ""
    summary: str = ""
    details: str = ""
    aliases: list[str] = []
    withdrawn: str | None = None
    affected: list[Affected] = []


class CpeMatch(msgspec.Struct, rename="camel"):
    criteria: str
    vulnerable: bool = True
    version_start_including: str | None = None
    version_start_excluding: str | None = None
    version_end_including: str | None = None
    version_end_excluding: str | None = None


class Node(msgspec.Struct, rename="camel"):
    cpe_match: list[CpeMatch] = []
    negate: bool = False


class Applicability(msgspec.Struct):
    nodes: list[Node] = []


class Text(msgspec.Struct):
    lang: str = ""
    value: str = ""


class Cve(msgspec.Struct, rename="camel"):
    id: str
    vuln_status: str = ""
    last_modified: str = ""
    descriptions: list[Text] = []
    configurations: list[Applicability] = []


class Vulnerability(msgspec.Struct):
    cve: Cve


class Nvd(msgspec.Struct):
    """The answer of NVD's API 2.0, and its yearly files."""

    vulnerabilities: list[Vulnerability]


class Hit(msgspec.Struct, frozen=True):
    """``component`` is weak, by ``advisory``. ``is_sure`` is False where only the name fits."""

    advisory: str
    aliases: tuple[str, ...]
    component: Component
    fixed: str
    summary: str
    is_sure: bool = True


class Findings(msgspec.Struct):
    hits: list[Hit] = []
    read: int = 0
    """How many advisories."""
    skipped: int = 0
    """How many documents were none."""
    newest: str = ""
    """When the latest of them was changed, as they say themselves."""


def find(path: Path, components: Iterable[Component]) -> Findings:
    """What ``path`` says against ``components``. Raises ``Unreadable`` and ``OSError``."""
    by_name: dict[str, list[Component]] = {}
    for one in components:
        by_name.setdefault(normalize(one.name), []).append(one)
    found = Findings(hits=[])
    for document in _documents(path):
        if not _look(document, by_name, found):
            found.skipped += 1
    if not found.read:
        raise Unreadable(f"{path} holds no advisory: OSV or NVD 2.0 JSON is expected, as it is or in a zip archive")
    found.hits.sort(key=lambda hit: (hit.component.name, hit.advisory))
    return found


def _documents(path: Path) -> Iterator[bytes]:
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    total = 0
    for number, document in enumerate(piece for file in files for piece in _of_file(file)):
        total += len(document)
        if number >= DOCUMENTS or total > TOTAL_OCTETS:
            raise Unreadable(f"{path} holds more than {DOCUMENTS} documents or {TOTAL_OCTETS >> 30} GiB")
        yield document


def _of_file(file: Path) -> Iterator[bytes]:
    if not zipfile.is_zipfile(file):
        if file.stat().st_size > DOCUMENT_OCTETS:
            raise Unreadable(f"{file} is larger than {DOCUMENT_OCTETS >> 20} MiB")
        yield file.read_bytes()
        return
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or not entry.filename.endswith(".json"):
                continue
            with archive.open(entry) as inside:
                octets = inside.read(DOCUMENT_OCTETS + 1)
            if len(octets) > DOCUMENT_OCTETS:
                raise Unreadable(f"{entry.filename} in {file} is larger than {DOCUMENT_OCTETS >> 20} MiB")
            yield octets


_osv = msgspec.json.Decoder(Osv)
_osv_list = msgspec.json.Decoder(list[Osv])
_nvd = msgspec.json.Decoder(Nvd)


def _look(document: bytes, by_name: dict[str, list[Component]], found: Findings) -> bool:
    """Whether it was an advisory, or many."""
    with suppress(msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        for cve in _nvd.decode(document).vulnerabilities:
            _note(found, cve.cve.last_modified)
            found.hits += _of_cve(cve.cve, by_name)
        return True
    for decode in (lambda octets: [_osv.decode(octets)], _osv_list.decode):
        with suppress(msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            for osv in decode(document):
                _note(found, osv.modified)
                found.hits += _of_osv(osv, by_name)
            return True
    return False


def _note(found: Findings, modified: str) -> None:
    found.read += 1
    found.newest = max(found.newest, modified[:32])


# -- OSV


def _of_osv(osv: Osv, by_name: dict[str, list[Component]]) -> Iterator[Hit]:
    if osv.withdrawn:
        return
    summary = (osv.summary or osv.details)[:SUMMARY_LETTERS]
    for affected in osv.affected:
        name = normalize(affected.package.name)
        name = "python" if name == "cpython" else name
        for one in by_name.get(name, ()):
            if _same_registry(one.ecosystem, affected.package.ecosystem) and _is_affected(one, affected):
                events = [event for part in affected.ranges for event in part.events]
                fixed = _fixed_by([event.fixed for event in events if event.fixed], one)
                yield Hit(osv.id, tuple(osv.aliases[:8]), one, fixed, " ".join(summary.split()))
                break


def _same_registry(ours: str, theirs: str) -> bool:
    """``Debian`` means every release; what no registry has, is also in those that only collect."""
    kind, _, _ = theirs.partition(":")
    return ours == theirs or ours.partition(":")[0] == theirs or (ours == "generic" and kind not in {"PyPI", "Debian"})


def _is_affected(component: Component, affected: Affected) -> bool:
    if component.version in affected.versions or "v" + component.version in affected.versions:
        return True
    return any(_in_range(component, part.events) for part in affected.ranges if part.type != "GIT")


def _in_range(component: Component, events: list[Event]) -> bool:
    """The algorithm of the OSV schema: the last event at or before the version decides."""

    def key(version: str) -> object:
        return sort_key(version, component.ecosystem)

    mine = sort_key(component.version, component.ecosystem)
    is_in = False
    for event in sorted(events, key=lambda one: (_where(one) != "0", key(_where(one)))):
        if event.introduced is not None:
            is_in = is_in or event.introduced == "0" or mine >= key(event.introduced)
        elif event.fixed is not None:
            is_in = is_in and mine < key(event.fixed)
        elif event.last_affected is not None:
            is_in = is_in and mine <= key(event.last_affected)
    return is_in


def _where(event: Event) -> str:
    return event.introduced or event.fixed or event.last_affected or "0"


def _fixed_by(versions: list[str], component: Component) -> str:
    """The earliest of ``versions`` that is later than what runs."""
    mine = sort_key(component.version, component.ecosystem)
    later = [version for version in versions if sort_key(version, component.ecosystem) > mine]
    return min(later, key=lambda version: sort_key(version, component.ecosystem), default="")


# -- NVD


def _of_cve(cve: Cve, by_name: dict[str, list[Component]]) -> Iterator[Hit]:
    if cve.vuln_status == "Rejected":
        return
    hit: set[Component] = set()
    summary = next((text.value for text in cve.descriptions if text.lang == "en"), "")[:SUMMARY_LETTERS]
    for match in _matches(cve):
        words = match.criteria.split(":")
        if len(words) < 11 or words[2] != "a":
            continue
        vendor, product, version, target = words[3], normalize(words[4]), words[5], words[10]
        for one in by_name.get(product, ()):
            is_sure = vendor in VENDORS.get(product, ())
            if one not in hit and (is_sure or target == "python") and _is_in(one, match, version):
                hit.add(one)
                yield Hit(cve.id, (), one, match.version_end_excluding or "", " ".join(summary.split()), is_sure)


def _matches(cve: Cve) -> Iterator[CpeMatch]:
    for configuration in cve.configurations:
        for node in configuration.nodes:
            if not node.negate:
                yield from (match for match in node.cpe_match if match.vulnerable)


def _is_in(component: Component, match: CpeMatch, version: str) -> bool:
    ecosystem = component.ecosystem

    def key(text: str) -> object:
        return sort_key(text.replace("\\", ""), ecosystem)

    mine = sort_key(component.version, ecosystem)
    if version not in {"*", "-"}:
        return bool(mine == key(version))
    bounds = (
        match.version_start_including is None or mine >= key(match.version_start_including),
        match.version_start_excluding is None or mine > key(match.version_start_excluding),
        match.version_end_including is None or mine <= key(match.version_end_including),
        match.version_end_excluding is None or mine < key(match.version_end_excluding),
    )
    return all(bounds)
