"""Privileges: dropped for good, or not started at all."""

import os
import subprocess
import sys

import pytest

from posthouse.supervisor.privileges import Privileged, drop

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to drop")


def test_root_without_a_user_is_refused():
    with pytest.raises(Privileged, match="user is not set"):
        drop("")


def test_root_is_nobody_to_become():
    with pytest.raises(Privileged, match="user is root"):
        drop("root")


def test_a_user_that_is_not_there():
    with pytest.raises(Privileged, match="no-such-user-here"):
        drop("no-such-user-here")


@needs_root
def test_there_is_no_way_back():
    script = (
        "import os; from posthouse.supervisor.privileges import drop; drop('nobody')\n"
        "assert os.geteuid() != 0 and os.getegid() != 0 and 0 not in os.getgroups()\n"
        "try: os.setuid(0)\nexcept PermissionError: print('no way back')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "no way back\n", done.stderr
