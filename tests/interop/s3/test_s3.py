"""What bodies in object storage promise beyond the contract, against a real SeaweedFS and a wire that breaks."""

import asyncio
import hashlib
import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest

from posthouse.observe.ports import Level
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import Missing, StorageError
from posthouse.storage.mailbox import Role
from posthouse.storage.postgresql import engine as postgresql
from posthouse.storage.postgresql.body_rows import PostgresBodyRows
from posthouse.storage.sqlite.body_rows import SqliteBodyRows
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.ports import RandomIds
from posthouse.testing.freeports import free_base
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

pytest.importorskip("obstore", reason="obstore is not installed: pip install posthouse[cluster]")

from posthouse.storage.s3.bodies import S3Bodies
from posthouse.storage.s3.objects import Objects, Patience, Place

HOUR = 3600.0
OVER = 16 * 1024
HASTY = Patience(connect=1, request=2, retries=1, retrying=1, question=2.5, turn=1)
_numbers = itertools.count()


class House:
    """A store with its clock, and its bucket seen from outside."""

    def __init__(
        self, directory, seaweed, *, port=None, prefix=None, secret="not a secret", patience=None, engine="", like=None
    ):
        self.directory, self.seaweed, self.engine, self.like = directory, seaweed, engine, like
        self.clock = ManualClock() if like is None else like.clock
        self.ids, self.journal = CountedIds() if like is None else RandomIds(), KeptJournal()
        prefix = prefix if like is None else like.place.prefix
        self.place = Place(
            "mail", prefix or f"house/{next(_numbers)}", f"http://127.0.0.1:{port or seaweed.port}", key_id="office",
            secret=secret,
        )  # fmt: skip
        self.outside = Objects(
            Place("mail", self.place.prefix, f"http://127.0.0.1:{seaweed.port}", key_id="office",
                  secret="not a secret"), Patience(), self.journal,
        )  # fmt: skip
        self.patience = patience or Patience()
        self.traces = itertools.count()

    async def __aenter__(self):
        given = {"clock": self.clock, "journal": self.journal, "ids": self.ids}
        self.bodies = S3Bodies(self.place, self.directory / "uploads", over=OVER, patience=self.patience, **given)
        if self.engine:
            spool = self.directory / "spool"
            self.store = await postgresql.open_store(self.engine, spool=spool, bodies=self.bodies, **given)
        else:
            self.store = await open_store(self.directory / "store", bodies=self.bodies, **given)
        if self.like is None:
            await self.store.put_domain(DomainRow("office.test"))
            self.account = await self.store.create_account("a@office.test", "A", (), quota=1 << 50)
        else:
            self.account, self.traces = self.like.account, self.like.traces
        self.inbox = (await self.store.mailboxes(self.account))[0].mailbox
        return self

    async def __aexit__(self, *_):
        await self.store.close()

    async def upload(self, octets):
        writer = self.store.blobs.open()
        for start in range(0, len(octets), 60_000):
            if writer.is_full:
                await writer.drained()
            writer.write(octets[start : start + 60_000])
        return writer, await writer.finish()

    async def accept(self, blob):
        filing = Filing(self.account, Role.INBOX, b"")
        at = int(self.clock.now() * 1000)
        answer = await self.store.accept(Acceptance(f"t{next(self.traces)}", blob, (filing,), at=at))
        return answer.placed[0].uid

    async def bring(self, octets):
        writer, blob = await self.upload(octets)
        uid = await self.accept(blob)
        writer.discard()
        return uid, blob

    async def remove(self, *uids):
        await self.store.remove(self.account, self.inbox, uids)

    async def sweep(self):
        """What it did to blobs and objects."""
        lines = [line async for line in self.store.sweep(int(self.clock.now() * 1000))]
        return [line for line in lines if "blobs" in line or "objects" in line]

    def rows(self):
        if self.engine:
            return PostgresBodyRows(self.store.units, self.store)
        return SqliteBodyRows(self.store._writer, self.store._readers, self.store)

    async def objects(self):
        return [key async for keys in self.outside.list("b/") for key in keys]

    def uploads(self):
        return list((self.directory / "uploads").iterdir())


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request):
    return request.getfixturevalue("postgres") if request.param == "postgresql" else ""


