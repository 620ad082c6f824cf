"""Memory given back: glibc keeps large blocks once it has seen them freed, and a password hash takes 19 MiB."""

import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
LARGE_OCTETS = 512 * 1024
ARENAS = 2


def give_back_large_blocks() -> None:
    """Blocks over ``LARGE_OCTETS`` go back to the system when they are freed. Nothing happens without glibc."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGE_OCTETS)
        mallopt(M_ARENA_MAX, ARENAS)


def give_back_free_pages() -> None:
    """What a burst of connections has left behind in pieces goes back too (threat invariant H2)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
