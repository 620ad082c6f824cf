"""What the disk changed is never given out as if it were what was stored, and ``check`` finds it."""

import hashlib
from contextlib import closing

import apsw
import pytest

from posthouse.mail.content import Blob
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Role
from posthouse.storage.sqlite.engine import open_store
from posthouse.storage.sqlite.soundness import MOST_REMEMBERED, Known, check
from posthouse.supervisor.copying import check_engine
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

SMALL, LARGE = b"a small letter" * 10, b"a large one" * 20_000


async def opened(place):
    return await open_store(place, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())


def flip(octets):
    return octets[:-1] + bytes([octets[-1] ^ 1])


@pytest.fixture
async def names(tmp_path):
    """A small message in the database and a large one in a file, of an earlier life of the server."""
    store = await opened(tmp_path)
    account = await store.create_account("a@office.test", "A", (), quota=10**9)
    writer = store.blobs.open()
    writer.write(LARGE)
    kept = await writer.finish()
    small = Blob(hashlib.sha256(SMALL).hexdigest(), len(SMALL), SMALL)
    await store.accept(Acceptance("t1", small, (Filing(account, Role.INBOX, b""),)))
    await store.accept(Acceptance("t2", kept, (Filing(account, Role.INBOX, b""),)))
    await store.close()
    return small.blob_id, kept.blob_id


def damage(place, names):
    with closing(apsw.Connection(str(place / "posthouse.db"))) as connection:
        connection.execute("UPDATE blob SET octets = ? WHERE hash = ?", (flip(SMALL), bytes.fromhex(names[0])))
    file = place / "blobs" / names[1][:2] / names[1]
    file.write_bytes(flip(LARGE))


@pytest.mark.parametrize("which", [0, 1], ids=["in the database", "in a file"])
@pytest.mark.parametrize("start", [0, 5])
async def test_other_octets_than_were_stored_are_not_given_out(tmp_path, names, which, start):
    store = await opened(tmp_path)
    whole = (SMALL, LARGE)[which]
    assert await store.blobs.read(names[which], start) == whole[start:]
    assert await store.blobs.read(names[which], start, 7) == whole[start : start + 7]
    await store.close()
    damage(tmp_path, names)
    store = await opened(tmp_path)
    with pytest.raises(StorageError, match="damaged"):
        await store.blobs.read(names[which], start, 7)
    await store.close()


async def test_a_check_finds_what_is_damaged_and_what_is_gone(tmp_path, names):
    assert list(check(tmp_path)) == []
    damage(tmp_path, names)
    assert {what for what, _ in check(tmp_path)} == {f"blob {name}" for name in names}
    (tmp_path / "blobs" / names[1][:2] / names[1]).unlink()
    assert dict(check(tmp_path))[f"blob {names[1]}"] == "No such file or directory"


async def test_a_check_finds_rows_that_name_what_is_not_there(tmp_path, names):
    with closing(apsw.Connection(str(tmp_path / "posthouse.db"))) as connection:
        connection.execute("DELETE FROM blob WHERE hash = ?", (bytes.fromhex(names[0]),))
    assert any("is not there" in told for _, told in check(tmp_path))


async def test_a_check_finds_counters_that_differ_where_they_are_said_twice(tmp_path, names):
    assert list(check(tmp_path)) == []
    with closing(apsw.Connection(str(tmp_path / "posthouse.db"))) as connection:
        connection.execute("UPDATE tally SET used = used + 1")
    assert list(check(tmp_path)) == [("account 1", "its counters are not those beside its INBOX")]
    with closing(apsw.Connection(str(tmp_path / "posthouse.db"))) as connection:
        connection.execute("UPDATE mailbox SET account_modseq = NULL, account_used = NULL")
    assert list(check(tmp_path)) == [], "not yet said there"


async def test_data_of_a_release_that_said_them_once_can_be_checked(tmp_path, names):
    with closing(apsw.Connection(str(tmp_path / "posthouse.db"))) as connection:
        for name in ("modseq", "used", "quota", "mailboxes", "uidvalidity"):
            connection.execute(f"ALTER TABLE mailbox DROP COLUMN account_{name}")
    assert list(check(tmp_path)) == []


async def test_where_nothing_is_kept_nothing_is_checked(tmp_path):
    with pytest.raises(StorageError, match=r"no posthouse\.db"):
        list(check_engine(tmp_path))
    (tmp_path / "posthouse.db").write_bytes(b"nonsense " * 1000)
    with pytest.raises(StorageError, match="cannot be read"):
        list(check_engine(tmp_path))


def test_what_is_remembered_is_bounded():
    known = Known()
    for number in range(MOST_REMEMBERED + 10):
        known.add(str(number))
    assert len(known._names) == MOST_REMEMBERED
