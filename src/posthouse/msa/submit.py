"""Mail from our own people: who may write as whom, what is added, and how much (RFC 6409).

The road is the same as for mail from outside (``mta.receive``); what differs
is the judgement: recipients may be anywhere, but every name the message is
written in must belong to the account that logged in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from posthouse.admd.directory import Alias, Directory, Foreign, Unknown
from posthouse.admd.limits import Limits
from posthouse.filter.action import Action
from posthouse.filter.boundary import Boundary, Judgement
from posthouse.filter.display import Display, Standing, format_display
from posthouse.filter.rates import AccountRates, ClientRates
from posthouse.filter.scanners.early import MilterScanner
from posthouse.filter.takeover import OFFICE_TIMES
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import AccountId
from posthouse.mail.reply import Reply
from posthouse.mda.expand import expand
from posthouse.msa.complete import HeaderGate, missing_fields, without_secrets
from posthouse.msa.identity import NULL_SENDER, author_domain, is_disposition_notification, judge_authors
from posthouse.mta.amend import Amend
from posthouse.mta.client import Client
from posthouse.mta.custody import Custody
from posthouse.mta.draft import Draft as Ready
from posthouse.mta.headercheck import TOO_LARGE as HEADER_TOO_LARGE
from posthouse.mta.headercheck import judge_header
from posthouse.mta.intake import Intake
from posthouse.mta.receive import TOO_LARGE, Arrival, Receiver
from posthouse.mta.recipients import Recipients
from posthouse.mta.relaying import NEEDS_UTF8, TOO_MANY_RECIPIENTS, nobody
from posthouse.mta.signing import Signer, Signing
from posthouse.mta.space import NO_SPACE, Space
from posthouse.mta.transaction import Outcome, Transaction
from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.smtp.events import MailFrom
from posthouse.storage.directory import AccountRow

LOGIN_FIRST = Reply(530, "5.7.0", ("log in first",))  # RFC 4954 section 6, RFC 6409 section 4.3
CLOSED = Reply(421, "4.7.0", ("your account was closed, or this session ended; log in again",), hang_up=True)
SENDER_NOT_YOURS = Reply(553, "5.7.1", ("you may not send as this address",))
TOO_MUCH = Reply(451, "4.7.1", ("you have sent too much to outside, try again later",))


class Draft(Transaction):
    """A submission on its way in. ``gate`` is there while the header is not complete."""

    gate: HeaderGate | None = msgspec.field(default_factory=HeaderGate)
    outside: bool = False
    """At least one recipient is somewhere else (L27)."""
    author: str = ""
    """The domain of the author, whose name it is to use."""
    signing: Signing | None = None
    """Signed for its author's domain once the body is there."""


