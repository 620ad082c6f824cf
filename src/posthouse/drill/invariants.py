"""H1 to H7: what must hold beside every attack. Judged from numbers; nothing is measured here."""

from dataclasses import dataclass

from posthouse.drill.cage import Songs
from posthouse.drill.ledger import Audit
from posthouse.drill.verdict import Assertion, Kind
from posthouse.drill.vitals import MIB, Vitals

TITLES = {
    "H1": "the canary is served",
    "H2": "memory stays bounded and comes back",
    "H3": "files and sockets come back",
    "H4": "no crash, no traceback",
    "H5": "acknowledged mail is there once, unchanged",
    "H6": "the attack can be seen in the journal",
    "H7": "the loop lets others have their turn",
}
SHARE = 0.99
SLOWEST = 2.0
SLOWER = 5.0
LEFT_OCTETS = 16 * MIB
LEFT_FILES = 5
LAG = 0.25
NOISY = 0.1
"""Our own canary woke so late: then the machine is busy, and lateness says nothing about the server."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was measured beside one attack."""

    before: Vitals
    peak: int
    after: Vitals | None
    alive: bool
    songs: Songs
    idle: Songs
    audit: Audit | None
    journal: str
    sources: frozenset[str]
    memory: int


@dataclass(frozen=True, slots=True)
class Findings:
    """``noise`` says why what was measured proves nothing, if so."""

    assertions: tuple[Assertion, ...]
    noise: str = ""


def examine(seen: Seen, excused: frozenset[str] = frozenset()) -> Findings:
    """All seven, but for those that the attack is excused from."""
    found = [
        *_canary(seen), *_memory(seen), *_files(seen), *_crash(seen), *_ledger(seen), *_visible(seen), *_lag(seen)
    ]  # fmt: skip
    noisy = seen.songs.own_p99 > NOISY
    kept, noise = [], ""
    for one in found:
        code = one.name[:2]
        if code in excused:
            continue
        if not one.ok and noisy and one.name.startswith(("H1 time", "H7")):
            noise = (
                f"the machine was too busy to judge {one.name} (our own canary woke {seen.songs.own_p99:.2f} s late)"
            )
            continue
        kept.append(one)
    return Findings(tuple(kept), noise)


def _holds(name: str, expected: str, observed: str, ok: bool, kind: Kind = Kind.INVARIANT) -> Assertion:
    return Assertion(name, kind, expected, observed, ok)


def _canary(seen: Seen) -> list[Assertion]:
    songs, slowest = seen.songs, max(SLOWEST, SLOWER * seen.idle.p99)
    told = f"{songs.good} of {songs.sung}" + (f" ({songs.complaints[0]})" if songs.complaints else "")
    return [
        _holds("H1 share of honest mail served", f"at least {SHARE:.0%}", told, songs.share >= SHARE),
        _holds("H1 time of honest mail", f"p99 {slowest:.1f} s", f"{songs.p99:.2f} s", songs.p99 <= slowest),
    ]


def _memory(seen: Seen) -> list[Assertion]:
    grown = seen.peak - seen.before.resident
    found = [_holds("H2 memory under attack", f"{seen.memory // MIB} MiB more", _mib(grown), grown <= seen.memory)]
    if seen.after is not None:
        left = seen.after.own - seen.before.own  # a pool of workers that was started meanwhile stays, and may
        found.append(_holds("H2 memory after it", f"{LEFT_OCTETS // MIB} MiB more", _mib(left), left <= LEFT_OCTETS))
    return found


def _files(seen: Seen) -> list[Assertion]:
    if seen.after is None:
        return []
    left = seen.after.files - seen.before.files
    return [_holds("H3 open files after it", f"{LEFT_FILES} more", f"{left} more", left <= LEFT_FILES)]


def _crash(seen: Seen) -> list[Assertion]:
    tracebacks = seen.journal.count("Traceback (most recent call last)")
    return [
        _holds("H4 the process lives", "yes", "yes" if seen.alive else "no", seen.alive),
        _holds("H4 tracebacks in the journal", "0", str(tracebacks), not tracebacks),
    ]


def _ledger(seen: Seen) -> list[Assertion]:
    if seen.audit is None:
        return [_holds("H5 ledger", "exact", "could not be read", not seen.alive)] if seen.alive else []
    return [_holds("H5 ledger", "exact", str(seen.audit), seen.audit.exact)]


def _visible(seen: Seen) -> list[Assertion]:
    if not seen.sources:
        return []
    named = sum(f'"{source}"' in seen.journal or f"={source}" in seen.journal for source in seen.sources)
    told = f"{named} of {len(seen.sources)} sources"
    return [_holds("H6 sources named in the journal", "some", told, named > 0, Kind.REMARK)]


def _lag(seen: Seen) -> list[Assertion]:
    limit = max(LAG, SLOWER * seen.idle.probe_p99)
    return [
        _holds(
            "H7 wait for a NOOP", f"p99 {limit:.2f} s", f"{seen.songs.probe_p99:.3f} s", seen.songs.probe_p99 <= limit
        )
    ]


def _mib(octets: int) -> str:
    return f"{octets / MIB:.1f} MiB more"
