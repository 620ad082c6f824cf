"""The same file from many accounts, whichever node they are served by (threat M08)."""

from posthouse.filter.content.replication import Replication
from posthouse.mail.ids import AccountId
from posthouse.testing.ports import ManualClock

FILE = b"\x01" * 16


def test_accounts_of_two_nodes_count_together() -> None:
    clock = ManualClock()
    first, second = (Replication(clock, accounts=5, seconds=600) for _ in range(2))
    for node in (first, second):
        node.share()
    assert not any(first.note(FILE, AccountId(number)) for number in (1, 2, 3, 3))
    for who, amount in first.take_news().items():
        second.charge_elsewhere(who, amount)
    assert second.take_news() == {}
    assert not second.note(FILE, AccountId(3))
    assert not second.note(FILE, AccountId(4))
    assert second.note(FILE, AccountId(5))
    clock.pass_time(601)
    assert not second.note(FILE, AccountId(6))


def test_what_another_release_says_is_passed_over() -> None:
    node = Replication(ManualClock(), accounts=2, seconds=600)
    for nonsense in ("", "zz/1", "01/x", "a/b/c"):
        node.charge_elsewhere(nonsense, 1)
    assert not node.note(FILE, AccountId(1))
