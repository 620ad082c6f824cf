"""Several nodes teach one school, and it can be closed."""

from posthouse.filter.classifier.lesson import Act
from posthouse.filter.classifier.school import School
from posthouse.filter.ports import NOTHING
from posthouse.mail.ids import AccountId
from posthouse.testing.letters import Writer

from .conftest import Class, content_of, letter_of

ALICE = AccountId(1)


async def test_what_one_node_learns_the_others_know_at_their_next_look(klass, office):
    other = Class(office)
    junk = Writer(9).junk().octets
    await klass.teach(ALICE, Writer(1).letters(30, 30))
    assert other.school.classifier.examine(letter_of(junk, ALICE)) is NOTHING
    await other.school.refresh()
    assert await other.goes_to_junk(junk, ALICE)
    for _ in range(60):
        await klass.learn(ALICE, Writer(1).good().octets, Act.JUNKED)
    await klass.school.learner.forget(ALICE)
    await other.school.refresh()
    assert other.school.classifier.examine(letter_of(junk, ALICE)) is NOTHING


async def test_all_nodes_hash_with_one_key(klass, office):
    assert await klass.school.book.digests(["x"]) == await Class(office).school.book.digests(["x"])


async def test_a_closed_school_says_nothing_and_other_rules_hold_at_once(klass, office):
    school: School = klass.school
    await klass.teach(ALICE, Writer(1).letters(30, 30))
    school.adopt(is_open=False, learns=False, minimum=10, most_a_day=5)
    assert school.examiners == ()
    school.adopt(is_open=True, learns=True, minimum=31, most_a_day=5)
    assert school.classifier.examine(letter_of(Writer(9).junk().octets, ALICE)) is NOTHING
    assert len(school.examiners) == 2


async def test_what_a_worn_out_word_leaves_is_pruned_by_one_node(klass, office):
    await klass.school.learner.learn(ALICE, content_of(b"Subject: x\r\n\r\nword\r\n"), Act.JUNKED)
    await klass.school.learner.learn(ALICE, content_of(b"Subject: x\r\n\r\nword\r\n"), Act.PARDONED)
    assert await klass.school.learner.prune() == 0, "nobody is known any more; the next lesson wakes it"
    await klass.school.learner.learn(ALICE, content_of(b"Subject: y\r\n\r\nother\r\n"), Act.JUNKED)
    assert await klass.school.learner.prune() >= 2
