"""Ports that nobody uses just now."""

import random
import socket

from localserver import of_this_worker


def free_base(count: int, addresses: tuple[str, ...] = ("127.0.0.1", "127.0.77.1", "127.0.77.2", "127.0.77.3")) -> int:
    """The first of ``count`` ports in a row that are free on all of ``addresses``."""
    bases = of_this_worker(range(15000, 21000, 20))  # beside those of ``localserver``
    for base in random.sample(bases, len(bases)):
        if all(_is_free(address, base + offset) for offset in range(count) for address in addresses):
            return base
    raise AssertionError("no free ports")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
