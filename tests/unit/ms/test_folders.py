"""Names make a hierarchy, and INBOX is INBOX in any case."""

from posthouse.ms.folders import find_mailbox, names_with_children, parents_of, room_left
from posthouse.storage.mailbox import Mailbox


def mailbox(name, size=0):
    return Mailbox(1, name, None, True, 1, 1, 1, 0, 0, size)


def test_inbox_in_any_case_and_others_exactly():
    mailboxes = [mailbox("INBOX"), mailbox("Work")]
    assert find_mailbox(mailboxes, "inBox") is mailboxes[0]
    assert find_mailbox(mailboxes, "Work") is mailboxes[1]
    assert find_mailbox(mailboxes, "work") is None


def test_a_dotless_i_does_not_lead_to_inbox():
    assert find_mailbox([mailbox("INBOX")], "\u0131nbox") is None


def test_parents():
    assert parents_of("a/b/c") == ["a", "a/b"]
    assert parents_of("a") == []
    assert names_with_children(["a/b/c", "d"]) == {"a", "a/b"}


def test_room():
    assert room_left([mailbox("a", 30), mailbox("b", 20)], 60) == 10
