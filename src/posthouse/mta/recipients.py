"""Recipients, each admitted or refused at RCPT: by the office's rule, by the admission of strangers, by milters.

Whoever is known to be welcome is answered at once; what has to be asked first
is awaited.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from posthouse.admd.directory import Alias, Directory, Local
from posthouse.admd.limits import Limits
from posthouse.filter.scanners.early import Early, MilterScanner
from posthouse.filter.scanners.milter import Opening
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import AccountId
from posthouse.mail.reply import Reply
from posthouse.mda.expand import expand
from posthouse.mta.admission import ALONE, Admission
from posthouse.mta.relaying import meant
from posthouse.mta.transaction import Transaction

RECIPIENT_OK = Reply(250, "2.1.5", ("recipient ok",))

Rule = Callable[[Transaction, Recipient], Reply | None]
"""Whether a recipient is right at all: ``mta.relaying.Relaying.judge``, or that of ``msa.submit``."""


class Recipients:
    """Takes recipients into a transaction. ``admission`` and ``milters`` are for mail that others bring."""

    __slots__ = ("_admission", "_directory", "_judge", "_limits", "_milters")

    def __init__(
        self,
        judge: Rule,
        directory: Directory,
        limits: Limits,
        *,
        admission: Admission | None = None,
        milters: Sequence[MilterScanner] = (),
    ) -> None:
        self._judge = judge
        self._directory = directory
        self._limits = limits
        self._admission = admission
        self._milters = milters

    def add(self, transaction: Transaction, recipient: Recipient) -> Reply | Awaitable[Reply]:
        """250, or why not; to be awaited when somebody has to be asked first."""
        found = self._add(transaction, recipient)
        if not self._milters or (isinstance(found, Reply) and found.code != 250):
            return found
        return self._ask_milters(transaction, recipient, found)

    async def _ask_milters(
        self, transaction: Transaction, recipient: Recipient, found: Reply | Awaitable[Reply]
    ) -> Reply:
        """Milters hear only of recipients that we would take."""
        reply = found if isinstance(found, Reply) else await found
        if reply.code != 250:
            return reply
        early = transaction.early
        if early is None:
            early = transaction.early = Early(self._milters, opening_of(transaction))
        refusal = await early.ask(meant(transaction.client, recipient))
        if refusal is None:
            return reply
        transaction.recipients.remove(recipient)
        return refusal

    def _add(self, transaction: Transaction, recipient: Recipient) -> Reply | Awaitable[Reply]:
        refusal = self._judge(transaction, recipient)
        if refusal is not None:
            return refusal
        admission = self._admission
        if admission is None:
            transaction.recipients.append(recipient)
            return RECIPIENT_OK
        accounts = self._accounts_of(transaction, recipient)
        found = admission.ask(transaction.client, transaction.mail, recipient, accounts, len(transaction.recipients))
        if found is not None and not isinstance(found, Reply):
            return self._admit_later(transaction, recipient, accounts, found)
        return found or self._admit(transaction, recipient, accounts)

    async def _admit_later(
        self,
        transaction: Transaction,
        recipient: Recipient,
        accounts: Sequence[AccountId],
        found: Coroutine[Any, Any, Reply | None],
    ) -> Reply:
        return await found or self._admit(transaction, recipient, accounts)

    def _admit(self, transaction: Transaction, recipient: Recipient, accounts: Sequence[AccountId]) -> Reply:
        """Into the transaction, unless its size is unknown and room is scarce: then each is sent apart.

        A recipient that is refused in the session needs no report, which might hit whom the sender claims to be (B01).
        """
        admission = self._admission
        if transaction.alone:
            return ALONE
        if (
            admission is not None
            and transaction.mail.size is None
            and admission.is_doubtful(transaction.mail, accounts)
        ):
            if transaction.recipients:
                return ALONE
            transaction.alone = True
        transaction.recipients.append(recipient)
        return RECIPIENT_OK

    def _accounts_of(self, transaction: Transaction, recipient: Recipient) -> Sequence[AccountId]:
        """The mailbox it is for; none of a group, where one full mailbox must not keep the others waiting."""
        residence = transaction.residence
        if type(residence) is Local:
            return (residence.account,)
        if not isinstance(residence, Alias):
            return ()
        expansion = expand(self._directory, (recipient,), self._limits)
        if len(expansion.copies) != 1 or expansion.onward:
            return ()
        return (expansion.copies[0].account,)


def opening_of(transaction: Transaction) -> Opening:
    """What a milter is told before the first recipient."""
    client = transaction.client
    return Opening(
        trace=transaction.trace,
        peer=client.peer.address,
        helo=client.hello,
        mail_from=transaction.sender,
        auth=client.account.address if client.account is not None else "",
        tls=client.tls,
        is_ours=client.account is not None,
    )