@pytest.fixture
async def house(seaweed, tmp_path, engine):
    async with House(tmp_path, seaweed, engine=engine) as opened:
        yield opened


def content(number, size=100_000):
    return random.Random(number).randbytes(size)


@pytest.mark.parametrize("size", [OVER, OVER + 1, 256 * 1024, 256 * 1024 + 1, 6 * 1024 * 1024])
async def test_what_is_over_the_threshold_is_an_object_and_the_rest_is_not(house, size):
    octets = content(1, size)
    _, blob = await house.bring(octets)
    assert blob.blob_id == hashlib.sha256(octets).hexdigest()
    assert await house.store.blobs.read(blob.blob_id) == octets
    assert await house.store.blobs.read(blob.blob_id, size - 10, 100) == octets[-10:]
    assert await house.store.blobs.read(blob.blob_id, size + 10, 100) == b""
    assert await house.store.blobs.verify(blob.blob_id)
    keys = await house.objects()
    assert len(keys) == (size > OVER)
    assert all(key.startswith("b/2027011508/") for key in keys)
    assert house.uploads() == []


async def test_content_is_read_before_anybody_refers_to_it(house):
    octets = content(1)
    writer, blob = await house.upload(octets)
    assert await house.store.blobs.read(blob.blob_id) == octets
    assert await house.store.blobs.read(blob.blob_id, len(octets) - 5, 50) == octets[-5:]
    writer.discard()
    with pytest.raises(Missing):
        await house.store.blobs.read(blob.blob_id)


async def test_the_same_content_is_kept_once_and_the_losers_object_goes_a_day_later(house):
    (first, blob), (second, again) = await asyncio.gather(house.bring(content(1)), house.bring(content(1)))
    assert again == blob
    assert len(await house.objects()) == 2
    await house.bring(content(1))
    rows = house.rows()
    trash = await rows.due_trash(10**15, 10)
    needed = await rows.needed(await house.objects())
    assert len(needed) == 1
    assert trash
    assert not needed & set(trash)
    house.clock.pass_time(23 * HOUR)
    await house.sweep()
    assert len(await house.objects()) == 3
    house.clock.pass_time(3 * HOUR)
    await house.sweep()
    assert len(await house.objects()) == 1
    assert await house.store.blobs.read(blob.blob_id) == content(1)
    await house.remove(first, second)
    assert await house.store.blobs.verify(blob.blob_id)


async def test_an_object_outlives_its_last_reference_by_a_day(house):
    uid, blob = await house.bring(content(1))
    await house.remove(uid)
    assert "1 blobs freed" in await house.sweep()
    with pytest.raises(Missing):
        await house.store.blobs.read(blob.blob_id)
    assert len(await house.objects()) == 1
    house.clock.pass_time(24 * HOUR + 1)
    assert "1 objects deleted" in await house.sweep()
    assert await house.objects() == []


async def test_what_never_got_a_row_is_swept_when_it_can_be_linked_no_more(house):
    _, kept = await house.bring(content(1))
    stray, blob = await house.upload(content(2, 300_000))
    stray.discard()
    house.clock.pass_time(20 * HOUR)
    assert await house.sweep() == []
    assert len(await house.objects()) == 2
    house.clock.pass_time(6 * HOUR)
    assert await house.sweep() == ["1 stray objects deleted"]
    assert await house.store.blobs.verify(kept.blob_id)
    with pytest.raises(Missing):
        await house.accept(blob)


async def test_what_came_in_long_ago_cannot_be_linked_any_more(house):
    writer, blob = await house.upload(content(1, 300_000))
    house.clock.pass_time(12 * HOUR)
    with pytest.raises(Missing):
        await house.accept(blob)
    writer.discard()


