"""Work on content: here while it is small, in a thread once it is large (threat catalogue, invariant H7).

A parser takes up to 100 ns for an octet of what a hostile sender made for it:
50 MiB would keep everybody else waiting for seconds.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar, TypeVarTuple

from posthouse.mail.content import Blob
from posthouse.ms.describe import describe_beginning
from posthouse.standards.imf.header import Header
from posthouse.storage.mailbox import Facts
from posthouse.storage.ports import Blobs

T = TypeVar("T")
Given = TypeVarTuple("Given")

HERE_OCTETS = 128 * 1024
"""Up to here in the loop: a trip to a thread would cost more than it saves."""
STEP_OCTETS = 1024 * 1024
"""``storage.ports.Blobs.read`` is asked for no more at a time."""


class Describe(Protocol):
    """``ms.describe.describe``."""

    def __call__(self, prefix: bytes, octets: bytes, known: Header | None = None, lines: int = -1, /) -> Facts: ...


async def here_or_apart(octets: int, work: Callable[[*Given], T], *given: *Given) -> T:
    """What ``work`` makes of so many octets."""
    if octets <= HERE_OCTETS:
        return work(*given)
    return await asyncio.get_running_loop().run_in_executor(None, work, *given)


class Describer:
    """Facts about content as it was taken in, small or large. ``describe`` is ``ms.describe.describe``."""

    __slots__ = ("_blobs", "_describe", "_reading")

    def __init__(self, blobs: Blobs, describe: Describe) -> None:
        self._blobs, self._describe = blobs, describe
        self._reading = asyncio.Semaphore(1)
        """One large message in memory at a time."""

    async def facts(self, blob: Blob, added: bytes = b"", lines: int = -1, header: Header | None = None) -> Facts:
        """What readers will need of ``added + blob``.

        ``lines`` are its line ends, if they were counted, ``header`` is its header, if it was parsed.
        """
        if blob.octets is not None and blob.size <= HERE_OCTETS:
            return self._describe(added, blob.octets, header, lines)
        if blob.beginning and lines >= 0:  # most large messages are not read again
            found = describe_beginning(added, blob.beginning, blob.size, lines)
            if found is not None:
                return found
        async with self._reading:
            pieces = [blob.octets] if blob.octets is not None else await self._pieces(blob)
            return await here_or_apart(blob.size, self._put_together, added, pieces)

    async def _pieces(self, blob: Blob) -> list[bytes]:
        read, size = self._blobs.read, blob.size
        return [await read(blob.blob_id, at, min(STEP_OCTETS, size - at)) for at in range(0, size, STEP_OCTETS)]

    def _put_together(self, added: bytes, pieces: list[bytes]) -> Facts:
        return self._describe(added, b"".join(pieces))
