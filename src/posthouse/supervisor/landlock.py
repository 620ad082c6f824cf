"""Landlock: where the server may still write, and what it may no longer do beside (Linux 5.19 and later).

Reading stays a matter of the file's mode. Writing, making, renaming and
removing happen below the directories that hold mail; nothing can be executed;
no TCP port can be bound any more; no process outside can be sent a signal.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

CREATE, ADD_RULE, RESTRICT = 444, 445, 446
"""The same numbers on every machine that has come after 2011."""
FLAG_VERSION = 1
PATH_BENEATH = 1
NEEDS = 2
"""Version 1 forbids every rename from one directory to another, which the spool does."""

EXECUTE, WRITE_FILE, TRUNCATE = 1 << 0, 1 << 1, 1 << 14
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER = 1 << 13
WITHIN = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | REFER
"""What is done where mail is kept."""
NOWHERE = EXECUTE | MAKE_CHAR | MAKE_FIFO | MAKE_BLOCK | MAKE_SYM
BIND_TCP = 1
SCOPE_SIGNAL = 2
DEVICES = (Path("/dev/null"),)


def version(libc: ctypes.CDLL) -> int:
    """Of the kernel's landlock; 0 without."""
    return max(0, int(libc.syscall(CREATE, None, 0, FLAG_VERSION)))


def restrict_writing(libc: ctypes.CDLL, directories: Iterable[Path]) -> bool:
    """From now on, for this thread and all that it starts; False where the kernel cannot. Needs no_new_privs."""
    known = version(libc)
    if known < NEEDS:
        return False
    truncate = TRUNCATE if known >= 3 else 0
    attributes = struct.pack("=Q", WITHIN | NOWHERE | truncate)
    if known >= 4:
        attributes += struct.pack("=Q", BIND_TCP)
    if known >= 6:
        attributes += struct.pack("=Q", SCOPE_SIGNAL)
    ruleset = libc.syscall(CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        allowed = [(path, WITHIN | truncate) for path in directories]
        allowed += [(path, WRITE_FILE | truncate) for path in DEVICES]
        return all(_allow(libc, ruleset, *one) for one in allowed) and libc.syscall(RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> bool:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # what is not there is not written to either
    try:
        rule = struct.pack("=Qi", access, place)
        return bool(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0) == 0)
    finally:
        os.close(place)