async def test_linkers_and_collectors_leave_nothing_dangling_and_nothing_behind(house):
    """Few contents, so that each is again and again linked while its last reference goes."""
    chance = random.Random(5321)
    living = {}

    async def link(number):
        which = chance.randrange(3)
        writer, blob = await house.upload(content(which, 20_000 + which))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        living[await house.accept(blob)] = blob
        writer.discard()
        if living and number % 3:
            uid = chance.choice(list(living))
            del living[uid]
            await house.remove(uid)

    async def collect():
        for _ in range(4):
            await house.sweep()

    for _ in range(12):
        await asyncio.gather(*[link(number) for number in range(8)], collect(), collect())
        if chance.random() < 0.3:
            uids = list(living)
            living.clear()
            await house.remove(*uids)
        house.clock.pass_time(5 * HOUR)
    for blob in set(living.values()):
        assert await house.store.blobs.verify(blob.blob_id)
    await house.remove(*living)
    await house.sweep()
    house.clock.pass_time(60 * HOUR)
    await house.sweep()
    assert await house.objects() == []
    assert house.journal.entries == []


async def test_two_nodes_link_and_collect_the_same_content(seaweed, tmp_path, postgres):
    chance = random.Random(5321)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        House(tmp_path / "one", seaweed, engine=postgres) as one,
        House(tmp_path / "two", seaweed, engine=postgres, like=one) as two,
    ):
        living = {}

        async def link(node):
            which = chance.randrange(3)
            uid, blob = await node.bring(content(which, 20_000 + which))
            living[uid] = blob
            gone = chance.choice(list(living))
            del living[gone]
            await node.remove(gone)

        for _ in range(8):
            await asyncio.gather(*[link(node) for node in (one, two) * 6], one.sweep(), two.sweep(), two.sweep())
            one.clock.pass_time(5 * HOUR)
        for number in range(3):
            await two.bring(content(number, 20_000 + number))
        for message in (await one.store.view(one.account, one.inbox)).messages:
            (stored,) = await two.store.read(one.account, one.inbox, [message.uid])
            assert await two.store.blobs.verify(stored.content.blob.blob_id)
        await one.remove(*[message.uid for message in (await one.store.view(one.account, one.inbox)).messages])
        await one.sweep()
        one.clock.pass_time(60 * HOUR)
        await two.sweep()
        assert await one.objects() == []
        assert one.journal.entries == two.journal.entries == []


async def test_only_who_has_the_lease_sweeps(house):
    uid, _ = await house.bring(content(1))
    await house.remove(uid)
    await house.sweep()
    house.clock.pass_time(30 * HOUR)
    now = int(house.clock.now() * 1000)
    await house.store.lease("bodies.sweep", "another node", now, now + 1000)
    assert await house.sweep() == []
    assert len(await house.objects()) == 1
    await house.store.lease("bodies.sweep", "another node", now, now)
    assert await house.sweep() == ["1 objects deleted"]


async def test_two_stores_in_one_place_delete_nothing_of_each_other(house, seaweed, tmp_path):
    await house.sweep()
    _, blob = await house.bring(content(1))
    (tmp_path / "other").mkdir()
    stranger = House(tmp_path / "other", seaweed, prefix=house.place.prefix)
    stranger.ids = RandomIds()
    async with stranger as other:
        other.clock.pass_time(100 * HOUR)
        with pytest.raises(StorageError, match="belongs to another store"):
            await other.sweep()
    assert await house.store.blobs.verify(blob.blob_id)


async def test_a_lost_object_is_missing_and_a_rotten_one_is_found(house):
    _, blob = await house.bring(content(1))
    (key,) = await house.objects()
    await house.outside.put(key, content(2), 100_000)
    assert not await house.store.blobs.verify(blob.blob_id)
    await house.outside.delete([key])
    with pytest.raises(Missing, match=key):
        await house.store.blobs.read(blob.blob_id)


# -- a bucket that cannot be reached, or only half ------------------------------------------------


async def test_a_wrong_key_is_said_clearly(seaweed, tmp_path):
    async with House(tmp_path, seaweed, secret="wrong") as house:
        with pytest.raises(StorageError, match="s3_key_file"):
            await house.upload(content(1))
        ((event, level),) = {(entry.event, entry.level) for entry in house.journal.entries}
        assert (event, level) == ("bodies.failed", Level.ALARM)
        small = content(1, 100)
        assert await house.accept((await house.upload(small))[1])


