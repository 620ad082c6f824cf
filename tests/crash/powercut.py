"""A machine whose power can be cut: an ext4 image on a loop device, stopped without flushing anything.

    with PowerCut(tmp_path) as machine:
        child = start_something_that_writes_under(machine.disk)
        machine.cut()           # what was not fsynced is gone; the child's later writes fail
        end(child)
        machine.restore()       # mounted again, after journal recovery, at the same place
        look_at(machine.disk)

``EXT4_IOC_SHUTDOWN`` with NOLOGFLUSH stops the file system as a power cut
would: dirty pages and the open journal transaction never reach the image.
A mount namespace that somebody made meanwhile (a sandbox, a container) keeps
the stopped file system alive, so each mount has a loop device of its own: the
next one reads the image as the cut left it.
Needs root and a loop device; ``why_not()`` says what is missing.
"""

import fcntl
import functools
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = struct.pack("I", 2)
FALLING_SECONDS = 30.0
"""Whoever still writes there is dead, but may need a moment to fall."""


class PowerCut:
    """A small disk at ``disk`` and the hand on its plug."""

    def __init__(self, directory: Path, *, mebibytes: int = 256) -> None:
        self.image = directory / "disk.img"
        self.disk = directory / "disk"
        self._mebibytes = mebibytes

    def __enter__(self) -> Self:
        self.disk.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as image:
            image.truncate(self._mebibytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        self._unmount()
        self.image.unlink(missing_ok=True)

    def cut(self) -> None:
        """Now. Whatever is not on the image by now never will be."""
        descriptor = os.open(self.disk, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, NOLOGFLUSH)
        finally:
            os.close(descriptor)

    def restore(self) -> None:
        """Power is back: the image is mounted again and the journal replayed. End all writers before."""
        self._unmount()
        self._mount()

    def _mount(self) -> None:
        loop = _run("losetup", "--find", "--show", str(self.image)).strip()
        try:
            _run("mount", "-o", "noatime", loop, str(self.disk))
        finally:
            _run("losetup", "--detach", loop)  # as soon as nobody has it mounted

    def _unmount(self) -> None:
        end = time.monotonic() + FALLING_SECONDS
        while f" {self.disk.resolve()} " in Path("/proc/mounts").read_text():
            try:
                _run("umount", str(self.disk))
            except subprocess.CalledProcessError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.1)


@functools.cache
def why_not() -> str | None:
    """Why this machine cannot have its power cut; None if it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    for program in ("mkfs.ext4", "losetup", "mount", "umount"):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin") is None:
            return f"{program} is not installed"
    with tempfile.TemporaryDirectory() as where:
        try:
            with PowerCut(Path(where), mebibytes=16) as machine:
                (machine.disk / "lost").write_bytes(b"x")
                machine.cut()
                machine.restore()
                return "the file system kept what was never synced" if (machine.disk / "lost").exists() else None
        except subprocess.CalledProcessError as error:
            return f"{' '.join(error.cmd)}: {error.stderr.decode(errors='replace').strip()}"
        except OSError as error:
            return f"the file system cannot be stopped: {error}"


def _run(*command: str) -> str:
    path = f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin"
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": path})
    return done.stdout.decode()
