"""A list of stolen passwords in a file, as Have I Been Pwned gives it: sorted lines of ``SHA-1:count``, 40 GB or less.

Looked up by halving: some forty short reads, and nothing of it is kept in
memory. Lines may be cut to the first digits of the hash (16 or more), which
makes a list of a few thousand megabytes.
"""

import os
import re
from pathlib import Path

from posthouse.admd.passwords import IsBreached
from posthouse.observe.ports import Journal, Level

LINE_OCTETS = 128
LEAST_DIGITS = 16
_LINE = re.compile(rb"([0-9A-F]{%d,40})(?::[0-9]{1,12})?\r?\n" % LEAST_DIGITS)


class BreachedList:
    """The file at ``path``. Raises ``OSError``, or ``ValueError`` if it is no such list."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            first = file.readline(LINE_OCTETS)
        if _LINE.fullmatch(first) is None:
            raise ValueError(f"{path} does not begin with a line of the form SHA1:COUNT, in capital letters")

    def __call__(self, key: str) -> bool:
        """Whether ``key`` (40 digits) is in it. Raises ``OSError``."""
        wanted = key.encode("ascii")
        file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            low, high = 0, os.fstat(file).st_size
            while low < high:
                middle = (low + high) // 2
                start, line = _line_at(file, middle)
                if start >= high or not line:
                    high = middle
                    continue
                if wanted.startswith(line):
                    return True
                if line < wanted:
                    low = start + 1
                else:
                    high = middle
            return False
        finally:
            os.close(file)


def _line_at(file: int, offset: int) -> tuple[int, bytes]:
    """The first line that begins at ``offset`` or later: where, and the hash in it."""
    before = max(0, offset - 1)
    octets = os.pread(file, 2 * LINE_OCTETS, before)
    if offset > 0:
        newline = octets.find(b"\n")
        if newline < 0:
            return before + len(octets), b""
        start = newline + 1
    else:
        start = 0
    end = octets.find(b"\n", start)
    line = octets[start : end if end >= 0 else len(octets)]
    return before + start, line.split(b":")[0].strip()


def read_breached(path: Path | None, journal: Journal) -> IsBreached | None:
    """Asks the list at ``path``; one that cannot be read raises an alarm and says no."""
    if path is None:
        return None
    try:
        found = BreachedList(path)
    except (OSError, ValueError) as error:
        journal.note("passwords.breached-unreadable", Level.ALARM, path=str(path), reason=str(error))
        return None

    def ask(key: str) -> bool:
        try:
            return found(key)
        except OSError as error:
            journal.note("passwords.breached-unreadable", Level.ALARM, path=str(path), reason=str(error))
            return False

    return ask
