"""Who hears what of a message that was accepted: the sender, the postmaster, whoever is still in the session."""

import pytest

from posthouse.mail.content import Blob
from posthouse.mail.envelope import Envelope, Notify, Recipient
from posthouse.mail.reply import reply
from posthouse.mda.expand import NOBODY, Copy, Expansion, Leaf, Lost
from posthouse.mta.aftermath import EXPANDED, TAKEN, is_quiet, reckon
from posthouse.mta.draft import Draft
from posthouse.mta.reporting import Action
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.acceptance import Acceptance, Accepted, Overquota, Placed

ALICE, BOB = 1, 2
HERE = Placed(ALICE, 1, 1, 1, 1, "M1")
SENDER = parse_mailbox("sender@elsewhere.test")


def recipient(name, notify=None):
    return Recipient(parse_mailbox(f"{name}@office.test"), notify=notify)


def leaf(name, index=0, notify=None):
    return Leaf(recipient(name, notify), index)


def copy(account, *leaves):
    return Copy(account, leaves[0].recipient.address, leaves)


def draft(expansion, *names, submitter=None):
    """A message to ``names`` that leads where ``expansion`` says."""
    envelope = Envelope(SENDER, tuple(recipient(name) for name in names), submitter=submitter)
    return Draft(Acceptance("t", Blob("0" * 64, 0, b"")), expansion, envelope, b"")


def outcome(message, *placed, answers_each=False, vouched=False, tells_strangers=False):
    """Who was refused, what the sender hears, of which recipients the postmaster hears."""
    after = reckon(
        message, Accepted(placed), answers_each=answers_each, vouched=vouched, tells_strangers=tells_strangers
    )
    return (
        [one.index for one in after.refused],
        [(str(one.recipient.address.local), one.action) for one in after.findings],
        list(after.lapsed),
    )


def test_a_message_that_is_filed_and_about_which_nobody_asked_is_quiet():
    assert is_quiet(draft(Expansion((copy(ALICE, leaf("alice")),)), "alice"), Accepted((HERE,)))


@pytest.mark.parametrize(
    ("expansion", "placed"),
    [
        (Expansion((copy(ALICE, leaf("alice")),)), (Overquota(ALICE),)),
        (Expansion((copy(ALICE, leaf("alice", notify=Notify.SUCCESS)),)), (HERE,)),
        (Expansion((copy(ALICE, leaf("alice")),), expanded=(leaf("all"),)), (HERE,)),
        (Expansion((copy(ALICE, leaf("alice")),), lost=(Lost(leaf("gone"), NOBODY),)), (HERE,)),
    ],
    ids=["full", "asked", "group", "lost"],
)
def test_what_somebody_must_hear_of_is_not_quiet(expansion, placed):
    assert not is_quiet(draft(expansion, "alice"), Accepted(placed))


PARTLY_FULL = Expansion((copy(ALICE, leaf("alice")), copy(BOB, leaf("bob", 1))))
ALIAS = Expansion((copy(ALICE, leaf("alice")),), lost=(Lost(leaf("gone"), NOBODY),))


def test_a_full_mailbox_beside_others_is_reported_to_our_own_and_to_senders_who_are_vouched_for():
    """Threat B01: to other strangers it is not, but the postmaster hears of it."""
    ours, strangers = (draft(PARTLY_FULL, "alice", "bob", submitter=one) for one in (ALICE, None))
    told = ([1], [("bob", Action.FAILED)], [])
    assert outcome(ours, HERE, Overquota(BOB)) == told
    assert outcome(strangers, HERE, Overquota(BOB), vouched=True) == told
    assert outcome(strangers, HERE, Overquota(BOB)) == ([1], [], [1])


def test_what_an_alias_leads_to_and_nobody_has_is_told_to_our_own_and_else_to_the_postmaster():
    assert outcome(draft(ALIAS, "team", submitter=ALICE), HERE) == ([], [("gone", Action.FAILED)], [])
    for vouched in (False, True):
        assert outcome(draft(ALIAS, "team"), HERE, vouched=vouched) == ([], [], [0])


@pytest.mark.parametrize("submitter", [None, ALICE])
def test_what_the_session_is_told_no_report_repeats(submitter):
    each = draft(PARTLY_FULL, "alice", "bob", submitter=submitter)
    assert outcome(each, HERE, Overquota(BOB), answers_each=True) == ([1], [], [])
    nobody = draft(Expansion((copy(BOB, leaf("bob")),)), "bob", submitter=submitter)
    assert outcome(nobody, Overquota(BOB)) == ([0], [], [])


def test_of_success_a_stranger_hears_that_it_was_taken():
    """Threat B02."""
    asked = Expansion((copy(ALICE, leaf("alice", notify=Notify.SUCCESS)),), expanded=(leaf("all", 0, Notify.SUCCESS),))
    [(delivered, first), (expanded, second)] = outcome(draft(asked, "all", submitter=ALICE), HERE)[1]
    assert (delivered, first, expanded, second) == ("alice", Action.DELIVERED, "all", Action.EXPANDED)
    told = reckon(draft(asked, "all"), Accepted((HERE,)), answers_each=False, vouched=True, tells_strangers=False)
    assert {(one.action, one.reply) for one in told.findings} == {(Action.RELAYED, TAKEN)}
    told = reckon(draft(asked, "all"), Accepted((HERE,)), answers_each=False, vouched=True, tells_strangers=True)
    assert [one.reply for one in told.findings][-1] is EXPANDED


def test_a_group_of_which_nobody_got_anything_was_not_passed_on():
    group = Expansion((copy(BOB, leaf("bob", notify=Notify.FAILURE)),), expanded=(leaf("all", 0, Notify.SUCCESS),))
    assert outcome(draft(group, "all", submitter=ALICE), Overquota(BOB)) == ([0], [], [])


def test_a_report_of_failure_is_final():
    """RFC 3464 section 2.3.4."""
    after = reckon(
        draft(PARTLY_FULL, "alice", "bob", submitter=ALICE),
        Accepted((HERE, Overquota(BOB))),
        answers_each=False,
        vouched=False,
        tells_strangers=False,
    )
    assert [str(one.reply) for one in after.findings] == [str(reply(552, "5.2.2", "the mailbox is full"))]
