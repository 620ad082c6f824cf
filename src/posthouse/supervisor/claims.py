"""Whose files these are, where several processes share a directory, of one machine or of several containers.

A process holds a lock as long as it lives, which the kernel lets go of however
it ends. Its number says nothing: two containers have the same, and one does not
see the processes of the other.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"


def own_directory(parent: Path) -> Path:
    """A name in ``parent`` that no other living process uses; what dead ones left there goes."""
    for lock in _locks(parent):
        with _dead(lock) as is_dead:
            if is_dead:
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)
    for left in _left_by_number(parent):
        shutil.rmtree(left, ignore_errors=True)
    return _claim(parent, "").with_suffix("")


def dead_nodes(parent: Path) -> list[str]:
    """The names of those that signed on in ``parent`` and live no more."""
    names = []
    for lock in _locks(parent):
        with _dead(lock) as is_dead, suppress(FileNotFoundError):  # another worker has seen to it in this moment
            if is_dead:
                names.append(lock.read_text("utf-8", "replace"))
    return names


def sign_on(parent: Path, name: str) -> None:
    """We serve as ``name`` from now on; the dead have been seen to."""
    for lock in _locks(parent):
        with _dead(lock) as is_dead:
            if is_dead:
                lock.unlink(missing_ok=True)
    _claim(parent, name)


def _locks(parent: Path) -> list[Path]:
    return sorted(parent.glob(f"*{LOCK}"))


def _left_by_number(parent: Path) -> list[Path]:
    """What an earlier release left, by the number of a process that is gone or ours."""
    found = parent.iterdir() if parent.is_dir() else ()
    ours = str(os.getpid())
    return [one for one in found if one.name.isdecimal() and (one.name == ours or not Path("/proc", one.name).exists())]


@contextmanager
def _dead(lock: Path) -> Iterator[bool]:
    """Whether nobody holds it; it is held meanwhile."""
    descriptor = _take(lock)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _claim(parent: Path, text: str) -> Path:
    """A lock of ours, held to the end of the process. Raises ``OSError`` where nothing can be written."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        lock = parent / f"{os.getpid()}-{secrets.token_hex(6)}{LOCK}"
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if _is_held(descriptor, lock):
            os.write(descriptor, text.encode())
            return lock
        os.close(descriptor)  # somebody took it for a dead one's before it was locked


def _take(lock: Path) -> int | None:
    """The descriptor that holds it; None if somebody else does, or it has gone meanwhile."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    if _is_held(descriptor, lock):
        return descriptor
    os.close(descriptor)
    return None


def _is_held(descriptor: int, lock: Path) -> bool:
    """Whether we hold it now, and it is still the one of that name."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    return False
