"""The classifier learns what its users think, each for himself; and who wants to teach it otherwise cannot."""

import inspect

import pytest

from posthouse.filter.author import Author
from posthouse.filter.classifier.lesson import Act
from posthouse.filter.display import Display, Flag, Standing
from posthouse.filter.evidence import Evidence
from posthouse.filter.ports import NOTHING
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.storage.errors import StorageError
from posthouse.testing.letters import Writer

from .conftest import Class, letter_of

ALICE, BOB, CAROL, DAVE, EVE = map(AccountId, (1, 2, 3, 4, 5))
PILLS = Writer(99).junk()


async def share_of(klass: Class, account: AccountId, writer: Writer, *, is_junk: bool, count: int = 200) -> float:
    """How many letters of ``writer`` go to Junk."""
    letters = [writer.junk() if is_junk else writer.good() for _ in range(count)]
    return sum([await klass.goes_to_junk(one.octets, account) for one in letters]) / count


# -- what it costs nobody


async def test_nobody_is_asked_while_nobody_has_taught(klass):
    letter = letter_of(PILLS.octets, ALICE)
    for examiner in klass.school.examiners:
        assert examiner.examine(letter) is NOTHING


async def test_who_has_taught_little_is_not_heard(klass):
    await klass.teach(ALICE, Writer(1).letters(9, 30))
    assert klass.school.classifier.examine(letter_of(PILLS.octets, ALICE)) is NOTHING
    await klass.teach(ALICE, [Writer(77).good()])
    assert await klass.goes_to_junk(PILLS.octets, ALICE)


async def test_known_words_need_no_trip_to_the_store(klass):
    await klass.teach(ALICE, Writer(1).letters(30, 30))
    letter = letter_of(Writer(5).good().octets, ALICE)
    first = klass.school.classifier.examine(letter)
    assert inspect.iscoroutine(first)
    said = await first
    assert klass.school.classifier.examine(letter) == said


async def test_mail_of_our_own_people_is_not_judged(klass):
    await klass.teach(ALICE, Writer(1).letters(30, 30))
    assert klass.school.classifier.examine(letter_of(PILLS.octets, ALICE, submitter=BOB)) is NOTHING


# -- what it knows


@pytest.mark.parametrize(("seed", "languages"), [(1, ("en",)), (2, ("de",)), (3, ("en", "de"))])
async def test_of_good_mail_nearly_all_is_let_in_and_of_junk_nearly_nothing(klass, seed, languages):
    await klass.teach(ALICE, Writer(seed, languages=languages).letters(90, 90))
    later = Writer(seed + 100, languages=languages)  # other friends, other hosts, other prices
    assert await share_of(klass, ALICE, later, is_junk=False) <= 0.03
    assert await share_of(klass, ALICE, later, is_junk=True) >= 0.9


async def test_what_is_junk_for_one_is_not_for_another(klass):
    news, home = Writer(1, kinds=("news",), languages=("en",)), Writer(2, kinds=("home", "work"), languages=("en",))
    for _ in range(25):
        await klass.learn(ALICE, news.good().octets, Act.JUNKED)
        await klass.learn(ALICE, home.good().octets, Act.KEPT)
        await klass.learn(BOB, news.good().octets, Act.KEPT)
        await klass.learn(BOB, home.junk().octets, Act.JUNKED)
    one = news.good().octets
    roles = (await klass.judge(one, ALICE, BOB)).roles
    assert str(roles[ALICE]) == "Role.JUNK"
    assert str(roles[BOB]) == "Role.INBOX"


async def test_three_people_teach_a_newcomer(klass):
    for account in (ALICE, BOB):
        await klass.teach(account, Writer(account).letters(60, 60))
    assert not await klass.goes_to_junk(PILLS.octets, DAVE), "two are not enough"
    await klass.teach(CAROL, Writer(3).letters(60, 60))
    later = Writer(50)
    assert await share_of(klass, DAVE, later, is_junk=False, count=100) <= 0.03
    assert await share_of(klass, DAVE, later, is_junk=True, count=100) >= 0.8


async def test_a_large_message_is_judged_by_its_beginning(klass):
    await klass.teach(ALICE, Writer(1).letters(30, 30))
    assert await klass.goes_to_junk(PILLS.octets + b"x" * 300_000, ALICE, large=True)