class Submission(Receiver):
    """The office behind submissiond."""

    __slots__ = ("_accounts", "_custody", "_directory", "_signer")

    def __init__(
        self,
        intake: Intake,
        directory: Directory,
        *,
        hostname: str,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        rates: ClientRates,
        accounts: AccountRates,
        space: Space,
        signer: Signer | None = None,
        boundary: Boundary | None = None,
        amend: Amend | None = None,
        milters: Sequence[MilterScanner] = (),
        custody: Custody | None = None,
    ) -> None:
        super().__init__(
            intake,
            Recipients(self._judge, directory, limits, milters=milters),
            hostname=hostname,
            clock=clock,
            ids=ids,
            limits=limits,
            rates=rates,
            space=space,
            boundary=boundary,
            amend=amend,
        )
        self._directory = directory
        self._accounts = accounts
        self._signer = signer
        self._custody = custody

    # -- the envelope

    def begin(self, client: Client, mail: MailFrom) -> Transaction | Reply:
        if client.account is None:
            return LOGIN_FIRST
        account = self._directory.account(client.account.account)
        if account is None or not account.enabled or account.generation != client.account.generation:
            return CLOSED
        if mail.size is not None and mail.size > self._limits.message_octets:
            return TOO_LARGE
        if self._space.is_spent:
            return NO_SPACE
        sender = mail.reverse_path
        if sender is not None and not self._directory.owns(account.account, sender):
            return SENDER_NOT_YOURS
        if sender is not None and sender.needs_utf8 and not mail.utf8:
            return NEEDS_UTF8
        return Draft(client, mail, self._ids.trace_id(), [])

    def _judge(self, transaction: Transaction, recipient: Recipient) -> Reply | None:
        address = recipient.address
        if len(transaction.recipients) >= self._limits.submission_recipients:
            return TOO_MANY_RECIPIENTS
        if address.needs_utf8 and not transaction.mail.utf8:
            return NEEDS_UTF8
        residence = self._directory.resolve(address)
        if isinstance(residence, Unknown):
            return nobody(address)
        elsewhere = isinstance(residence, Foreign)
        if isinstance(residence, Alias):
            expansion = expand(self._directory, (recipient,), self._limits)
            if not expansion.copies and not expansion.onward:
                return expansion.lost[0].reply
            elsewhere = bool(expansion.onward)
        return self._count_outside(transaction) if elsewhere else None

    def _count_outside(self, transaction: Transaction) -> Reply | None:
        """L27, the burst of recipients."""
        client = transaction.client
        if isinstance(transaction, Draft):
            transaction.outside = True
        if client.exempt or client.account is None:
            return None
        account = client.account.account
        return None if self._accounts.may_address(account, self._share(account)) else TOO_MUCH

    def _share(self, account: AccountId) -> float:
        """What one message counts: an office whose smarthost we are has more to send than a person."""
        return 1 / OFFICE_TIMES if self._directory.standing(account).grants else 1

    # -- the content

    def begin_content(self, transaction: Transaction) -> Reply:
        client = transaction.client
        account = client.account.account if client.account is not None and not client.exempt else None
        outside = isinstance(transaction, Draft) and transaction.outside
        if outside and account is not None and not self._accounts.may_send(account, self._share(account)):
            return TOO_MUCH  # L27, the day's messages
        reply = super().begin_content(transaction)
        transaction.examination = None  # the gate holds the header
        return reply

    def add_content(self, transaction: Transaction, octets: bytes) -> None:
        """The header is held back until it is complete: the blob gets it as it shall be."""
        gate = transaction.gate if isinstance(transaction, Draft) else None
        if gate is None:
            super().add_content(transaction, octets)
            if isinstance(transaction, Draft) and transaction.signing is not None:
                transaction.signing.bodies.update(octets)
        elif gate.add(octets):
            self._complete(transaction, gate)
        elif len(gate) > self._limits.header_octets:  # L4
            transaction.fault = HEADER_TOO_LARGE

    def _complete(self, transaction: Transaction, gate: HeaderGate) -> None:
        """The header is all there: judge it, add what is missing, take out what is secret."""
        octets = gate.open()
        if isinstance(transaction, Draft):
            transaction.gate = None
        transaction.fault = judge_header(octets, self._hostname, self._limits)
        if transaction.fault is not None:
            return
        header = parse_header(octets)
        account = transaction.client.account
        transaction.fault = judge_authors(header, self._owner(account.account if account is not None else None))
        if transaction.mail.reverse_path is None and not self._may_be_null(account, header):
            transaction.fault = transaction.fault or NULL_SENDER
        if transaction.fault is None:
            left = f"{transaction.trace}.{self._ids.token(6)}"
            domain = author_domain(header) or self._hostname
            if isinstance(transaction, Draft):
                transaction.author = domain
            transaction.added = missing_fields(header, self._clock.now(), left, domain)
            content = without_secrets(octets, header, self._hostname)
            if content is not octets:
                transaction.lines -= octets.count(b"\n") - content.count(b"\n")
            super().add_content(transaction, content)
            self._begin_to_sign(transaction, domain, content, header if content is octets else parse_header(content))

    def _may_be_null(self, account: AccountRow | None, header: Header) -> bool:
        """An office whose smarthost we are sends reports of its own (RFC 3464 section 2)."""
        if account is not None and self._directory.standing(account.account).grants:
            return True
        return is_disposition_notification(header)

    def _begin_to_sign(self, transaction: Transaction, domain: str, content: bytes, header: Header) -> None:
        """Signed is what leaves: with what we added, without what we took out."""
        if self._signer is not None and isinstance(transaction, Draft):
            transaction.signing = self._signer.begin(domain, transaction.added, content, header)

    async def draft(self, transaction: Transaction, arrival: Arrival, judgement: Judgement) -> Ready:
        """Signed as it is now, whoever has looked at it or changed it; what looks like junk is not (threat D05)."""
        signing = transaction.signing if isinstance(transaction, Draft) else None
        if signing is not None and self._signer is not None and judgement.action is not Action.JUNK:
            if judgement.amendments or arrival.rewritten:
                added, blobs = transaction.added, self._intake.store.blobs
                signatures = await self._signer.sign_stored(signing.domain, added, arrival.head, arrival.blob, blobs)
            else:
                signatures = self._signer.finish(signing)
            transaction.added = signatures + transaction.added
            transaction.signed = signing.domain if signatures else ""
        return await super().draft(transaction, arrival, judgement)

    def _note(self, transaction: Transaction, judgement: Judgement) -> bytes:
        """Who is logged in has proven who he is."""
        author = transaction.author if isinstance(transaction, Draft) else ""
        return format_display(Display(Standing.VERIFIED, author)) if author else super()._note(transaction, judgement)

    def _owner(self, account: AccountId | None) -> "Owner":
        return Owner(self._directory, account)

    async def accept(self, transaction: Transaction) -> Outcome:
        gate = transaction.gate if isinstance(transaction, Draft) else None
        if gate is not None:  # a message that is all header
            self._complete(transaction, gate)
        if transaction.fault is not None:
            return Outcome(transaction.fault)
        account = transaction.client.account
        now = self._directory.account(account.account) if account is not None else None
        if account is None or now is None or not now.enabled or now.generation != account.generation:
            return Outcome(CLOSED)  # while the content came
        if self._custody is not None and isinstance(transaction, Draft) and transaction.outside:
            transaction.held = await self._custody.ask(
                account.account, self._outside(transaction), is_exempt=transaction.client.exempt
            )
        return await super().accept(transaction)

    def _outside(self, transaction: Transaction) -> list[Address]:
        addresses = [one.address for one in transaction.recipients]
        return [one for one in addresses if not self._directory.is_local_domain(one.domain)]


@dataclass(frozen=True, slots=True)
class Owner:
    """Asks the directory in the name of one account; nobody owns nothing."""

    directory: Directory
    account: AccountId | None

    def __call__(self, address: Address) -> bool:
        return self.account is not None and self.directory.owns(self.account, address)
