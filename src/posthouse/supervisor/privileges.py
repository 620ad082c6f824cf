"""Privileges: ports are bound as root, everything else is done as somebody who may do little."""

import codecs
import ctypes
import grp
import importlib
import os
import pwd
import resource
from contextlib import suppress

from posthouse.standards.mime.charset import CODECS
from posthouse.supervisor.sandbox import drop_bounds

LATE_CODECS = CODECS | {"idna", "punycode"}
LATE_RECORDS = (
    "ANY.CNAME", "ANY.DNAME", "ANY.MX", "ANY.OPT", "ANY.PTR", "ANY.RRSIG", "ANY.SOA", "ANY.TLSA", "ANY.TXT",
    "IN.A", "IN.AAAA", "IN.SRV",
)  # fmt: skip
LATE_MODULES = (
    "zxcvbn", "dns.asyncresolver", "concurrent.futures.thread", *(f"dns.rdtypes.{name}" for name in LATE_RECORDS)
)  # fmt: skip
"""Imported only when first needed, like the codecs: once we may do little, we may not be able to read it any more."""


class Privileged(Exception):
    """We would run as root, or could become root again; ``str()`` says what to do about it."""


def is_root() -> bool:
    return os.geteuid() == 0


def find_user(user: str, group: str = "") -> tuple[int, int]:
    """The numbers of who we become. Raises ``Privileged``."""
    if not user:
        raise Privileged("started as root, but [privileges] user is not set: say who to become once ports are bound")
    try:
        entry = pwd.getpwnam(user)
        group_id = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    except KeyError as error:
        raise Privileged(f"[privileges]: {str(error).strip(chr(34))}") from error
    if entry.pw_uid == 0:
        raise Privileged("[privileges] user is root: choose somebody who may do little")
    return entry.pw_uid, group_id


def drop(user: str, group: str = "") -> None:
    """Become ``user`` for good, and make sure that there is no way back. Raises ``Privileged``."""
    user_id, group_id = find_user(user, group)
    load_what_is_late()
    drop_bounds(ctypes.CDLL(None))
    os.setgroups([group_id])
    os.setresgid(group_id, group_id, group_id)
    os.setresuid(user_id, user_id, user_id)
    os.umask(0o077)
    os.environ["HOME"] = pwd.getpwuid(
        user_id
    ).pw_dir  # libraries look there for keys and passwords: in ours, not root's
    verify(user_id, group_id)


def load_what_is_late() -> None:
    """A Python that only root can read must have read it all by now: a letter in an old charset would be our end."""
    for module in LATE_MODULES:
        importlib.import_module(module)
    for codec in LATE_CODECS:
        codecs.lookup(codec)


def verify(user_id: int, group_id: int) -> None:
    """Make sure that we are who we want to be, and that root is out of reach."""
    if os.getresuid() != (user_id,) * 3 or os.getresgid() != (group_id,) * 3 or os.getgroups() not in ([], [group_id]):
        raise Privileged("privileges were not dropped")
    for regain in (os.setuid, os.setgid):
        with suppress(PermissionError):
            regain(0)
            raise Privileged("privileges could be regained after they were dropped")


def raise_file_limit() -> int:
    """As many open files as the system lets us have; gives that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1_048_576 if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
