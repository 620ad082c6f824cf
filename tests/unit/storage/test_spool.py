"""What a spool owes to those who wait for it."""

from typing import Any

import pytest

from posthouse.storage.errors import StorageError
from posthouse.storage.spool import Scribes, Spool


async def test_whatever_goes_wrong_in_the_thread_whoever_waits_hears_of_it(tmp_path) -> None:
    """Memory may run out there, not only the disk."""
    scribes = Scribes(1, "test-spool")
    spool = Spool(scribes, tmp_path / "spool")
    strange: Any = [1, 2, 3]  # what no file can be made of
    spool.add([strange], 3)
    with pytest.raises(StorageError):
        await spool.settled()
    with pytest.raises(StorageError):
        spool.add([b"more"], 4)
    spool.abandon()
    scribes.shutdown()
    assert list(tmp_path.iterdir()) == []
