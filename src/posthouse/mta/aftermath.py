"""Who has still to hear of a message that was accepted, and what: its sender in a report, or the postmaster. Pure.

A recipient of the envelope leads to leaves: mailboxes of ours, addresses
elsewhere, or nothing (``mda.expand``). It got nothing of the message if none of
its leaves did; it may have got something and something of it be lost.
"""

from dataclasses import replace

import msgspec

from posthouse.mail.reply import Reply
from posthouse.mda.expand import Leaf, as_original
from posthouse.mta.draft import Draft, Refusal
from posthouse.mta.reporting import Action, Finding, is_wanted
from posthouse.storage.acceptance import Accepted, Overquota

FULL = Reply(452, "4.2.2", ("the mailbox is full",))
DELIVERED = Reply(250, "2.1.5", ("delivered to the mailbox",))
TAKEN = Reply(250, "2.1.5", ("taken",))
"""What a stranger is told: not whether it was a person, an alias or a group, nor that there is a mailbox (B02)."""
EXPANDED = Reply(250, "2.1.5", ("passed on to the members of the group",))

Failure = tuple[Leaf, Reply]


class Aftermath(msgspec.Struct, frozen=True):
    refused: tuple[Refusal, ...]
    """Who got nothing."""
    findings: list[Finding]
    """What the sender wants to hear, in a report."""
    lapsed: tuple[int, ...]
    """Recipients of which the postmaster hears, by their place."""
    unheard: list[Failure]
    """Of these, mailboxes that are full, of which the sender hears nothing."""


def is_quiet(draft: Draft, accepted: Accepted) -> bool:
    """Whether nobody was refused or wants to hear of success: so it is with nearly all mail."""
    expansion = draft.expansion
    if expansion.lost or expansion.expanded or Overquota in map(type, accepted.placed):
        return False
    for copy in expansion.copies:  # a generator would cost more than all that it looks at
        for leaf in copy.leaves:
            if leaf.recipient.notify is not None and is_wanted(leaf.recipient, Action.DELIVERED):
                return False
    return True


def reckon(draft: Draft, accepted: Accepted, *, answers_each: bool, vouched: bool, tells_strangers: bool) -> Aftermath:
    """What follows for whom.

    Our own submitters hear of every failure. A stranger hears of none but a full
    mailbox, and of that only if his reverse-path is ``vouched`` for: the rest is
    told to the postmaster (B01). Of success he hears that we took it, and what
    became of it only with ``tells_strangers`` (B02). With ``answers_each`` all who got nothing are told
    in the session, and they are when nobody got anything: no report repeats it.
    """
    expansion, is_stranger = draft.expansion, draft.envelope.submitter is None
    lost = [(one.leaf, one.reply) for one in expansion.lost]
    filed, full = _filed(draft, accepted)
    good = {leaf.index for leaf in (*expansion.onward, *filed)}
    refused = {leaf.index: reply for leaf, reply in (*lost, *full) if leaf.index not in good}
    told = refused if answers_each or not good else {}

    successes = [_find(draft, leaf, Action.DELIVERED, DELIVERED) for leaf in filed]
    successes += [_find(draft, one, Action.EXPANDED, EXPANDED) for one in expansion.expanded if one.index in good]
    if is_stranger and not (answers_each or tells_strangers):
        successes = [replace(one, action=Action.RELAYED, reply=TAKEN) for one in successes]

    failed, unheard, lapsed = [*lost, *full], list[Failure](), list[Failure]()
    if is_stranger:
        failed = full if vouched else []
        unheard = [] if vouched else [one for one in full if one[0].index not in told]
        lapsed = [one for one in lost if one[0].index in good] + unheard
    failures = [_find(draft, leaf, Action.FAILED, _for_good(why)) for leaf, why in failed if leaf.index not in told]

    return Aftermath(
        tuple(Refusal(index, why) for index, why in refused.items()),
        [one for one in (*successes, *failures) if is_wanted(one.recipient, one.action)],
        tuple(dict.fromkeys(leaf.index for leaf, _ in lapsed)),
        unheard,
    )


def _filed(draft: Draft, accepted: Accepted) -> tuple[list[Leaf], list[Failure]]:
    """The leaves that have their copy, and those whose mailbox was full."""
    filed, full = list[Leaf](), list[Failure]()
    for copy, placed in zip(draft.expansion.copies, accepted.placed, strict=True):
        if isinstance(placed, Overquota):
            full += [(leaf, FULL) for leaf in copy.leaves]
        else:
            filed += copy.leaves
    return filed, full


def _find(draft: Draft, leaf: Leaf, action: Action, reply: Reply) -> Finding:
    """What became of a leaf, told of the name that was accepted (RFC 3464 section 2.3.2), not where it led (B02)."""
    accepted = draft.envelope.recipients[leaf.index].address
    named = None if leaf.recipient.address == accepted else as_original(accepted)
    return Finding(leaf.recipient, action, reply, named=named)


def _for_good(reply: Reply) -> Reply:
    """A report of failure is final: its status is permanent (RFC 3464 section 2.3.4), as the message was accepted."""
    if reply is FULL:
        return Reply(552, "5.2.2", FULL.text)
    return reply