async def test_nobody_there_is_said_in_time(seaweed, tmp_path):
    async with House(tmp_path, seaweed, port=free_base(1), patience=HASTY) as house:
        for size in (20_000, 1_000_000):
            with pytest.raises(StorageError, match="cannot be written"):
                await house.upload(content(1, size))
        with pytest.raises(StorageError, match="cannot be"):
            await house.sweep()
        assert house.uploads() == []


async def test_who_never_answers_is_not_waited_for(seaweed, tmp_path, wire):
    async with House(tmp_path, seaweed, port=wire.port, patience=HASTY) as house:
        _, blob = await house.bring(content(1))
        wire.is_deaf = True
        with pytest.raises(StorageError, match="cannot be written"):
            await house.upload(content(2))
        with pytest.raises(StorageError, match="cannot be read"):
            await house.store.blobs.read(blob.blob_id)
        wire.is_deaf = False
        assert await house.store.blobs.read(blob.blob_id) == content(1)


async def test_many_uploads_to_who_never_answers_end_together(seaweed, tmp_path, wire):
    wire.is_deaf = True
    async with House(tmp_path, seaweed, port=wire.port, patience=HASTY) as house:
        uploads = [house.upload(content(number)) for number in range(60)]
        results = await asyncio.gather(*uploads, return_exceptions=True)
        assert {type(result) for result in results} == {StorageError}
        assert any("too slow" in str(result) for result in results)


@pytest.mark.parametrize("size", [200_000, 20_000_000])
async def test_a_wire_that_breaks_during_the_upload_promises_nothing(seaweed, tmp_path, wire, size):
    async with House(tmp_path, seaweed, port=wire.port, patience=HASTY) as house:
        octets = content(1, size)
        wire.cut_after = wire.seen + size * 2 // 3
        writer = house.store.blobs.open()
        writer.write(octets)
        with pytest.raises(StorageError):
            await writer.finish()
        with pytest.raises(StorageError):
            await writer.finish()
        writer.discard()
        name = hashlib.sha256(octets).hexdigest()
        with pytest.raises(Missing):
            await house.store.blobs.read(name)
        assert house.uploads() == []
        wire.cut_after = None
        assert await house.store.blobs.verify((await house.bring(octets))[1].blob_id)


@pytest.mark.heavy
async def test_a_server_killed_during_an_upload_keeps_what_it_promised(own_seaweed, tmp_path, make_wire):
    async with (
        make_wire(own_seaweed.port) as wire,
        House(tmp_path, own_seaweed, port=wire.port, patience=HASTY) as house,
    ):
        _, blob = await house.bring(content(1))
        wire.cut_after, wire.on_cut = wire.seen + 12_000_000, own_seaweed.kill
        with pytest.raises(StorageError):
            await house.upload(content(2, 30_000_000))
        with pytest.raises(StorageError):
            await house.upload(content(3))
        with pytest.raises(StorageError):
            await house.store.blobs.read(blob.blob_id)
        wire.cut_after = None
        await asyncio.to_thread(own_seaweed.start)
        assert await house.store.blobs.verify(blob.blob_id)
        _, large = await house.bring(content(2, 30_000_000))
        assert await house.store.blobs.verify(large.blob_id)


async def test_who_gives_up_leaves_nothing_on_this_machine(house):
    writer = house.store.blobs.open()
    writer.write(content(1, 3_000_000))
    finishing = asyncio.ensure_future(writer.finish())
    while not house.uploads():
        await asyncio.sleep(0)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    writer.discard()
    again, _ = await house.upload(content(1, 3_000_000))
    again.discard()
    assert house.uploads() == []


# -- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "most"), [(1, 30_000), pytest.param(10, 110_000, marks=pytest.mark.heavy)])
async def test_large_messages_need_little_memory(seaweed, tmp_path, count, most):
    """50 MiB each: one upload holds two parts of 5 MiB, eight uploads run at once, what waits is in files."""
    program = Path(__file__).with_name("memory.py")
    prefix = f"memory/{next(_numbers)}"
    arguments = [seaweed.port, tmp_path, prefix, 50 * 1024 * 1024, count]
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < most
