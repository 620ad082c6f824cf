"""Mail from outside, on port 25 and by LMTP: who may send what to whom, and what is kept of it.

SECURITY. The relay decision (threat A01) has two grounds and no third: the
recipient is ours, or the client's address is in exactly a configured network.
What a client says of itself, its sender address, and how it spells a recipient
change nothing: a source route is dropped by the grammar, ``%``, ``!`` and a
quoted at sign in a local-part are letters of a name that nobody has.
"""

from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from posthouse.admd.directory import Alias, Directory, Foreign, Local, Residence
from posthouse.admd.limits import Limits
from posthouse.filter.amendment import Amendment
from posthouse.filter.boundary import Boundary, Judgement
from posthouse.filter.examination import Examination, examine
from posthouse.filter.forgery import forged_fields, without
from posthouse.filter.letter import Letter
from posthouse.filter.rates import ClientRates
from posthouse.filter.scanners.early import Early, MilterScanner
from posthouse.filter.scanners.milter import Opening
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Envelope, Recipient
from posthouse.mail.ids import AccountId
from posthouse.mail.reply import Reply
from posthouse.mda.expand import Expansion, expand
from posthouse.mta.admission import ALONE, FULL, Admission
from posthouse.mta.client import Client
from posthouse.mta.headercheck import judge_header
from posthouse.mta.intake import Draft, Intake, Refusal
from posthouse.mta.sealing import Sealer
from posthouse.mta.space import Space
from posthouse.observe.ledger import Record
from posthouse.standards.imf.header import Header, find_seam, parse_header
from posthouse.standards.imf.messageid import parse_message_id
from posthouse.standards.imf.trace import Hop, format_received
from posthouse.standards.smtp.events import MailFrom
from posthouse.storage.ports import BlobWriter, Facts

SENDER_OK = Reply(250, "2.1.0", ("sender ok",))
RECIPIENT_OK = Reply(250, "2.1.5", ("recipient ok",))
GO_ON = Reply(354, None, ("end with a dot on a line by itself",))

NO_RELAY = Reply(550, "5.7.1", ("we do not relay: neither you nor the recipient is ours",))
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", ("too many recipients; send the rest in another transaction",))
TOO_LARGE = Reply(552, "5.3.4", ("the message is larger than we take",))
NO_SPACE = Reply(452, "4.3.1", ("not enough room on our disk, try later",))
TOO_FAST = Reply(451, "4.7.1", ("too much at once from your address, try later",))
TOO_MUCH_FOR_ONE = Reply(451, "4.7.1", ("too many messages of your domain for this recipient, try later",))
TOO_CURIOUS = Reply(421, "4.7.0", ("too many unknown recipients from your address",), hang_up=True)
NEEDS_UTF8 = Reply(553, "5.6.7", ("this address needs SMTPUTF8",))
NO_RECIPIENTS = Reply(554, "5.5.1", ("no valid recipients",))
STORAGE = Reply(451, "4.3.0", ("we could not keep the message safe, try later",))

MOST_FOR_NULL_SENDER = 100
"""A report goes to one address; RFC 5321 section 4.5.3.1.8 still demands room for so many."""


class Transaction(msgspec.Struct):
    """One message on its way in. Dropped whole, never set back (threat S07)."""

    client: Client
    mail: MailFrom
    trace: str
    recipients: list[Recipient]
    writer: BlobWriter | None = None
    added: bytes = b""
    """Header fields that our own office put before the content."""
    fault: Reply | None = None
    """What the content earned while it came."""
    signed: str = ""
    """The domain of ours that signed it."""
    examination: Examination | None = None
    """Of mail from outside: the header is held in it until it is complete, and looked at before it is stored."""
    residence: Residence | None = None
    """Where the latest recipient leads."""
    early: Early | None = None
    """What milters say while the envelope comes."""
    alone: bool = False
    """Its one recipient has little room, and nobody said how large it is: others are to be sent apart (B01)."""
    header: Header | None = None
    """Of the content as it is stored, if it was parsed while it came."""
    held: str = ""
    """Why what goes elsewhere must wait, whatever is found in it."""
    judgement: Judgement | None = None
    """What the boundary filter said to a message that it did not let in."""
    lines: int = 0
    """Line ends of the content as it is stored; less than 0 if nobody counted them.

    What our own office takes out of a header is taken off before the whole is counted.
    """

    @property
    def sender(self) -> str:
        return str(self.mail.reverse_path) if self.mail.reverse_path is not None else ""

    def discard(self) -> None:
        """Let go of the content; safe at any time."""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.discard()
        if self.early is not None:
            self.early.close()


class Outcome(msgspec.Struct, frozen=True):
    """How a content ended: accepted (but for ``refusals``), or refused for everybody by ``reply``."""

    reply: Reply
    refusals: tuple[Refusal, ...] = ()


