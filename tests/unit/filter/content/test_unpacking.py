"""Archives within bounds: each bound is the one it says."""

import gzip
import os

import pytest

from posthouse.filter.content.finding import Findings, Kind
from posthouse.filter.content.unpacking import Bounds, Budget, Excess, Member, unpack
from posthouse.testing.carriers import rar5, seven, tarred, tnef, zipped

MIB = 1024 * 1024
FILES = {"a.txt": b"one", "b/c.txt": b"two" * 100}
KINDS = {"zip": zipped, "tar": tarred, "rar": rar5, "7z": seven, "winmail.dat": tnef}


def opened(kind: str, octets: bytes, bounds: Bounds | None = None) -> tuple[list[Member], Findings]:
    found = Findings({})
    return list(unpack(kind, octets, "x", Budget(bounds or Bounds()), found, "")), found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_back_its_files(kind: str) -> None:
    members, found = opened(kind, KINDS[kind](FILES))
    assert {member.name: member.octets for member in members} == FILES
    assert not found.all


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_files_as_are_allowed_and_not_one_more(kind: str) -> None:
    archive = KINDS[kind](FILES)
    assert len(opened(kind, archive, Bounds(entries=2))[0]) == 2
    with pytest.raises(Excess, match="more than 1 files"):
        opened(kind, archive, Bounds(entries=1))


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_octets_as_are_allowed_and_not_one_more(kind: str) -> None:
    archive = KINDS[kind](FILES)
    opened(kind, archive, Bounds(octets=303))
    with pytest.raises(Excess, match="more than 302 octets"):
        opened(kind, archive, Bounds(octets=302))


def test_the_ratio_counts_only_beyond_a_mebibyte() -> None:
    opened("gzip", gzip.compress(bytes(MIB)))
    with pytest.raises(Excess, match="100 times"):
        opened("gzip", gzip.compress(bytes(2 * MIB)))
    opened("gzip", gzip.compress(os.urandom(2 * MIB)))


@pytest.mark.parametrize("kind", KINDS)
def test_half_an_archive_is_unscannable_or_what_is_there(kind: str) -> None:
    archive = KINDS[kind]({"a.txt": os.urandom(5000)})
    members, found = opened(kind, archive[: len(archive) // 2])
    assert found.has(Kind.UNSCANNABLE) or [len(member.octets or b"") for member in members] != [5000]


def test_a_kind_that_nobody_knows_is_opaque() -> None:
    members, found = opened("arj", b"\x60\xea")
    assert not members
    assert found.has(Kind.OPAQUE)
