"""What an examiner of messages found: one clue each, to be weighed with all others by ``filter.boundary``."""

import msgspec

from posthouse.filter.action import Action
from posthouse.mail.ids import AccountId
from posthouse.mail.reply import Reply


class Clue(msgspec.Struct, frozen=True):
    """``source`` says it ("clamav"), ``name`` is for counting ("clamav.virus"), ``text`` for people.

    ``score`` is its weight towards junk, negative when it speaks for the
    message; ``action`` is the least that this clue alone demands, with
    ``reply`` for ``DEFER`` and ``REFUSE``. With an ``account`` it concerns
    only the copy of that account, and can put it into Junk or quarantine.
    """

    source: str
    name: str
    text: str
    score: float = 0.0
    action: Action = Action.ACCEPT
    reply: Reply | None = None
    account: AccountId | None = None
