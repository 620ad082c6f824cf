"""Each message is learned once for each owner, taken back exactly, and nobody's day is without end."""

import pytest

from posthouse.filter.classifier.book import OPERATOR, PEOPLE
from posthouse.filter.classifier.learner import KEEP_MILLISECONDS
from posthouse.filter.classifier.lesson import Act, Lesson
from posthouse.mail.ids import AccountId
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Role
from posthouse.testing.letters import Writer

from .conftest import content_of

ALICE, BOB, CAROL, DAVE = map(AccountId, (1, 2, 3, 4))
LETTER = b"From: a@shop.test\r\nSubject: Hello\r\n\r\nviagra for everybody\r\n"


async def test_a_message_counts_once_however_often_it_is_moved(klass):
    assert await klass.learn(ALICE, LETTER, Act.JUNKED)
    once = await klass.counts()
    assert not await klass.learn(ALICE, LETTER, Act.JUNKED)
    assert not await klass.learn(ALICE, LETTER, Act.DROPPED)
    assert await klass.counts() == once
    assert once["bayes.totals", "1"] == (1, 0)


async def test_who_changes_his_mind_leaves_no_trace(klass):
    await klass.teach(ALICE, Writer(1).letters(5, 5))
    await klass.teach(BOB, Writer(2).letters(5, 5))
    before = await klass.counts()
    await klass.learn(ALICE, LETTER, Act.JUNKED)
    assert await klass.counts() != before
    assert await klass.learn(ALICE, LETTER, Act.PARDONED)
    assert await klass.counts() == before
    assert await klass.learn(ALICE, LETTER, Act.PARDONED), "and a pardon of what a filter did is a lesson"
    assert (await klass.counts())["bayes.totals", "1"] == (5, 6)


async def test_what_was_kept_and_then_thrown_into_junk_is_junk(klass):
    await klass.learn(ALICE, LETTER, Act.KEPT)
    await klass.learn(ALICE, LETTER, Act.JUNKED)
    assert (await klass.counts())["bayes.totals", "1"] == (1, 0)


async def test_one_person_is_one_voice_among_all_however_much_he_shows(klass):
    for number in range(20):
        await klass.learn(ALICE, LETTER + b"%d" % number, Act.JUNKED)
    counts = await klass.counts()
    assert {count for (kind, _), count in counts.items() if kind == "bayes.shared"} == {(1, 0)}
    assert counts["bayes.totals", "shared"] == (1, 0)
    await klass.learn(BOB, LETTER, Act.JUNKED)
    assert (await klass.counts())["bayes.totals", "shared"] == (2, 0)


async def test_a_day_is_bounded_but_taking_back_is_not(klass):
    klass.school.learner.most_a_day = 3
    learned = [await klass.learn(ALICE, LETTER + b"%d" % number, Act.JUNKED) for number in range(5)]
    assert learned == [True] * 3 + [False] * 2
    assert await klass.learn(ALICE, LETTER + b"0", Act.PARDONED)
    assert await klass.learn(BOB, LETTER, Act.JUNKED), "others have days of their own"
    klass.office.clock.pass_time(86400)
    assert await klass.learn(ALICE, LETTER + b"4", Act.JUNKED)


async def test_what_is_kept_names_no_word(klass):
    await klass.learn(ALICE, LETTER, Act.JUNKED)
    notes = await klass.office.store.list_notes("bayes.learned")
    kept = b"".join(one.value for one in notes) + repr(await klass.counts()).encode()
    assert b"viagra" not in kept
    assert b"shop" not in kept


async def test_another_house_keeps_other_hashes(klass):
    (digest,) = await klass.school.book.digests(["viagra"])
    klass.school.book._key = b"another key"
    assert await klass.school.book.digests(["viagra"]) != [digest]


async def test_whoever_is_forgotten_has_taught_nothing(klass):
    await klass.teach(BOB, Writer(2).letters(5, 5))
    before = await klass.counts()
    await klass.teach(ALICE, Writer(1).letters(5, 5))
    assert await klass.school.learner.forget(ALICE) > 100
    assert await klass.counts() == before
    assert {note.key[:2] for note in await klass.office.store.list_notes("bayes.learned")} == {"2/"}
    assert await klass.school.learner.forget(ALICE) == 0


async def test_the_operator_has_the_word_of_as_many_as_it_takes(klass):
    learner = klass.school.learner
    assert await learner.train(OPERATOR, "a" * 64, ["word"], is_junk=True)
    assert not await learner.train(OPERATOR, "a" * 64, ["word"], is_junk=True)
    assert (await klass.counts())["bayes.totals", "shared"] == (PEOPLE, 0)
    assert await learner.train(OPERATOR, "a" * 64, ["word"], is_junk=False), "he was wrong"
    assert (await klass.counts())["bayes.totals", "shared"] == (0, PEOPLE)
    await learner.forget(OPERATOR)
    assert await klass.counts() == {}


async def test_what_was_seen_once_and_long_ago_is_thrown_away(klass):
    await klass.learn(ALICE, LETTER, Act.JUNKED)
    await klass.learn(ALICE, LETTER.replace(b"viagra", b"cialis"), Act.JUNKED)
    klass.office.clock.pass_time(KEEP_MILLISECONDS / 1000 + 1)
    await klass.school.learner.prune()
    counts = await klass.counts()
    seldom = await klass.school.book.digests(["viagra", "cialis"])
    often = await klass.school.book.digests(["everybody"])
    assert not [key for kind, key in counts if key in seldom]
    assert {(kind, key) for kind, key in counts if key in often} == {("bayes.1", often[0]), ("bayes.shared", often[0])}


async def test_lessons_of_the_doors_are_learned_beside_the_session(klass):
    office = klass.office
    async with office.smtp() as session:
        await session.hello()
        await session.send("friend@client.test", ["alice@office.test"], LETTER)
    account = office.accounts["alice"]
    boxes = {one.role: one for one in await office.store.mailboxes(account)}
    (stored,) = await office.stored("alice")
    klass.school.heed(Lesson(account, boxes[Role.INBOX].mailbox, (stored.uid,), Act.KEPT))
    await klass.school.learner.settled()
    assert (await klass.counts())["bayes.totals", str(account)] == (0, 1)
    klass.school.learner.learns = False
    klass.school.heed(Lesson(account, boxes[Role.INBOX].mailbox, (stored.uid,), Act.JUNKED))
    await klass.school.learner.settled()
    assert (await klass.counts())["bayes.totals", str(account)] == (0, 1)


async def test_trouble_of_the_store_costs_a_note(klass, monkeypatch):
    async def broken(*_given, **_named):
        raise StorageError("gone")

    monkeypatch.setattr(klass.office.store, "read", broken)
    monkeypatch.setattr(klass.office.store, "notes", broken)
    klass.school.heed(Lesson(ALICE, 1, (1,), Act.JUNKED))
    await klass.school.learner.settled()
    await klass.school.learner.learn_released(ALICE, content_of(LETTER))
    assert [one.event for one in klass.office.journal.entries].count("classifier.unlearned") == 2


@pytest.mark.parametrize("act", list(Act))
def test_only_two_acts_say_junk(act):
    assert Lesson(ALICE, 1, (1,), act).is_junk is (act in {Act.JUNKED, Act.DROPPED})
