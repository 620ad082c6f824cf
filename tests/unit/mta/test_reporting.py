"""Whether a sender wants to hear of it (RFC 3461 sections 5.2.2 to 5.2.6)."""

import pytest

from posthouse.mail.address import Address
from posthouse.mail.envelope import Notify, Recipient
from posthouse.mta.reporting import Action, is_wanted


@pytest.mark.parametrize(
    ("notify", "wanted"),
    [
        (None, {Action.FAILED, Action.DELAYED}),
        (Notify.NEVER, set()),
        (Notify.FAILURE, {Action.FAILED}),
        (Notify.DELAY, {Action.DELAYED}),
        (Notify.SUCCESS, {Action.DELIVERED, Action.RELAYED, Action.EXPANDED}),
    ],
)
def test_only_what_was_asked_for_is_reported(notify, wanted):
    recipient = Recipient(Address("a", "b.test"), notify)
    assert {action for action in Action if is_wanted(recipient, action)} == wanted
