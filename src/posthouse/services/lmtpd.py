"""lmtpd: the door for programs on this machine that hand over mail for our own people (RFC 2033).

STANDARDS. RFC 2033, with the extensions of smtpd.

SECURITY. No login: whoever reaches the socket may deliver, so it listens on
loopback or behind a firewall. Only recipients of ours are accepted (section
5 of the standard: no queue for others), so it is no way out of the house. Nobody
need prove who wrote what comes here; its content is looked at all the same.

LIMITS. As smtpd.
"""

from collections.abc import Awaitable, Iterable

from posthouse.mail.reply import Reply
from posthouse.mta.desk import Desk
from posthouse.mta.reception import Answer, Reception
from posthouse.mta.transaction import Outcome, Transaction
from posthouse.net.ports import Line
from posthouse.standards.smtp.server import ServerConnection


class LmtpDoor(Reception):
    """One LMTP session: the end of the content is answered for each recipient (RFC 2033 section 4.2)."""

    __slots__ = ()

    def __init__(self, desk: Desk, line: Line, core: ServerConnection) -> None:
        super().__init__(desk, line, core)
        self.client.exempt = True  # one local program speaks for everybody

    @property
    def _is_trusted(self) -> bool:
        return True

    def _conclude(self, transaction: Transaction, outcome: Outcome) -> Iterable[Reply]:
        replies = [outcome.reply] * len(transaction.recipients)
        if outcome.reply.accepted:
            self._accepted(transaction)
        elif not outcome.refusals:
            return [self._note(outcome.reply)] * len(replies)
        for refusal in outcome.refusals:
            address = str(transaction.recipients[refusal.index].address)
            replies[refusal.index] = self._note(refusal.reply, recipients=(address,))
        return replies

    def _for_each(self, answer: Answer, recipients: int) -> Answer:
        if isinstance(answer, Awaitable):
            return _repeat_late(answer, recipients)
        return tuple(answer) * recipients


async def _repeat_late(answer: Awaitable[Iterable[Reply]], times: int) -> Iterable[Reply]:
    return tuple(await answer) * times


def open_lmtp(desk: Desk, line: Line) -> tuple[ServerConnection, LmtpDoor]:
    """Core and door for a connection that was admitted."""
    core = ServerConnection(desk.offer)
    return core, LmtpDoor(desk, line, core)
