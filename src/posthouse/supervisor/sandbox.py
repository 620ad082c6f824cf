"""What a worker gives up before it sees a stranger's octets: privileges, network, files, children, memory, time.

Each measure stands alone and is taken where the kernel offers it: resource
limits and ``no_new_privs`` everywhere, an empty network namespace where we may
make one, landlock since Linux 5.13, a seccomp filter on the machines whose
numbers of system calls are listed here.
"""

import ctypes
import os
import platform
import resource
import signal
import struct

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522
LAST_CAPABILITY = 63
"""More than any kernel has."""
SIGKILL = 9
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
"""Who may not make a network namespace may, on most machines, in a user namespace of his own."""

_LANDLOCK = {"x86_64": (444, 446), "aarch64": (444, 446)}
_LANDLOCK_ACCESS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
"""All rights that each version of the interface knows; version 5 and later add one (ioctl on devices)."""
_LANDLOCK_NET = 3
"""To bind and to connect TCP sockets, since version 4."""

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_DENIED = {
    "x86_64": (
        2, 41, 42, 43, 44, 45, 46, 47, 49, 50, 53,  # open, the sockets
        56, 57, 58, 59, 62, 76, 82, 83, 84, 85, 86, 87, 88, 90, 92,  # clone to execve, kill, names of files
        101, 133, 165, 200, 234, 248, 249, 250,  # ptrace, mknod, mount, signals, keys
        257, 258, 259, 260, 263, 264, 265, 266, 268, 272, 288,  # the *at calls, unshare, accept4
        298, 308, 310, 311, 316, 321, 322, 323, 424, 425, 434, 435, 437, 438,  # perf to pidfd_getfd
    ),
    "aarch64": (
        33, 34, 35, 36, 37, 38, 40, 45, 53, 54, 56, 97, 117, 129, 130, 131,
        198, 199, 200, 201, 202, 203, 206, 207, 211, 212, 217, 218, 219, 220, 221,
        241, 242, 268, 270, 271, 276, 280, 281, 282, 424, 425, 434, 435, 437, 438,
    ),
}  # fmt: skip
"""System calls that a worker never needs: answered with EPERM."""


def confine(*, memory_octets: int, files: int = 16, is_alone: bool = False) -> tuple[str, ...]:
    """Give all of it up, for good; the names of the measures that this machine let us take.

    ``is_alone``: whoever made us has left the network already, which takes 60 ms, and once is enough.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    _limit(memory_octets, files)
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    measures = ["rlimits"]
    if is_alone or leave_network(libc):
        measures.append("network namespace")
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        measures.append("no_new_privs")
    if drop_capabilities(libc):  # those of the new namespace too
        measures.append("no capabilities")
    machine = platform.machine()
    if _restrict_files(libc, machine):
        measures.append("landlock")
    if _filter_calls(libc, machine):
        measures.append("seccomp")
    return tuple(measures)


def give_seconds(seconds: float) -> None:
    """From now on so much time of the processor, then the kernel ends us; None after 0. Its limit stands behind.

    The limit counts whole seconds, a timer parts of them.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)


LATE = frozenset({signal.SIGPROF, signal.SIGXCPU})
"""By what the kernel ends who used up his time."""


def leave_network(libc: ctypes.CDLL) -> bool:
    """Into an empty network namespace, for us and for whom we make."""
    return bool(libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)


def drop_capabilities(libc: ctypes.CDLL, *, keep: int = 0) -> bool:
    """None but the bits of ``keep`` are left, and none can come back: by no program, and not by being root."""
    drop_bounds(libc, keep=keep)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=II", CAPABILITY_VERSION_3, 0)
    return bool(libc.capset(header, struct.pack("=6I", keep, keep, 0, 0, 0, 0)) == 0)


def drop_bounds(libc: ctypes.CDLL, *, keep: int = 0) -> None:
    """No program that we start can have more than ``keep``. Who is not root any more cannot do that."""
    for number in range(LAST_CAPABILITY + 1):
        if not keep >> number & 1:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # without CAP_SETPCAP there are none to be had


def _limit(memory_octets: int, files: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory_octets),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))


def _restrict_files(libc: ctypes.CDLL, machine: str) -> bool:
    """Landlock with no rule at all: no file can be opened, made or removed any more."""
    calls = _LANDLOCK.get(machine)
    if calls is None:
        return False
    create, restrict = calls
    version = libc.syscall(create, None, 0, 1)
    if version < 1:
        return False
    access = _LANDLOCK_ACCESS.get(version, (1 << 16) - 1)
    attributes = struct.pack("=QQ", access, _LANDLOCK_NET) if version >= 4 else struct.pack("=Q", access)
    ruleset = libc.syscall(create, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(restrict, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filter_calls(libc: ctypes.CDLL, machine: str) -> bool:
    """A seccomp filter: what is listed, what is another architecture's, and what we cannot know, does not happen."""
    if machine not in _DENIED:
        return False
    code = _program(_AUDIT[machine], _DENIED[machine], refuse_x32=machine == "x86_64")
    program = _Program(len(code) // 8, code)
    return bool(libc.syscall(_SECCOMP[machine], 1, 0, ctypes.byref(program)) == 0)


def _program(audit: int, denied: tuple[int, ...], *, refuse_x32: bool) -> bytes:
    """BPF: load the architecture, compare; load the number, compare with each; allow."""
    load, equal, greater, give = 0x20, 0x15, 0x35, 0x06
    kill, refuse, allow = 0x80000000, 0x00050001, 0x7FFF0000

    def step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("=HBBI", code, then, otherwise, value)

    steps = [step(load, 4), step(equal, audit, 1, 0), step(give, kill), step(load, 0)]
    tests = [(greater, 0x40000000)] if refuse_x32 else []
    tests += [(equal, number) for number in denied]
    for index, (code, value) in enumerate(tests):
        steps.append(step(code, value, len(tests) - index, 0))
    return b"".join([*steps, step(give, allow), step(give, refuse)])
