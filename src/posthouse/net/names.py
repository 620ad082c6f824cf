"""Names of sockets of this machine. Apart from ``net.local``, so that a command need not import an event loop."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_PATH_OCTETS = 100
"""A socket's name has room for 107; longer ones are reached through their directory."""


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name for ``path`` that fits into a socket address."""
    if len(os.fsencode(path)) <= MAX_PATH_OCTETS or not path.parent.is_dir():
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
