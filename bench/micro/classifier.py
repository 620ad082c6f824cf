"""What the classifier costs a message of 4 KiB: while nobody has taught, with its words in memory, with none of them.

python bench/micro/classifier.py
"""

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path

from posthouse.filter.classifier.lesson import Act
from posthouse.filter.classifier.school import School
from posthouse.filter.classifier.tokens import tokens_of
from posthouse.filter.examination import examine
from posthouse.filter.letter import Letter
from posthouse.mail.content import Blob, Content
from posthouse.mail.ids import AccountId
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.letters import Writer
from posthouse.testing.opinions import opinion_of
from posthouse.testing.ports import CountedIds, ManualClock

ALICE, BOB = AccountId(1), AccountId(2)
SIZE = 4096
WORDS = Path(__file__).read_text("utf-8")


def letter_of(octets, account):
    async def read(start, length):
        return octets[start : start + length]

    blob = Blob("x", len(octets), octets)
    return Letter("id", "192.0.2.1", "far.test", "a@far.test", (), (account,), None, examine(octets), blob, read)


def four_kib(writer, *, junk):
    """A message as long as that: several letters in one, then words of the kind that only one message has."""
    octets = (writer.junk() if junk else writer.good()).octets
    while len(octets) < SIZE:
        octets += writer.good().octets.partition(b"\r\n\r\n")[2] + f"reference {hash(octets) % 10**9:x}\r\n".encode()
    return octets[:SIZE]


async def best_of(work, count):
    best = 1e9
    for _ in range(15):
        start = time.process_time()
        for _ in range(count):
            await work()
        best = min(best, time.process_time() - start)
    return best / count * 1e6


def say(what, microseconds):
    print(f"{what:>32}: {microseconds:7.2f} us")


async def main():
    clock, journal = ManualClock(), KeptJournal()
    with tempfile.TemporaryDirectory() as directory:
        store = await open_store(Path(directory) / "store", clock=clock, ids=CountedIds(), journal=journal)
        school = School(store, None, clock, journal)
        school.learner.most_a_day = 10_000
        examiner, good = school.classifier, four_kib(Writer(9), junk=False)
        for_alice, for_bob = letter_of(good, ALICE), letter_of(good, BOB)
        say("nobody has taught", await best_of(lambda: opinion_of(examiner, for_alice), 1000))
        for one in Writer(1).letters(100, 100):
            name = hashlib.sha256(one.octets).hexdigest()
            act = Act.JUNKED if one.is_junk else Act.KEPT
            await school.learner.learn(ALICE, Content(b"", Blob(name, len(one.octets), one.octets)), act)
        say("he has taught nothing", await best_of(lambda: opinion_of(examiner, for_bob), 1000))
        count = len(tokens_of(good))
        say(f"{count} words, all in memory", await best_of(lambda: opinion_of(examiner, for_alice), 200))
        prose = letter_of(b"Subject: x\r\n\r\n" + WORDS.encode()[: SIZE - 20], ALICE)
        count = len(tokens_of(prose.blob.octets))
        say(f"{count} words in ASCII", await best_of(lambda: opinion_of(examiner, prose), 200))

        async def cold():
            school.book.forget_words()
            await opinion_of(examiner, for_alice)

        say("none in memory (both threads)", await best_of(cold, 20))
        await store.close()


asyncio.run(main())
