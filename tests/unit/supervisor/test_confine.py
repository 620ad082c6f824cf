"""What is given up is gone for good, and what a mail server does it can do still: each in a process spent on it."""

import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from posthouse.supervisor import seccomp
from posthouse.supervisor.confine import MEASURES
from posthouse.supervisor.landlock import NEEDS, version

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are measures of Linux")

TRY = """
import ctypes, mmap, os, socket, sys, threading
from pathlib import Path
from posthouse.supervisor.confine import confine
inside, outside = Path(sys.argv[1]), Path(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
print(*confine([inside]).taken)
try:
    {0}
except (OSError, RuntimeError, ValueError) as error:
    print("refused")
else:
    print("done")
"""


def attempt(code: str, tmp_path: Path) -> tuple[set[str], str]:
    """The measures that were taken, and what became of ``code``."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for path in (inside, outside):
        path.mkdir()
        (path / "file").write_bytes(b"octets")
    command = [sys.executable, "-c", TRY.replace("{0}", code), str(inside), str(outside)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert len(done.stdout.splitlines()) == 2, done.stderr
    taken, outcome = done.stdout.splitlines()
    return set(taken.split()), outcome


@pytest.mark.parametrize(
    ("measure", "code"),
    [
        ("seccomp", "os.execv('/bin/true', ['true'])"),
        ("seccomp", "os.posix_spawn('/bin/true', ['true'], {})"),
        ("seccomp", "os.fork()"),
        ("seccomp", "os.setuid(12)"),
        ("seccomp", "os.chroot('/')"),
        ("seccomp", f"call({101 if platform.machine() == 'x86_64' else 117}, 0, 0, 0, 0)"),  # ptrace
        ("seccomp", "call(425, 1, 0)"),  # io_uring
        ("seccomp", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
        ("seccomp", "socket.socket(38, socket.SOCK_SEQPACKET)"),  # AF_ALG
        ("landlock", "(outside / 'new').write_bytes(b'x')"),
        ("landlock", "(outside / 'file').unlink()"),
        ("landlock", "os.truncate(outside / 'file', 0)"),
        ("landlock", "(inside / 'file').rename(outside / 'new')"),
        ("landlock", "(inside / 'link').symlink_to('/etc/passwd')"),
        ("landlock", "socket.socket().bind(('127.0.0.1', 0))"),
        ("landlock", "os.kill(os.getppid(), 0)"),
        ("memory", "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)"),
    ],
)
def test_what_a_mail_server_never_does_is_not_done(measure: str, code: str, tmp_path: Path) -> None:
    taken, outcome = attempt(code, tmp_path)
    if measure not in taken:
        pytest.skip(f"this kernel has no {measure}")
    assert outcome == "refused"


@pytest.mark.parametrize(
    "code",
    [
        "threading.Thread(target=print, args=('',), kwargs={'end': ''}).start()",
        "(inside / 'new').write_bytes(b'x')",
        "((inside / 'a').mkdir(), (inside / 'file').rename(inside / 'a' / 'b'))",
        "(inside / 'file').unlink()",
        "Path('/etc/passwd').read_bytes()",
        "Path('/dev/null').write_bytes(b'x')",
        "socket.getaddrinfo('localhost', 25)",
        "socket.socket().connect_ex(('127.0.0.1', 1))",
        "socket.socket(socket.AF_UNIX).bind(str(inside / 'socket'))",
        "os.kill(os.getpid(), 0)",
        "__import__('sqlite3').connect(inside / 'db').execute('create table t (a)')",
    ],
)
def test_what_it_does_it_can_do_still(code: str, tmp_path: Path) -> None:
    assert attempt(code, tmp_path)[1] == "done"


def test_every_measure_has_a_meaning_and_is_taken_where_the_kernel_has_it(tmp_path: Path) -> None:
    taken, _ = attempt("pass", tmp_path)
    assert {"rlimits", "capabilities", "no_new_privs"} <= taken <= set(MEASURES)


def test_the_limits_hold(tmp_path: Path) -> None:
    code = "import resource; assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)"
    assert attempt(code, tmp_path)[1] == "done"


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_no_jump_of_the_filter_leaves_it(machine: str) -> None:
    code = seccomp.program(machine)
    steps = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    for index, (kind, then, otherwise, _) in enumerate(steps):
        if kind in {seccomp.EQUAL, seccomp.GREATER, seccomp.BITS}:
            assert index + 1 + max(then, otherwise) < len(steps)
    assert [step[0] for step in steps[-2:]] == [seccomp.GIVE] * 2


def run(machine: str, number: int, *arguments: int, audit: int | None = None, may_fork: bool = False) -> int:
    """What the filter says to a call: BPF, as the kernel would run it."""
    code = seccomp.program(machine, may_fork=may_fork)
    given = struct.pack("=iIQ6Q", number, audit or seccomp.AUDIT[machine], 0, *arguments, *[0] * (6 - len(arguments)))
    at = held = 0
    while True:
        kind, then, otherwise, value = struct.unpack_from("=HBBI", code, 8 * at)
        at += 1
        if kind == seccomp.LOAD:
            (held,) = struct.unpack_from("=I", given, value)
        elif kind == seccomp.GIVE:
            return value
        else:
            test = {seccomp.EQUAL: held == value, seccomp.GREATER: held >= value, seccomp.BITS: bool(held & value)}
            at += then if test[kind] else otherwise


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_each_call_of_the_table_is_refused_and_no_other(machine: str) -> None:
    at = seccomp.MACHINES.index(machine)
    refused = {numbers[at] for numbers in seccomp.NUMBERS.values()} - {None}
    special = {seccomp.CLONE[at], seccomp.CLONE3[at], seccomp.SOCKET[at]}
    for number in range(500):
        if number in special:
            continue
        expected = seccomp.ERRNO | seccomp.EPERM if number in refused else seccomp.ALLOW
        assert run(machine, number) == expected, number
    assert run(machine, seccomp.CLONE3[at]) == seccomp.ERRNO | seccomp.ENOSYS
    assert run(machine, seccomp.CLONE[at], 17) == seccomp.ERRNO | seccomp.EPERM  # fork
    assert run(machine, seccomp.CLONE[at], 0x3D0F00) == seccomp.ALLOW  # pthread_create
    assert [run(machine, seccomp.SOCKET[at], family) == seccomp.ALLOW for family in (1, 2, 10, 16, 17, 38, 40)] == [
        *[True] * 4, *[False] * 3
    ]  # fmt: skip
    assert run(machine, seccomp.IOCTL[at], 0, 0x5412) != seccomp.ALLOW
    assert run(machine, seccomp.IOCTL[at], 0, 0x5401) == seccomp.ALLOW
    assert run(machine, 0, audit=1) == seccomp.KILL


def test_an_old_kernel_is_left_alone() -> None:
    class Old:
        def syscall(self, *_arguments: object) -> int:
            return -1

    assert version(Old()) == 0 < NEEDS  # type: ignore[arg-type] # a kernel that says no


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_who_makes_processes_may_do_that_and_no_more(machine: str) -> None:
    at = seccomp.MACHINES.index(machine)
    refused = {numbers[at] for name, numbers in seccomp.NUMBERS.items() if name not in {"fork", "vfork"}} - {None}
    for number in range(500):
        if number in {seccomp.CLONE[at], seccomp.CLONE3[at], seccomp.SOCKET[at]}:
            continue
        expected = seccomp.ERRNO | seccomp.EPERM if number in refused else seccomp.ALLOW
        assert run(machine, number, may_fork=True) == expected, number
    assert run(machine, seccomp.CLONE[at], 17, may_fork=True) == seccomp.ALLOW
    assert run(machine, seccomp.CLONE[at], 0x10000000 | 17, may_fork=True) == seccomp.ERRNO | seccomp.EPERM  # NEWUSER
    assert run(machine, seccomp.CLONE3[at], may_fork=True) == seccomp.ERRNO | seccomp.ENOSYS
