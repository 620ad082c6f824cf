"""The classifier's counts on the distributed engine: two nodes teach, and what is taken back leaves nothing."""

import hashlib

from posthouse.filter.classifier.lesson import Act
from posthouse.filter.classifier.school import School
from posthouse.mail.content import Blob, Content
from posthouse.mail.ids import AccountId, BlobId
from posthouse.storage.postgresql.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.letters import Writer
from posthouse.testing.ports import CountedIds, ManualClock

ALICE = AccountId(1)


async def test_two_nodes_teach_one_school(postgres, tmp_path):
    clock, journal = ManualClock(), KeptJournal()
    stores = [
        await open_store(postgres, spool=tmp_path / name, clock=clock, ids=CountedIds(), journal=journal, node=name)
        for name in ("one", "two")
    ]
    schools = [School(store, None, clock, journal) for store in stores]
    try:
        letters = Writer(1).letters(12, 12)
        contents = [
            Content(b"", Blob(BlobId(hashlib.sha256(one.octets).hexdigest()), len(one.octets), one.octets))
            for one in letters
        ]
        for number, content in enumerate(contents):
            school = schools[number % 2]
            await school.refresh()
            assert await school.learner.learn(ALICE, content, Act.JUNKED if letters[number].is_junk else Act.KEPT)
            await stores[number % 2].tallies("bayes.totals", ())  # what was counted is written
        for school in schools:
            await school.refresh()
            assert school.book.speaks(ALICE)
            assert not await school.learner.learn(ALICE, contents[0], Act.JUNKED if letters[0].is_junk else Act.KEPT)
        assert await schools[0].learner.forget(ALICE) > 100
        await schools[1].refresh()
        assert schools[1].book.is_mute
        assert not [one for one in await stores[1].list_tallies("bayes.shared") if one.a or one.b]
    finally:
        for store in stores:
            await store.close()
