"""The oldest versions that we start with, and the oldest that we start with in silence: the one place for both.

A distribution may have mended an old version without a new number, so an old
one is refused only where it loses mail or cannot be had mended; else it is a
warning in the log. What is known beyond that, ``posthouse vulns`` finds.
"""

import platform
import ssl
from dataclasses import dataclass

import apsw

from posthouse.ops.versions import sort_key


class TooOld(OSError):
    """We would lose mail with it; ``str()`` says what is needed."""


@dataclass(frozen=True, slots=True)
class Floor:
    """``refused``: older ones are not started with. ``mended``: the first good one of each living branch."""

    name: str
    refused: str
    why: str
    mended: tuple[str, ...] = ()


FLOORS = (
    Floor("Python", "3.11.0", "older ones lack what we are written in", ("3.11.14", "3.12.12", "3.13.8", "3.14.0")),
    Floor(
        "OpenSSL",
        "1.1.1",
        "older ones have no TLS 1.3",
        ("3.0.18", "3.2.6", "3.3.5", "3.4.3", "3.5.4"),  # CVE-2025-9230
    ),
    Floor("SQLite", "3.51.3", "older ones can corrupt a write-ahead log when it begins anew", ("3.51.3",)),
)


def versions() -> dict[str, str]:
    """What we run on."""
    return {
        "Python": platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
        "SQLite": apsw.sqlite_lib_version(),
    }


def check_floors(found: dict[str, str]) -> list[str]:
    """What is old, in words for the log. Raises ``TooOld``."""
    old = []
    for floor in FLOORS:
        mine = found[floor.name]
        if sort_key(mine) < sort_key(floor.refused):
            raise TooOld(f"{floor.name} {mine} is too old: {floor.why}; {floor.refused} or later is needed")
        if wanted := _mended(floor, mine):
            old.append(f"{floor.name} {mine} is older than {wanted}, which mends what is known")
    return old


def _mended(floor: Floor, mine: str) -> str:
    """The first good one of ``mine``'s branch, if that is later; of the next branch, if nobody mends ours any more."""
    later = [one for one in floor.mended if _branch(one) >= _branch(mine)]
    return later[0] if later and sort_key(mine) < sort_key(later[0]) else ""


def _branch(version: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, piece)) or 0) for piece in version.split(".")[:2])
