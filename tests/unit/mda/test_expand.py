"""Who really gets a message."""

import pytest

from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.mail.address import Address
from posthouse.mail.envelope import Notify, OriginalRecipient, Recipient
from posthouse.mda.expand import LOOP, NOBODY, TOO_MANY, expand
from posthouse.storage import directory as kept
from posthouse.storage.directory import AccountRow, AliasRow, DomainRow

LIMITS = Limits(alias_expansion=20, alias_depth=3)


def address(text: str) -> Address:
    return Address(*text.split("@"))


def directory(**aliases: str) -> Directory:
    rows = tuple(AliasRow(f"{name}@office.test", tuple(targets.split())) for name, targets in aliases.items())
    accounts = tuple(
        AccountRow(number, f"{name}@office.test", name, (), 0, 0) for number, name in enumerate(("alice", "bob"), 1)
    )
    return Directory(kept.Directory(1, (DomainRow("office.test"),), accounts, rows))


def run(house: Directory, *recipients: str | Recipient):
    given = [one if isinstance(one, Recipient) else Recipient(address(one)) for one in recipients]
    return expand(house, given, LIMITS)


def accounts(expansion) -> list[int]:
    return [copy.account for copy in expansion.copies]


def onward(expansion) -> list[str]:
    return [str(leaf.recipient.address) for leaf in expansion.onward]


def test_a_mailbox_is_one_copy_for_its_own_spelling_of_the_address():
    expansion = run(directory(), "ALICE@office.test")
    assert [str(copy.address) for copy in expansion.copies] == ["alice@office.test"]


def test_a_detail_leads_to_the_mailbox_and_stays_in_the_address_of_delivery():
    expansion = run(directory(), "alice+lists@office.test")
    assert [(copy.account, str(copy.address)) for copy in expansion.copies] == [(1, "alice+lists@office.test")]


def test_nobody_gets_two_copies_whatever_the_ways_to_him():
    expansion = run(
        directory(team="alice@office.test bob@office.test friend@else.test"),
        "alice@office.test", "alice+x@office.test", "team@office.test", "friend@else.test", "team@office.test",
    )  # fmt: skip
    assert accounts(expansion) == [1, 2]
    assert onward(expansion) == ["friend@else.test"]


def test_recipients_elsewhere_keep_their_spelling():
    assert onward(run(directory(), "Friend@else.test", "friend@else.test")) == ["Friend@else.test", "friend@else.test"]


def test_aliases_of_aliases_are_followed_to_their_end():
    house = directory(one="two@office.test", two="three@office.test", three="bob@office.test")
    assert accounts(run(house, "one@office.test")) == [2]


def test_a_circle_ends_and_whoever_is_on_it_still_gets_a_copy():
    house = directory(a="b@office.test alice@office.test", b="a@office.test bob@office.test")
    expansion = run(house, "a@office.test")
    assert sorted(accounts(expansion)) == [1, 2]
    assert not expansion.lost


def test_a_circle_with_nobody_on_it_is_a_loop():
    expansion = run(directory(a="b@office.test", b="a@office.test"), "a@office.test")
    assert [one.reply for one in expansion.lost] == [LOOP]


def test_a_chain_deeper_than_l23_is_a_mistake():
    house = directory(a="b@office.test", b="c@office.test", c="d@office.test", d="alice@office.test")
    expansion = run(house, "a@office.test")
    assert (expansion.copies, [one.reply for one in expansion.lost]) == ((), [LOOP])


def test_an_address_does_not_stand_for_more_than_l23_allows():
    wide = " ".join(f"{number}@else.test" for number in range(21))
    expansion = run(directory(wide=wide), "wide@office.test", "alice@office.test")
    assert (onward(expansion), accounts(expansion)) == ([], [1])
    assert [(one.leaf.index, one.reply) for one in expansion.lost] == [(0, TOO_MANY)]


def test_a_tree_that_doubles_at_each_level_stays_within_l23():
    levels = {f"l{n}": " ".join([f"l{n + 1}@office.test", f"l{n + 1}+x@office.test"] * 4) for n in range(10)}
    expansion = run(directory(**levels), "l0@office.test")
    assert not expansion.copies
    assert len(expansion.lost) < 50


def test_a_member_that_does_not_exist_is_lost_and_the_others_are_served():
    expansion = run(directory(team="alice@office.test gone@office.test"), "team@office.test")
    assert accounts(expansion) == [1]
    assert [(str(one.leaf.recipient.address), one.reply) for one in expansion.lost] == [("gone@office.test", NOBODY)]


# RFC 3461 section 5.2.7


def asked(text: str, notify: Notify, original: str = "first@else.test") -> Recipient:
    return Recipient(address(text), notify, OriginalRecipient("rfc822", original))


def test_an_alias_with_one_target_passes_notify_and_orcpt_on():
    house = directory(sales="friend@else.test")
    given = asked("sales@office.test", Notify.SUCCESS | Notify.FAILURE)
    (leaf,) = run(house, given).onward
    assert (leaf.recipient.notify, leaf.recipient.original) == (given.notify, given.original)


@pytest.mark.parametrize(
    ("notify", "passed"),
    [(Notify.SUCCESS | Notify.DELAY, Notify.DELAY), (Notify.SUCCESS, Notify.NEVER), (Notify.FAILURE, Notify.FAILURE)],
)
def test_a_group_passes_notify_on_without_success_and_is_reported_as_expanded(notify, passed):
    house = directory(team="friend@else.test alice@office.test")
    expansion = run(house, asked("team@office.test", notify))
    assert [leaf.recipient.notify for leaf in expansion.onward] == [passed]
    assert [leaf.recipient.notify for copy in expansion.copies for leaf in copy.leaves] == [passed]
    assert len(expansion.expanded) == (Notify.SUCCESS in notify)


def test_a_target_is_told_which_address_the_sender_used():
    (leaf,) = run(directory(sales="friend@else.test"), "sales@office.test").onward
    assert leaf.recipient.original == OriginalRecipient("rfc822", "sales@office.test")
    assert leaf.recipient.notify is None