async def test_its_reasons_are_words_of_this_message(klass):
    await klass.teach(ALICE, Writer(1).letters(30, 30))
    (clue,) = (await klass.judge(PILLS.octets, ALICE)).clues
    assert clue.name == "classifier.junk"
    assert clue.account == ALICE
    words = [one.rpartition(" ")[0] for one in clue.text.partition(": ")[2].split(", ")]
    assert len(words) == 10
    seen = PILLS.octets.decode().lower()
    assert all(word.rpartition(":")[2].partition("-")[0] in seen for word in words)


# -- who is known


async def test_a_friend_who_writes_like_junk_is_let_in(klass):
    await klass.teach(ALICE, Writer(1).letters(40, 40))
    klass.office.acquaintance.remember(ALICE, [Address("friend", "client.test")])
    proven = Evidence(author=Author(Address("friend", "client.test"), ""), peer="", helo="", mail_from="")
    given = {"evidence": proven, "display": Display(Standing.VERIFIED, "client.test")}
    assert not await klass.goes_to_junk(PILLS.octets, ALICE, **given)
    given["display"] = Display(Standing.FORGED, "client.test")
    assert await klass.goes_to_junk(PILLS.octets, ALICE, **given), "a name that is forged helps nobody"
    given["display"] = Display(Standing.UNVERIFIED, "client.test", (Flag.REPLY_ELSEWHERE,))
    assert await klass.goes_to_junk(PILLS.octets, ALICE, **given)
    await klass.office.acquaintance.flush()


# -- who would like to teach it otherwise


async def test_mail_that_nobody_did_anything_with_teaches_nothing(klass):
    await klass.teach(ALICE, Writer(1).letters(40, 40))
    before = await klass.counts()
    for _ in range(50):
        await klass.judge(Writer(2).junk().octets, ALICE, BOB)
    assert await klass.counts() == before


async def test_one_account_cannot_make_a_word_junk_for_others(klass):
    """Whoever has stolen an account calls all good mail junk, as much as he likes."""
    for account in (ALICE, BOB, CAROL):
        await klass.teach(account, Writer(account).letters(60, 60))
    before = await share_of(klass, DAVE, Writer(50), is_junk=False, count=60)
    for number in range(150):
        await klass.learn(EVE, Writer(1000 + number).good().octets, Act.JUNKED)
        await klass.learn(EVE, Writer(1000 + number).junk().octets, Act.KEPT)
    klass.school.book.forget_words()
    assert await share_of(klass, DAVE, Writer(50), is_junk=False, count=60) <= max(before, 0.03)
    assert await share_of(klass, DAVE, Writer(50), is_junk=True, count=60) >= 0.6
    assert await share_of(klass, ALICE, Writer(50), is_junk=False, count=60) <= 0.03
    assert await share_of(klass, ALICE, Writer(50), is_junk=True, count=60) >= 0.9


async def test_words_of_one_user_are_not_told_to_another(klass):
    """Nobody learns by what goes to Junk, or by a reason, which words another user's mail has."""
    secret = b"From: a@b.test\r\nSubject: merger\r\n\r\nproject kestrel merges with falcon corporation\r\n"
    for account in (ALICE, BOB, CAROL):
        await klass.teach(account, Writer(account).letters(30, 30))
    before = (await klass.judge(secret, DAVE)).clues
    for account in (ALICE, BOB):
        await klass.learn(account, secret, Act.JUNKED)
    klass.school.book.forget_words()
    assert (await klass.judge(secret, DAVE)).clues == before


async def test_words_of_good_mail_do_not_carry_junk_in(klass):
    """A page of good words below the offer makes it unsure, not good: it never gains more than a little."""
    await klass.teach(ALICE, Writer(1).letters(60, 60))
    junk, good = Writer(7, languages=("en",)).junk(), Writer(8, languages=("en",)).good()
    salted = junk.octets + good.octets.partition(b"\r\n\r\n")[2]
    score = (await klass.judge(salted, ALICE)).clues
    assert all(clue.score >= -0.5 for clue in score)


# -- trouble


async def test_a_store_that_does_not_answer_keeps_no_mail_waiting(klass, monkeypatch):
    await klass.teach(ALICE, Writer(1).letters(30, 30))

    async def broken(*_given):
        raise StorageError("gone")

    monkeypatch.setattr(klass.office.store, "tallies", broken)
    judgement = await klass.judge(PILLS.octets, ALICE)
    assert judgement.clues == ()
    assert [one.event for one in klass.office.journal.entries][-1] == "classifier.unread"
