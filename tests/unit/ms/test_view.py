"""A view changes only when it is told to, and tells what changed in the order in which a client can follow."""

from posthouse.ms.view import MailboxView, Update
from posthouse.storage.mailbox import Delta, Mailbox, Message, View

NO_FLAGS = frozenset()
SEEN = frozenset({"\\Seen"})


def mailbox(messages=0):
    return Mailbox(1, "INBOX", None, True, 7, 100, 50, messages, 0, 0)


def view_of(*uids, flags=NO_FLAGS):
    return MailboxView(View(mailbox(len(uids)), tuple(Message(uid, uid, flags) for uid in uids), 50))


def delta(*changed, vanished=(), highest=60):
    return Delta(changed, vanished, highest, mailbox())


def test_numbers_and_uids():
    view = view_of(2, 5, 9)
    assert len(view) == 3
    assert view.uid(1) == 5
    assert view.index(9) == 2
    assert view.index(3) is None
    assert view.first_unseen() == 1


def test_new_messages_are_counted_and_nothing_more():
    view = view_of(2, 5)
    assert view.apply(delta(Message(9, 55, SEEN), Message(7, 54, NO_FLAGS)), may_expunge=False) == Update(exists=4)
    assert list(view.uids) == [2, 5, 7, 9]
    assert view.highest == 60


def test_changed_flags_are_told_once():
    view = view_of(2, 5)
    change = Message(5, 55, SEEN)
    assert view.apply(delta(change), may_expunge=False) == Update(changed=(1,))
    assert not view.apply(delta(change), may_expunge=False)


def test_what_our_own_command_did_is_not_told_again():
    view = view_of(2, 5)
    change = Message(5, 55, SEEN)
    assert view.take([change, Message(77, 56, SEEN)]) == [1]
    assert not view.apply(delta(change), may_expunge=True)


def test_an_older_state_does_not_undo_a_newer_one():
    view = view_of(5)
    view.take([Message(5, 58, SEEN)])
    view.take([Message(5, 55, NO_FLAGS)])
    assert view.flags(0) == SEEN


def test_what_is_gone_keeps_its_number_until_it_may_go():
    view = view_of(2, 5, 9)
    assert not view.apply(delta(vanished=(2, 9, 77)), may_expunge=False)
    assert len(view) == 3
    assert view.has_gone
    assert view.apply(delta(Message(5, 59, SEEN)), may_expunge=True) == Update(((3, 9), (1, 2)), None, (0,))
    assert list(view.uids) == [5]
    assert not view.has_gone


def test_many_go_at_once():
    view = view_of(*range(1, 1001))
    dropped = view.drop(range(2, 1001, 2))
    assert dropped[0] == (1000, 1000)
    assert dropped[-1] == (2, 2)
    assert list(view.uids) == list(range(1, 1000, 2))
    assert view.modseq(1) == 3


def test_equal_flags_are_one_object_and_keywords_are_listed():
    view = view_of(1, 2, flags=frozenset({"$Work", "\\Seen"}))
    assert view.flags(0) is view.flags(1)
    assert view.keywords == ("$Work",)
