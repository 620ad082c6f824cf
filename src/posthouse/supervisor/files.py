"""Files that the supervisor keeps for others, and the room on the disk they are on."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from posthouse.observe.ports import Meter

PLENTY_OF_INODES = 2**31
"""Some file systems have no fixed number of inodes and say 0."""


def measure_space(directory: Path, meter: Meter) -> Callable[[], tuple[int, int]]:
    """Free octets and inodes where ``directory`` is, for ``mta.space``."""

    def measure() -> tuple[int, int]:
        state = os.statvfs(directory)
        octets = state.f_bavail * state.f_frsize
        meter.gauge("free_octets", octets)
        return octets, state.f_favail if state.f_files else PLENTY_OF_INODES

    return measure


class DirectoryFiles:
    """Implements ``mta.outside.Files``."""

    __slots__ = ("_directory",)

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def write(self, name: str, octets: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(None, write_whole, self._directory / name, octets)


def write_whole(path: Path, octets: bytes, mode: int = 0o600) -> None:
    """``path`` with ``octets``, there whole or not at all, and still there after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
