"""What an owner says of his mail by moving it about, and what he does not say."""

import pytest

from posthouse.filter.classifier.lesson import Act
from posthouse.mail.ids import AccountId, MailboxId, ModSeq, Uid, UidValidity
from posthouse.ms.judging import judge_carried, judge_flagged
from posthouse.storage.mailbox import Change, Mailbox, Role

ALICE = AccountId(1)


def box(role: Role | None, number: int = 7) -> Mailbox:
    return Mailbox(MailboxId(number), "x", role, True, UidValidity(1), Uid(9), ModSeq(1), 1, 0, 10)


@pytest.mark.parametrize(
    ("source", "target", "act"),
    [
        (Role.INBOX, Role.JUNK, Act.JUNKED),
        (None, Role.JUNK, Act.JUNKED),
        (Role.TRASH, Role.JUNK, Act.JUNKED),
        (Role.JUNK, Role.JUNK, None),
        (Role.JUNK, Role.INBOX, Act.PARDONED),
        (Role.JUNK, None, Act.PARDONED),
        (Role.JUNK, Role.TRASH, None),
        (Role.INBOX, Role.ARCHIVE, Act.KEPT),
        (Role.INBOX, None, Act.KEPT),
        (Role.INBOX, Role.TRASH, None),
        (Role.INBOX, Role.DRAFTS, None),
        (Role.ARCHIVE, Role.INBOX, None),
        (None, Role.ARCHIVE, None),
    ],
)
def test_moves(source, target, act):
    lesson = judge_carried(ALICE, box(source), box(target, 8), (Uid(3),))
    assert (lesson.act if lesson else None) is act
    assert lesson is None or (lesson.account, lesson.mailbox, lesson.uids) == (ALICE, 8, (3,))


@pytest.mark.parametrize(
    ("role", "act"), [(Role.JUNK, Act.JUNKED), (Role.SENT, None), (Role.ARCHIVE, None), (None, None)]
)
def test_appending_says_something_only_of_junk(role, act):
    lesson = judge_carried(ALICE, None, box(role), (Uid(3),))
    assert (lesson.act if lesson else None) is act


def test_nothing_moved_says_nothing():
    assert judge_carried(ALICE, box(Role.INBOX), box(Role.JUNK), ()) is None


@pytest.mark.parametrize(
    ("role", "change", "flag", "says"),
    [
        (Role.INBOX, Change.ADD, "\\Answered", True),
        (Role.INBOX, Change.REPLACE, "\\Flagged", True),
        (None, Change.ADD, "\\Answered", True),
        (Role.INBOX, Change.REMOVE, "\\Answered", False),
        (Role.INBOX, Change.ADD, "\\Seen", False),
        (Role.INBOX, Change.ADD, "$NotJunk", False),
        (Role.JUNK, Change.ADD, "\\Flagged", False),
        (Role.TRASH, Change.ADD, "\\Answered", False),
    ],
)
def test_flags(role, change, flag, says):
    lesson = judge_flagged(ALICE, box(role), change, frozenset({flag}), (Uid(3),))
    assert (lesson is not None) is says
    assert lesson is None or lesson.act is Act.KEPT
