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
        "assert os.environ['HOME'] != '/root'\n"
        "try: os.setuid(0)\nexcept PermissionError: print('no way back')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "no way back\n", done.stderr


def test_nothing_is_left_to_be_read_once_python_may_be_out_of_reach():
    """A letter in windows-1252 met no codec and the session died, where only root could read Python's own library."""
    script = (
        "import sys\n"
        "from posthouse.standards.mime.charset import CODECS, decode_text\n"
        "from posthouse.supervisor.privileges import load_what_is_late\n"
        "load_what_is_late()\n"
        "sys.meta_path.clear()\n"
        "assert len(CODECS) > 30\n"
        "for codec in CODECS: b'abc '.decode(codec, 'replace')\n"
        "print(ascii(decode_text(b'\\xe4') + decode_text(b'\\xd0', 'koi8-r')), 'münchen.test'.encode('idna'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == r"'\xe4\u043f' b'xn--mnchen-3ya.test'" + "\n", done.stderr
