"""A machine for the commands of a page: its own network, its own /etc, /opt, /run, /usr/src and /var, on what is here.

What the commands would ask of the distribution is stood in for by the programs
in ``shims``: packages are there already, and units are started without systemd.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

SHIMS = Path(__file__).parent / "shims"
LAYERED = ("etc", "opt", "usr/src", "var")
PATH = f"{SHIMS}:/usr/sbin:/usr/bin:/sbin:/bin"


LET_GO = "for disk in $(awk '$1 ~ /^.dev.loop/ {print $2}' /proc/mounts); do umount -l $disk; done"
"""Disks of other tests: whoever cuts their power must be the last who has them mounted."""


class Machine:
    """``name`` is its network namespace; what it writes is under ``root``."""

    def __init__(self, name: str, root: Path, repository: Path) -> None:
        self.root = root
        script = ["mount --make-rprivate /", LET_GO]
        for place in LAYERED:
            upper, work = root / place / "upper", root / place / "work"
            upper.mkdir(parents=True)
            work.mkdir()
            script.append(f"mount -t overlay overlay -o lowerdir=/{place},upperdir={upper},workdir={work} /{place}")
        script += [
            "mount -t tmpfs tmpfs /run", "install -d -o postgres /run/postgresql",
            "mkdir -p /usr/src/posthouse", f"mount --bind {repository} /usr/src/posthouse",
            "echo ready", "exec sleep infinity",
        ]  # fmt: skip
        self._holder = subprocess.Popen(
            ["ip", "netns", "exec", name, "unshare", "--mount", "sh", "-e", "-c", "\n".join(script)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "ready\n":
            raise OSError(self._holder.stderr.read())

    def run(self, script: str, *, online: bool = False) -> str:
        """As root, until a command fails; ``online``: on the network of the test instead of its own."""
        inside = ["nsenter", "--target", str(self._holder.pid), "--mount", *([] if online else ["--net"])]
        environment = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "MACHINE": str(self.root)}
        done = subprocess.run(
            [*inside, "bash", "-e", "-c", script], capture_output=True, text=True, check=False, timeout=600,
            env=environment, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}\n{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        """The last of what its units said."""
        return "".join(
            f"-- {log.name}\n{log.read_text(errors='replace')[-1500:]}"
            for log in sorted((self.root / "var" / "upper" / "log").glob("unit-*"))
        )

    def remove(self) -> None:
        for file in (self.root / "var" / "upper" / "log").glob("unit-*.pid"):
            subprocess.run(["kill", "-9", file.read_text().strip()], check=False, capture_output=True)
        postmaster = self.root / "var" / "upper" / "lib" / "postgresql" / "15" / "mail" / "postmaster.pid"
        if postmaster.exists():
            subprocess.run(["kill", "-9", postmaster.read_text().split()[0]], check=False, capture_output=True)
        self._holder.kill()
        self._holder.communicate()


@contextmanager
def started(names: Sequence[str], directory: Path, repository: Path) -> Iterator[list[Machine]]:
    """A machine for each network namespace, under its number (``shims/scp`` finds it there).

    Skips, with the reason, where they cannot be had.
    """
    with ExitStack() as stack:
        made = []
        for name in names:
            try:
                made.append(Machine(name, directory / name.rpartition("-")[2], repository))
            except OSError as error:
                pytest.skip(f"this machine permits no overlay of its folders: {error}")
            stack.callback(made[-1].remove)
        yield made
