"""Who else may look: the store is ours alone, and a private key nobody else's (threats O01, O06, O07)."""

import os
import stat
from pathlib import Path


class TooOpen(OSError):
    """Others may read what only we should; ``str()`` says what to do about it."""


def close_store(directory: Path) -> bool:
    """Make sure that nobody else gets into ``directory``; True if that had to be changed. Raises ``TooOpen``.

    Ours is closed at once. Somebody else's that is open cannot be closed by us, and he could open it again.
    """
    found = directory.stat()
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        raise TooOpen(f"{directory} is not a directory")
    if not mode & 0o077:
        return False
    if os.geteuid() not in {0, found.st_uid}:
        raise TooOpen(
            f"{directory} is open to others (mode {mode:04o}) and not ours: "
            f"chown {os.geteuid()} {directory}; chmod 700 {directory}"
        )
    directory.chmod(0o700)
    return True


def check_key(file: Path) -> None:
    """A private key that all can read, or that others can replace, is none. A group may read it. Raises ``TooOpen``."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o027:
        raise TooOpen(f"{file} may be read or changed by others (mode {mode:04o}): chmod 640 {file}, or 600")
