"""A file written past the page cache holds exactly what was given, in any pieces, on any file system."""

import errno
import fcntl
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.storage.direct import AREA_OCTETS, BLOCK_OCTETS, Areas, HashedFile

SIZES = st.sampled_from([0, 1, BLOCK_OCTETS - 1, BLOCK_OCTETS, BLOCK_OCTETS + 1, 70_000, AREA_OCTETS, AREA_OCTETS + 5])


def whole_file(path: Path, additions: list[list[bytes]]) -> tuple[bytes, str]:
    areas = Areas()
    file = HashedFile(path)
    for pieces in additions:
        with areas.borrow() as area:
            file.append(pieces, area)
    file.finish()
    os.close(file.descriptor)
    return path.read_bytes(), file.hexdigest()


@settings(max_examples=25)
@given(sizes=st.lists(st.lists(SIZES, max_size=3), min_size=1, max_size=4))
def test_any_pieces_make_the_same_file(tmp_path_factory: pytest.TempPathFactory, sizes: list[list[int]]) -> None:
    noise = os.urandom(2 * AREA_OCTETS)
    additions = [[noise[at : at + size] for at, size in enumerate(group)] for group in sizes]
    expected = b"".join(piece for group in additions for piece in group)
    content, digest = whole_file(tmp_path_factory.mktemp("direct") / "blob", additions)
    assert content == expected
    assert digest == hashlib.sha256(expected).hexdigest()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no file system in memory")
def test_a_file_system_without_direct_writes_gets_ordinary_ones() -> None:
    path = Path(f"/dev/shm/posthouse-direct-{os.getpid()}")
    try:
        content, _ = whole_file(path, [[b"x" * 70_001], [b"y" * 3]])
    finally:
        path.unlink()
    assert content == b"x" * 70_001 + b"yyy"


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"somebody else's")
    with pytest.raises(FileExistsError):
        HashedFile(path)
    assert path.read_bytes() == b"somebody else's"


def test_a_disk_that_wants_other_blocks_is_written_in_the_ordinary_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def particular(descriptor: int, octets: memoryview) -> int:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no such blocks here")
        return write(descriptor, octets)

    monkeypatch.setattr(os, "write", particular)
    content, _ = whole_file(tmp_path / "blob", [[b"a" * 10_000], [b"b" * 10_000]])
    assert content == b"a" * 10_000 + b"b" * 10_000
