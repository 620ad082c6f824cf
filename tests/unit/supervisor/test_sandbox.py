"""What a worker gives up: one measure at a time, each in a process that is spent on it."""

import platform
import subprocess
import sys

import pytest

from posthouse.supervisor.sandbox import _DENIED, _program

MIB = 1024 * 1024


def run(code: str) -> str:
    """``code`` in a confined process; what it prints."""
    start = f"from posthouse.supervisor.sandbox import confine, give_seconds; m = confine(memory_octets={256 * MIB});"
    done = subprocess.run(
        [sys.executable, "-I", "-c", start + code], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip() or f"status {done.returncode}"


def test_the_measures_are_told() -> None:
    assert {"rlimits", "no_new_privs"} <= set(run("print(' '.join(m))").split())


@pytest.mark.skipif(platform.machine() not in _DENIED, reason="no table of system calls for this machine")
@pytest.mark.parametrize(
    "code",
    ["import socket; socket.socket()", "open('/etc/passwd')", "import os; os.fork()", "import os; os.kill(1, 0)",
     "import os; os.execv('/bin/true', ['x'])", "import os; os.mkdir('/tmp/x')", "import os; os.unlink('/tmp/x')"],
)  # fmt: skip
def test_what_is_not_needed_cannot_be_done(code: str) -> None:
    wrapped = f"""
try:
    {code}
except (OSError, ImportError) as error:
    print("refused")
else:
    print("done")
"""
    start = f"import socket, os\nfrom posthouse.supervisor.sandbox import confine\nconfine(memory_octets={256 * MIB})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", start + wrapped], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "refused"


def test_memory_has_an_end() -> None:
    assert run(f"print(len(bytes({300 * MIB})))") == "status 1"


def test_time_has_an_end() -> None:
    assert run("give_seconds(0)\nwhile True: pass") == "status -24"  # SIGXCPU


def test_the_filter_compares_with_every_call_and_ends_in_allow_and_refuse() -> None:
    code = _program(1, (2, 41), refuse_x32=True)
    assert len(code) == 8 * (4 + 3 + 2)
    jumps = [code[8 * step + 2] for step in range(4, 7)]
    assert jumps == [3, 2, 1]  # each to the last step, which refuses
