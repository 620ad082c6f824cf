"""A disk whose power can be cut: an ext4 image on a loop device, stopped without flushing anything.

``EXT4_IOC_SHUTDOWN`` with NOLOGFLUSH stops the file system as a power cut would: dirty pages and the open transaction
of its journal never reach the image. Only where we are root in a namespace of our own: the mounts go away with it.
"""

import contextlib
import fcntl
import os
import struct
import subprocess
from pathlib import Path
from typing import Self

from posthouse.drill.place import Absent
from posthouse.drill.sandbox import has_own_network

EXT4_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = struct.pack("I", 2)
PATH = f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin"


class Power:
    """``disk`` is a directory until it is cut, and again after ``restore``. Raises ``Absent`` where that cannot be.

    It is as large as a server wants it (L28) and takes only the room that is used of it.
    """

    def __init__(self, directory: Path, *, mebibytes: int = 2048) -> None:
        self.image = directory / "disk.img"
        self.disk = directory / "disk"
        self._mebibytes = mebibytes

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or not has_own_network():
            raise Absent("a disk whose power can be cut needs root and a namespace of our own")
        self.disk.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as image:
            image.truncate(self._mebibytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        self._mount()
        return self

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(Absent):
            _run("umount", "-l", str(self.disk))
        self.image.unlink(missing_ok=True)

    def cut(self) -> None:
        """Now. What is not on the image by now never will be."""
        descriptor = os.open(self.disk, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, NOLOGFLUSH)
        except OSError as error:
            raise Absent(f"the file system cannot be stopped: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def restore(self) -> None:
        """Power is back: the journal is replayed. Whoever wrote must have ended before."""
        _run("umount", str(self.disk))
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop,noatime", str(self.image), str(self.disk))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": PATH})  # noqa: S603 - ours
    except FileNotFoundError as error:
        raise Absent(f"{command[0]} is not on this machine") from error
    except subprocess.CalledProcessError as error:
        raise Absent(f"{command[0]}: {error.stderr.decode(errors='replace').strip()[-200:]}") from error
