"""A mail bomb made of real mail: confirmations of hundreds of lists that somebody subscribed another to (threat B06).

Bulk mail of senders that a mailbox does not know is counted; what comes beyond so
many in ten minutes goes to Junk, where nothing is lost. Mail of known
correspondents and mail that is not bulk stays where it belongs.
"""

from collections.abc import Coroutine
from typing import Any, Final

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.action import Action
from posthouse.filter.allowance import Allowance
from posthouse.filter.clue import Clue
from posthouse.filter.letter import Letter
from posthouse.filter.ports import NOTHING, Opinion
from posthouse.lib.ports import Clock
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.standards.imf.header import Header

SECONDS: Final = 600.0
_TELLING = frozenset({"list-unsubscribe", "list-id", "feedback-id", "precedence", "auto-submitted"})


class Surge:
    """Implements ``filter.ports.Examiner``."""

    __slots__ = ("_acquaintance", "_bulk")

    name = "surge"

    def __init__(self, most: int, acquaintance: Acquaintance, clock: Clock) -> None:
        self._acquaintance = acquaintance
        self._bulk: Allowance[AccountId] = Allowance(most, SECONDS, clock)

    def adopt(self, most: int) -> None:
        """So many from now on."""
        self._bulk.change(most, SECONDS)

    @property
    def allowances(self) -> dict[str, Allowance[Any]]:
        """By the name under which nodes tell each other of it."""
        return {"surge": self._bulk}

    def examine(self, letter: Letter) -> Opinion | Coroutine[Any, Any, Opinion]:
        header = letter.examination.header
        if letter.submitter is not None or not letter.accounts or header is None or not is_bulk(header):
            return NOTHING
        return self._examine_bulk(letter)

    async def _examine_bulk(self, letter: Letter) -> Opinion:
        sender = parse_sender(letter.mail_from)
        clues = []
        for account in letter.accounts:
            if sender is not None and await self._acquaintance.knows(account, sender):
                continue
            if not self._bulk.take(account):
                clues.append(Clue(self.name, "surge.bulk", "a surge of bulk mail", action=Action.JUNK, account=account))
        return Opinion(tuple(clues)) if clues else NOTHING


def is_bulk(header: Header) -> bool:
    """Whether a message says that it was sent to many, or by a machine."""
    if not header.has_any(_TELLING):
        return False
    if header.first("list-unsubscribe") or header.first("list-id") or header.first("feedback-id"):
        return True
    precedence = (header.first("precedence") or b"").strip().lower()
    if precedence in {b"bulk", b"list", b"junk"}:
        return True
    automatic = (header.first("auto-submitted") or b"no").strip().lower()  # RFC 3834 section 5
    return not automatic.startswith(b"no")


def parse_sender(text: str) -> Address | None:
    """The reverse-path of a letter as an address."""
    local, at, domain = text.rpartition("@")
    return Address(local, domain.lower()) if at else None
