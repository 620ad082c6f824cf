"""H1 to H7: what must hold beside every attack. Judged from numbers; nothing is measured here."""

from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.drill.cage import Songs, percentile
from posthouse.drill.ledger import Audit
from posthouse.drill.verdict import Assertion, Kind
from posthouse.drill.vitals import MIB, Strain, Vitals

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
PRESSED = 0.5
"""Somebody on the machine waited for a processor, or for a disk, during that share of the time."""
LATE = ("H1", "H2 memory after", "H3")
"""What a busy machine can bring about by itself, beside H7, of which we know who was waited for."""


UNREAD = "could not be read"


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
    strain: Sequence[Strain] = ()
    """From before the attack until after it."""


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
    busy = busyness(seen)
    kept, noise = [], ""
    for one in found:
        if one.name[:2] in excused:
            continue
        late = _why_late(one, seen, busy) if not one.ok else ""
        if late:
            noise = f"the machine was too busy to judge {one.name} ({one.observed}): {late}"
        else:
            kept.append(one)
    return Findings(tuple(kept), noise)


def busyness(seen: Seen) -> str:
    """What kept the machine from doing what the server asked of it; nothing when it was free enough."""
    if seen.songs.own_p99 > NOISY:
        return f"our own canary woke {seen.songs.own_p99:.2f} s late"
    if len(seen.strain) < 2:
        return ""
    first, last = seen.strain[0], seen.strain[-1]
    for told, share in (
        ("a processor", (last.cpu - first.cpu) / max(0.001, last.at - first.at)),
        ("a disk", (last.disk - first.disk) / max(0.001, last.at - first.at)),
    ):
        if share > PRESSED:
            return f"somebody waited for {told} during {min(1.0, share):.0%} of the time"
    return ""


def _why_late(failed: Assertion, seen: Seen, busy: str) -> str:
    """Why this may be the machine's doing and not the server's; nothing if it is the server's."""
    if failed.name.startswith(LATE) or failed.observed == UNREAD:
        return busy
    if failed.name.startswith("H7"):
        limit = lag_limit(seen)
        own = percentile([server_share(one, seen.strain) for one in seen.songs.probes], 0.99)
        if seen.songs.probes and own <= limit:
            return f"without waiting for a processor it would have been {own:.3f} s"
        return busy if not seen.songs.probes or seen.songs.own_p99 > NOISY else ""
    return ""


def server_share(probe: tuple[float, float, float], strain: Sequence[Strain]) -> float:
    """How long of a wait nobody waited for a processor, neither the canary nor the server's loop."""
    at, seconds, waited = probe
    before = [one for one in strain if one.at <= at] or strain[:1]
    after = [one for one in strain if one.at >= at + seconds] or strain[-1:]
    queue = after[0].queued - before[-1].queued if before and after else 0.0
    return max(0.0, seconds - waited - queue)


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
        return [_holds("H5 ledger", "exact", UNREAD, not seen.alive)] if seen.alive else []
    return [_holds("H5 ledger", "exact", str(seen.audit), seen.audit.exact)]


def _visible(seen: Seen) -> list[Assertion]:
    if not seen.sources:
        return []
    named = sum(f'"{source}"' in seen.journal or f"={source}" in seen.journal for source in seen.sources)
    told = f"{named} of {len(seen.sources)} sources"
    return [_holds("H6 sources named in the journal", "some", told, named > 0, Kind.REMARK)]


def lag_limit(seen: Seen) -> float:
    """What a NOOP may take: so much, or a multiple of what it took here in peace."""
    return max(LAG, SLOWER * seen.idle.probe_p99)


def _lag(seen: Seen) -> list[Assertion]:
    limit, lag = lag_limit(seen), seen.songs.probe_p99
    return [_holds("H7 wait for a NOOP", f"p99 {limit:.2f} s", f"{lag:.3f} s", lag <= limit)]


def _mib(octets: int) -> str:
    return f"{octets / MIB:.1f} MiB more"
