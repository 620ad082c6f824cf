"""Killed at any moment between upload and commit, nothing acknowledged is missing, and what was left over is swept."""

import random
import subprocess
import sys
from pathlib import Path

from posthouse.storage.s3.objects import Objects, Patience, Place
from posthouse.supervisor.engine import BodyKeys, open_engine
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.supervisor.sections.node import StoreSection
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock

PREFIX = "crash"
DAY = 24 * 3600


def life(seaweed, directory, first, count):
    """What one life acknowledged before it was killed."""
    program = [sys.executable, str(Path(__file__).with_name("taker.py"))]
    process = subprocess.Popen(
        [*program, str(seaweed.port), str(directory), PREFIX, str(first)], stdout=subprocess.PIPE, text=True
    )
    lines = [process.stdout.readline() for _ in range(count)]
    process.kill()
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    return [line.strip() for line in lines if line.endswith("\n")]


async def test_what_was_acknowledged_is_in_the_bucket_and_the_rest_goes(seaweed, tmp_path):
    chance, acknowledged = random.Random(5321), []
    for number in range(4):
        acknowledged += life(seaweed, tmp_path, number * 10**8, chance.randrange(5, 120))
    journal, clock = KeptJournal(), ManualClock(SystemClock().now())
    section = StoreSection(bodies=f"s3://mail/{PREFIX}", s3_endpoint=f"http://127.0.0.1:{seaweed.port}")
    keys = BodyKeys("office", "not a secret")
    store = await open_engine(section, tmp_path, keys, clock=clock, ids=RandomIds(), journal=journal)
    place = Place("mail", PREFIX, section.s3_endpoint, key_id=keys.key_id, secret=keys.secret)
    outside = Objects(place, Patience(), journal)
    assert len(acknowledged) > 20
    for blob in acknowledged:
        assert await store.blobs.verify(blob)
    clock.pass_time(2 * DAY)
    assert [line async for line in store.sweep(int(clock.now() * 1000))]
    for blob in acknowledged:
        assert await store.blobs.verify(blob)
    left = [key async for page in outside.list("b/") for key in page]
    inbox = (await store.mailboxes((await store.directory()).accounts[0].account))[0]
    assert len(left) == inbox.messages >= len(acknowledged)
    await store.close()
    assert journal.entries == []
