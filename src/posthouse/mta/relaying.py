"""The relay decision: who may send what to whom (RFC 5321 section 7.1).

SECURITY. The relay decision (threat A01) has two grounds and no third: the
recipient is ours, or the client's address is in exactly a configured network.
What a client says of itself, its sender address, and how it spells a recipient
change nothing: a source route is dropped by the grammar, ``%``, ``!`` and a
quoted at sign in a local-part are letters of a name that nobody has.
"""

from posthouse.admd.directory import Alias, Directory, Foreign, Local, Residence
from posthouse.admd.limits import Limits
from posthouse.filter.rates import ClientRates
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.mail.reply import Reply
from posthouse.mda.expand import expand
from posthouse.mta.client import Client
from posthouse.mta.space import NO_SPACE, Space
from posthouse.mta.transaction import Transaction

NO_RELAY = Reply(550, "5.7.1", ("we do not relay: neither you nor the recipient is ours",))
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", ("too many recipients; send the rest in another transaction",))
TOO_MUCH_FOR_ONE = Reply(451, "4.7.1", ("too many messages of your domain for this recipient, try later",))
TOO_CURIOUS = Reply(421, "4.7.0", ("too many unknown recipients from your address",), hang_up=True)
NEEDS_UTF8 = Reply(553, "5.6.7", ("this address needs SMTPUTF8",))

MOST_FOR_NULL_SENDER = 100
"""A report goes to one address; RFC 5321 section 4.5.3.1.8 still demands room for so many."""


class Relaying:
    """Judges each recipient of mail from outside; with ``local_only`` nobody is relayed for (LMTP)."""

    __slots__ = ("_directory", "_limits", "_local_only", "_rates", "_space")

    def __init__(
        self, directory: Directory, limits: Limits, rates: ClientRates, space: Space, *, local_only: bool = False
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._rates = rates
        self._space = space
        self._local_only = local_only

    def judge(self, transaction: Transaction, recipient: Recipient) -> Reply | None:
        """None for somebody whom this client may write to."""
        client, mail, limits = transaction.client, transaction.mail, self._limits
        most = limits.mx_recipients if mail.reverse_path is not None else MOST_FOR_NULL_SENDER
        if len(transaction.recipients) >= most:  # RFC 5321 section 4.5.3.1.10
            return TOO_MANY_RECIPIENTS
        if self._space.is_short and recipient.address.local.lower() != "postmaster":
            return NO_SPACE
        if not client.exempt and not self._rates.may_ask(client.peer.address):
            return TOO_CURIOUS
        if recipient.address.needs_utf8 and not mail.utf8:
            return NEEDS_UTF8
        residence = transaction.residence = self._residence(client, recipient)
        if type(residence) is not Local:
            refusal = self._judge_elsewhere(client, recipient, residence)
            if refusal is not None:
                return refusal
        if client.exempt or client.relays or mail.reverse_path is None:
            return None
        return None if self._rates.may_write_to(mail.reverse_path.domain, recipient.address) else TOO_MUCH_FOR_ONE

    def _residence(self, client: Client, recipient: Recipient) -> Residence:
        """Where it leads; ``postmaster`` at the very address the client connected to is our postmaster too."""
        return self._directory.resolve(meant(client, recipient).address)

    def _judge_elsewhere(self, client: Client, recipient: Recipient, residence: Residence) -> Reply | None:
        address = recipient.address
        if isinstance(residence, Foreign):
            return None if client.relays and not self._local_only else NO_RELAY
        if isinstance(residence, Alias):
            expansion = expand(self._directory, (recipient,), self._limits)
            if expansion.copies or expansion.onward:
                return None
            return expansion.lost[0].reply
        if not client.exempt:
            self._rates.count_unknown(client.peer.address)
        if any(mark in address.local for mark in "@%!"):  # forms of a relay attempt that our grammar lets pass
            return NO_RELAY
        return nobody(address)


def nobody(address: Address) -> Reply:
    """Who it is that does not exist; replies stay ASCII, whatever was asked for (RFC 6531 section 3.7.4)."""
    text = "no such user here"
    return Reply(550, "5.1.1", (text if address.needs_utf8 else f"<{address}>: {text}",))


def meant(client: Client, recipient: Recipient) -> Recipient:
    """Whom a client means that writes to our own address."""
    address = recipient.address
    if address.domain.startswith("[") and is_own_literal(address, client):
        return Recipient(Address("postmaster", ""), recipient.notify, recipient.original)
    return recipient


def is_own_literal(address: Address, client: Client) -> bool:
    """RFC 5321 section 4.5.1: postmaster at our own address, as a literal; no other name lives there."""
    if address.local.lower() != "postmaster":
        return False
    local = client.peer.local_address
    return address.domain.lower() in {f"[{local}]", f"[ipv6:{local}]"}
