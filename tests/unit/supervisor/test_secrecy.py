"""A store that is open to others is closed, or refused; so is a key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posthouse.supervisor.secrecy import TooOpen, check_key, close_store


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777])
def test_our_own_store_is_closed(mode: int, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    assert close_store(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert not close_store(tmp_path)


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TooOpen, match="not a directory"):
        close_store(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_elses_open_store_is_refused() -> None:
    script = (
        "import os; from pathlib import Path\n"
        "from posthouse.supervisor.secrecy import TooOpen, close_store\n"
        "os.setuid(65534)\n"
        "try: close_store(Path('/etc'))\n"
        "except TooOpen as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "/etc is open to others (mode 0755) and not ours: chown 65534 /etc; chmod 700 /etc\n", done


@pytest.mark.parametrize(
    ("mode", "good"), [(0o600, True), (0o640, True), (0o644, False), (0o660, False), (0o602, False)]
)
def test_a_key_is_for_few(mode: int, good: bool, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.touch()
    key.chmod(mode)
    if good:
        check_key(key)
    else:
        with pytest.raises(TooOpen, match=f"chmod 640 {key}"):
            check_key(key)
