"""A seccomp filter for the server itself: what a mail server never does, the kernel does not do for it.

No program is run, no process made, no other process looked into, no file system
mounted, no namespace entered, no module loaded, no identity changed; a thread
is still made, and a socket of the four families that we speak. Those two who
make processes, the parent of a fleet and the zygote, may. What is refused is
answered with EPERM. The filter holds for all threads of the process and for
whatever it would start.
"""

import ctypes
import struct

EPERM, ENOSYS = 1, 38
MODE_FILTER = 1
FLAG_ALL_THREADS, FLAG_SPEC_ALLOW = 1, 4
"""The second: no slower branches for us; we run nobody else's code."""

MACHINES = ("x86_64", "aarch64")
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SECCOMP = {"x86_64": 317, "aarch64": 277}

NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "bpf": (321, 280), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "unshare": (272, 97), "setns": (308, 268), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "personality": (135, 92), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "syslog": (103, 116), "lookup_dcookie": (212, 18), "vhangup": (153, 58), "sethostname": (170, 161),
    "setdomainname": (171, 162), "mknod": (133, None), "mknodat": (259, 33), "setuid": (105, 146), "setgid": (106, 144),
    "setreuid": (113, 145), "setregid": (114, 143), "setresuid": (117, 147), "setresgid": (119, 149),
    "setgroups": (116, 159), "setfsuid": (122, 151), "setfsgid": (123, 152), "move_pages": (279, 239),
    "migrate_pages": (256, 238), "fanotify_init": (300, 262), "nfsservctl": (180, 42), "uselib": (134, None),
}  # fmt: skip
"""What is refused whatever its arguments, by machine; None where there is no such call."""

CLONE, CLONE3, SOCKET, IOCTL = (56, 220), (435, 435), (41, 198), (16, 29)
CLONE_THREAD = 0x10000
CLONE_NAMESPACES = 0x7E020000
FORKS = {"fork", "vfork"}
FAMILIES = (1, 2, 10, 16)
"""Unix, IPv4, IPv6, and netlink, which getaddrinfo(3) asks for our addresses."""
TERMINAL_INJECTIONS = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: to type into the terminal of whoever started us."""

LOAD, EQUAL, GREATER, BITS, GIVE = 0x20, 0x15, 0x35, 0x45, 0x06
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24
"""Where things are in struct seccomp_data; of an argument, its low half."""
X32 = 0x40000000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(libc: ctypes.CDLL, machine: str, *, may_fork: bool = False) -> bool:
    """From now on, for all threads; False where the kernel or the machine has no such thing. Needs no_new_privs."""
    if machine not in MACHINES:
        return False
    code = program(machine, may_fork=may_fork)
    given = _Program(len(code) // 8, code)
    flags = FLAG_ALL_THREADS | FLAG_SPEC_ALLOW
    return bool(libc.syscall(SECCOMP[machine], MODE_FILTER, flags, ctypes.byref(given)) == 0)


def program(machine: str, *, may_fork: bool = False) -> bytes:
    """BPF: the architecture, the calls that look at an argument, the calls that are refused, and leave for the rest.

    ``may_fork``: a process may be made too, in the namespaces where we are.
    """
    at = MACHINES.index(machine)
    steps = [_step(LOAD, ARCHITECTURE), _step(EQUAL, AUDIT[machine], 1, 0), _step(GIVE, KILL), _step(LOAD, NUMBER)]
    if machine == "x86_64":
        steps += [_step(GREATER, X32, 0, 1), _step(GIVE, ERRNO | EPERM)]
    steps += [_step(EQUAL, CLONE3[at], 0, 1), _step(GIVE, ERRNO | ENOSYS)]  # its arguments cannot be seen: clone it is
    if may_fork:
        steps += _unless(CLONE[at], FIRST, [(BITS, CLONE_NAMESPACES)])
    else:
        steps += _when(CLONE[at], FIRST, [(BITS, CLONE_THREAD)])
    steps += _when(SOCKET[at], FIRST, [(EQUAL, family) for family in FAMILIES])
    steps += _unless(IOCTL[at], SECOND, [(EQUAL, number) for number in TERMINAL_INJECTIONS])
    names = NUMBERS.keys() - (FORKS if may_fork else ())
    denied = sorted({number for name in names if (number := NUMBERS[name][at]) is not None})
    for index, number in enumerate(denied):
        steps.append(_step(EQUAL, number, len(denied) - index, 0))
    return b"".join([*steps, _step(GIVE, ALLOW), _step(GIVE, ERRNO | EPERM)])


def _when(call: int, argument: int, tests: list[tuple[int, int]]) -> list[bytes]:
    """``call`` goes through if one of ``tests`` holds for ``argument``."""
    inner = [_step(code, value, len(tests) - index, 0) for index, (code, value) in enumerate(tests)]
    body = [_step(LOAD, argument), *inner, _step(GIVE, ERRNO | EPERM), _step(GIVE, ALLOW)]
    return [_step(EQUAL, call, 0, len(body)), *body]


def _unless(call: int, argument: int, tests: list[tuple[int, int]]) -> list[bytes]:
    """``call`` goes through if none of ``tests`` holds for ``argument``."""
    inner = [_step(code, value, len(tests) - index, 0) for index, (code, value) in enumerate(tests)]
    body = [_step(LOAD, argument), *inner, _step(GIVE, ALLOW), _step(GIVE, ERRNO | EPERM)]
    return [_step(EQUAL, call, 0, len(body)), *body]


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