class Amended(msgspec.Struct, frozen=True):
    """A message as examiners want it. ``writer`` has the blob if it is another one."""

    envelope: Envelope
    blob: Blob
    added: bytes = b""
    writer: BlobWriter | None = None
    places: tuple[int, ...] | None = None
    """Of its recipients, where each stood in the transaction, -1 for a new one; None if nobody came or went."""

    def of_transaction(self, refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
        """The refusals of those whom the client named."""
        places = self.places
        if places is None:
            return refusals
        return tuple([Refusal(places[one.index], one.reply) for one in refusals if places[one.index] >= 0])


class Amender(Protocol):
    """Applies what examiners (milters) ask for: ``mta.amend``."""

    async def __call__(
        self, envelope: Envelope, blob: Blob, added: bytes, amendments: tuple[Amendment, ...]
    ) -> Amended: ...


NO_JUDGEMENT = Judgement()


class Receiver:
    """The office behind smtpd and, with ``local_only``, behind lmtpd."""

    __slots__ = (
        "_admission",
        "_amend",
        "_boundary",
        "_clock",
        "_directory",
        "_hostname",
        "_ids",
        "_intake",
        "_limits",
        "_local_only",
        "_milters",
        "_rates",
        "_sealer",
        "_space",
        "_verifies",
    )

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
        space: Space,
        local_only: bool = False,
        boundary: Boundary | None = None,
        sealer: Sealer | None = None,
        amend: Amender | None = None,
        milters: Sequence[MilterScanner] = (),
        admission: Admission | None = None,
    ) -> None:
        self._intake = intake
        self._admission = admission
        self._directory = directory
        self._hostname = hostname
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._rates = rates
        self._space = space
        self._local_only = local_only
        self._sealer = sealer
        self._boundary = boundary if boundary is not None and not boundary.is_idle else None
        self._verifies = boundary is not None and boundary.checks_senders
        self._amend = amend
        self._milters = milters

    # -- the envelope

    def begin(self, client: Client, mail: MailFrom) -> Transaction | Reply:
        """A transaction, or the refusal of MAIL."""
        if mail.size is not None and mail.size > self._limits.message_octets:  # RFC 1870 section 6.1
            return TOO_LARGE
        if self._space.is_spent:
            return NO_SPACE
        if not client.exempt and not self._rates.may_begin(client.peer.address):
            return TOO_FAST
        if mail.reverse_path is not None and mail.reverse_path.needs_utf8 and not mail.utf8:
            return NEEDS_UTF8
        return Transaction(client, mail, self._ids.trace_id(), [])

    def add_recipient(self, transaction: Transaction, recipient: Recipient) -> Reply | Awaitable[Reply]:
        """250, or why not; to be awaited when somebody has to be asked first."""
        found = self._add_recipient(transaction, recipient)
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
            early = transaction.early = Early(self._milters, self._opening(transaction))
        refusal = await early.ask(self._meant(transaction.client, recipient))
        if refusal is None:
            return reply
        transaction.recipients.remove(recipient)
        return refusal

    def _opening(self, transaction: Transaction) -> Opening:
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

    def _add_recipient(self, transaction: Transaction, recipient: Recipient) -> Reply | Awaitable[Reply]:
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

    def _judge(self, transaction: Transaction, recipient: Recipient) -> Reply | None:
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
        address = recipient.address
        if address.domain.startswith("[") and is_own_literal(address, client):
            return self._directory.resolve(Address("postmaster", ""))
        return self._directory.resolve(address)

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

    # -- the content

    def begin_content(self, transaction: Transaction) -> Reply:
        """354, or the refusal of DATA."""
        if not transaction.recipients:
            return NO_RECIPIENTS
        transaction.writer = self._intake.open()
        transaction.examination = Examination(verifies=self._verifies and self._asks_for_proof(transaction))
        return GO_ON

    def _asks_for_proof(self, transaction: Transaction) -> bool:
        """Whether the signatures matter: of strangers always, from inside to whoever gets it under our seal."""
        client = transaction.client
        if not self._exemption(client):
            return True
        if self._sealer is None or client.account is not None:
            return False
        return bool(self._intake.expand(self.envelope(transaction)).onward)

    def _exemption(self, client: Client) -> str:
        """Why a client need not prove who wrote it; empty for strangers."""
        if client.account is not None:
            return "authenticated"
        if self._local_only:
            return "local program"
        return "relay network" if client.relays else ""

    def add_content(self, transaction: Transaction, octets: bytes) -> None:
        """The next octets. What cannot be kept is remembered as a fault; the rest is then let go."""
        writer, examination = transaction.writer, transaction.examination
        if writer is None:
            return
        if examination is None:
            writer.write(octets)
        elif examination.header is not None:
            examination.feed(octets)
            writer.write(octets)
        elif examination.feed(octets):
            self._begin_body(transaction, writer, examination)

    def _begin_body(self, transaction: Transaction, writer: BlobWriter, examination: Examination) -> None:
        """The header is all there: it is stored without the fields that only we may write (threat D03)."""
        forged = forged_fields(examination.close(), self._hostname)
        beginning = examination.beginning
        transaction.header = examination.header if not forged else None
        if forged:
            clean = without(beginning, forged)
            transaction.lines -= beginning.count(b"\n") - clean.count(b"\n")
            beginning = clean
        writer.write(beginning)

    async def accept(self, transaction: Transaction) -> Outcome:
        """**Durable.** Promise point 1, reached only when this returns a positive reply. Raises ``StorageError``."""
        writer, examination = transaction.writer, transaction.examination
        if writer is None:
            return Outcome(NO_RECIPIENTS)
        if examination is not None and examination.header is None:  # a message that is all header
            self._begin_body(transaction, writer, examination)
        blob = await writer.finish()
        head = await self.head(blob)
        refusal = judge_header(head, self._hostname, self._limits)
        if refusal is not None:
            return Outcome(refusal)
        envelope = self.envelope(transaction)
        expansion = self._intake.expand(envelope)
        if not self._fits(transaction, expansion, blob):
            return Outcome(FULL)
        judgement = await self._judge_content(transaction, envelope, expansion, blob, head)
        if judgement.reply is not None:
            transaction.judgement = judgement
            return Outcome(judgement.reply)
        amended = None
        if judgement.amendments and self._amend is not None:
            amended = await self._amend(envelope, blob, transaction.added, judgement.amendments)
            envelope, blob, transaction.added = amended.envelope, amended.blob, amended.added
            transaction.header = None
            transaction.lines = -1
            expansion, head = self._intake.expand(envelope), await self.head(blob)
        try:
            draft = await self.draft(transaction, blob, head, envelope, expansion, judgement)
            refusals = await self._intake.accept(
                draft, answers_each=self._local_only, vouched=_is_vouched_for(judgement)
            )
        finally:
            if amended is not None and amended.writer is not None:
                amended.writer.discard()
        if amended is not None:
            refusals = amended.of_transaction(refusals)
        if len(refusals) == len(transaction.recipients):
            return Outcome(refusals[0].reply, refusals)
        if self._admission is not None and not refusals:
            sender = transaction.mail.reverse_path
            domain = sender.domain if sender is not None and not transaction.client.relays else ""
            self._admission.note_filed([copy.account for copy in expansion.copies], domain, blob.size)
        return Outcome(Reply(250, "2.0.0", (f"accepted, id {transaction.trace}",)), refusals)

    def _fits(self, transaction: Transaction, expansion: Expansion, blob: Blob) -> bool:
        """Whether more came than was said of its size, for several of whom one has no room: nobody gets it then.

        It is the sender's fault, and he is told in the session.
        """
        if self._admission is None or len(transaction.recipients) < 2:
            return True
        return self._admission.fits([copy.account for copy in expansion.copies], blob.size)

    async def _judge_content(
        self, transaction: Transaction, envelope: Envelope, expansion: Expansion, blob: Blob, head: bytes
    ) -> Judgement:
        """What the boundary filter makes of it; once for all its recipients."""
        boundary = self._boundary
        if boundary is None:
            return NO_JUDGEMENT
        client, blobs = transaction.client, self._intake.store.blobs

        async def read(start: int, length: int) -> bytes:
            if blob.octets is not None:
                return blob.octets[start : start + length]
            return await blobs.read(blob.blob_id, start, length)

        letter = Letter(
            trace=transaction.trace,
            peer=client.peer.address,
            helo=client.hello,
            mail_from=transaction.sender,
            recipients=envelope.recipients,
            accounts=tuple([copy.account for copy in expansion.copies]),
            submitter=envelope.submitter,
            examination=transaction.examination or examine(head, verifies=False),
            blob=blob,
            read=read,
            prefix=transaction.added,
            auth=client.account.address if client.account is not None else "",
            tls=client.tls,
            visits=transaction.early.visits if transaction.early is not None else {},
        )
        return await boundary.judge(letter, exempt=self._exemption(client))

    async def head(self, blob: Blob) -> bytes:
        """The content, if it is at hand, or as much of its beginning as may be header."""
        if blob.octets is not None:
            return blob.octets
        if find_seam(blob.beginning, 0, len(blob.beginning))[1] < len(blob.beginning):
            return blob.beginning
        return await self._intake.store.blobs.read(blob.blob_id, 0, min(blob.size, self._limits.header_octets + 4))

    def envelope(self, transaction: Transaction) -> Envelope:
        """What the transaction said outside the content."""
        client, mail = transaction.client, transaction.mail
        return Envelope(
            reverse_path=mail.reverse_path,
            recipients=tuple([self._meant(client, one) for one in transaction.recipients]),
            body=mail.body,
            utf8=mail.utf8,
            ret=mail.ret,
            envid=mail.envid,
            submitter=client.account.account if client.account is not None else None,
        )

    async def draft(
        self,
        transaction: Transaction,
        blob: Blob,
        head: bytes,
        envelope: Envelope,
        expansion: Expansion,
        judgement: Judgement,
    ) -> Draft:
        """The message with its trace line, ready to be accepted."""
        client = transaction.client
        now = self._clock.now()
        recipients = envelope.recipients
        hop = Hop(
            hello=client.hello,
            peer_address=client.peer.address,
            hostname=self._hostname,
            protocol=client.protocol(utf8=envelope.utf8),
            trace=transaction.trace,
            seconds=now,
            tls=client.tls,
            recipient=recipients[0].address if len(recipients) == 1 else None,
        )
        at = int(now * 1000)
        if expansion.copies:
            facts = await self._intake.facts(blob, transaction.added, transaction.lines, transaction.header)
        else:  # nobody here will read it
            facts = Facts(message_id=_message_id(transaction.added + head))
        record = self._record(transaction, blob, facts.message_id, at)
        record.signed = transaction.signed
        judgement.mark(record)
        trace_lines = judgement.field + format_received(hop) + transaction.added
        return self._intake.draft(
            envelope,
            blob,
            trace=transaction.trace,
            trace_lines=trace_lines,
            seal=await self._seal(judgement, envelope, expansion, trace_lines, head, blob),
            note=self._note(transaction, judgement),
            facts=facts,
            expansion=expansion,
            head=head,
            record=record,
            at=at,
            role=judgement.role,
            roles=judgement.roles,
            held=judgement.held or transaction.held,
        )

    async def _seal(
        self,
        judgement: Judgement,
        envelope: Envelope,
        expansion: Expansion,
        trace_lines: bytes,
        head: bytes,
        blob: Blob,
    ) -> bytes:
        """Of what is forwarded: what we found, under our seal."""
        sealer, findings = self._sealer, judgement.findings
        if sealer is None or findings is None or not expansion.onward:
            return b""
        domain = sealer.domain_of(envelope.recipients)
        return await sealer.seal(findings.evidence, domain, trace_lines, head, blob, self._intake.store.blobs)

    def _note(self, _transaction: Transaction, judgement: Judgement) -> bytes:
        """What our own readers are told about the sender."""
        return judgement.note

    def _meant(self, client: Client, recipient: Recipient) -> Recipient:
        address = recipient.address
        if address.domain.startswith("[") and is_own_literal(address, client):
            return Recipient(Address("postmaster", ""), recipient.notify, recipient.original)
        return recipient

    def _record(self, transaction: Transaction, blob: Blob, message_id: str, at: int) -> Record:
        client = transaction.client
        return Record(
            id=transaction.trace,
            at=at,
            door=client.door,
            verdict="accepted",
            peer=client.peer.address,
            helo=client.hello,
            tls=client.tls,
            auth=client.account.address if client.account is not None else "",
            sender=transaction.sender,
            recipients=tuple([str(one.address) for one in transaction.recipients]),
            size=blob.size,
            message_id=message_id,
        )

    def abandon(self, transaction: Transaction) -> None:
        """The transaction is over without a message, or with one that is safe: let go, and count what came (L16)."""
        client, writer = transaction.client, transaction.writer
        if writer is not None and not client.exempt:
            held = transaction.examination.held_octets if transaction.examination is not None else 0
            self._rates.count_octets(client.peer.address, writer.size + held)
        transaction.discard()


def _is_vouched_for(judgement: Judgement) -> bool:
    """Whether the reverse-path is proven: a report about the message hits nobody else (threat B01)."""
    findings = judgement.findings
    spf = findings.evidence.spf_mail if findings is not None else None
    return spf is not None and spf.passed


def _message_id(head: bytes) -> str:
    """The message-id in a header, empty if there is none."""
    return parse_message_id(parse_header(head).first("message-id") or b"") or ""


def nobody(address: Address) -> Reply:
    """Who it is that does not exist; replies stay ASCII, whatever was asked for (RFC 6531 section 3.7.4)."""
    text = "no such user here"
    return Reply(550, "5.1.1", (text if address.needs_utf8 else f"<{address}>: {text}",))


def is_own_literal(address: Address, client: Client) -> bool:
    """RFC 5321 section 4.5.1: postmaster at our own address, as a literal; no other name lives there."""
    if address.local.lower() != "postmaster":
        return False
    local = client.peer.local_address
    return address.domain.lower() in {f"[{local}]", f"[ipv6:{local}]"}
