"""Mail from outside, on port 25 and by LMTP: what is kept of it, and when it is ours.

Who may write to whom is said by ``mta.relaying``, who is let in at all by
``mta.recipients``; what is found in a message by the boundary filter. Here the
content comes in, and the promise is made.
"""

from collections.abc import Awaitable

import msgspec
from msgspec.structs import replace

from posthouse.admd.limits import Limits
from posthouse.filter.boundary import Boundary, Judgement
from posthouse.filter.examination import Examination, examine
from posthouse.filter.forgery import forged_fields, without
from posthouse.filter.letter import Letter
from posthouse.filter.rates import ClientRates
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Body, Envelope, Recipient
from posthouse.mail.reply import Reply
from posthouse.mda.expand import Expansion
from posthouse.ms.readable import Unreadable
from posthouse.mta.admission import FULL, Admission
from posthouse.mta.amend import Amend
from posthouse.mta.client import Client
from posthouse.mta.draft import Draft, Refusal
from posthouse.mta.headercheck import judge_header
from posthouse.mta.intake import Intake
from posthouse.mta.recipients import Recipients
from posthouse.mta.relaying import NEEDS_UTF8, meant
from posthouse.mta.sealing import Sealer
from posthouse.mta.space import NO_SPACE, Space
from posthouse.mta.transaction import Outcome, Transaction
from posthouse.observe.ledger import Record
from posthouse.standards.imf.header import find_seam, parse_header
from posthouse.standards.imf.messageid import parse_message_id
from posthouse.standards.imf.trace import Hop, format_received
from posthouse.standards.smtp.events import MailFrom
from posthouse.storage.mailbox import Facts
from posthouse.storage.ports import BlobWriter

GO_ON = Reply(354, None, ("end with a dot on a line by itself",))

TOO_LARGE = Reply(552, "5.3.4", ("the message is larger than we take",))
TOO_FAST = Reply(451, "4.7.1", ("too much at once from your address, try later",))
UNREADABLE = Reply(554, "5.6.3", ("binary content that no reader can be shown, and that cannot be encoded",))
NO_RECIPIENTS = Reply(554, "5.5.1", ("no valid recipients",))

NO_JUDGEMENT = Judgement()


class Arrival(msgspec.Struct, frozen=True):
    """A content that has come whole, and for whom."""

    blob: Blob
    head: bytes
    """As much of its beginning as may be header."""
    envelope: Envelope
    expansion: Expansion
    rewritten: bool = False
    """Not what came: signatures are made over what it is now."""


class Receiver:
    """The office behind smtpd and, with ``local_only``, behind lmtpd."""

    __slots__ = (
        "_admission",
        "_amend",
        "_boundary",
        "_clock",
        "_hostname",
        "_ids",
        "_intake",
        "_limits",
        "_local_only",
        "_rates",
        "_recipients",
        "_sealer",
        "_space",
        "_verifies",
    )

    def __init__(
        self,
        intake: Intake,
        recipients: Recipients,
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
        amend: Amend | None = None,
        admission: Admission | None = None,
    ) -> None:
        self._intake = intake
        self._admission = admission
        self._recipients = recipients
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
        return self._recipients.add(transaction, recipient)

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
        """The header is all there: it is stored without the fields that only we may write (threat D03).

        A content without any field is all body, and gets the empty line that says so: our
        own fields stand before it, and a reader would take its text for garbage among them.
        """
        header = examination.close()
        forged = forged_fields(header, self._hostname)
        beginning = examination.beginning
        if forged or (header.garbage and not header.names):
            stored = without(beginning, forged) if forged else b"\r\n" + beginning
            transaction.lines += stored.count(b"\n") - beginning.count(b"\n")
            writer.write(stored)
            return
        transaction.header = header
        writer.write(beginning)

    async def accept(self, transaction: Transaction) -> Outcome:
        """**Durable.** Promise point 1, reached only when this returns a positive reply. Raises ``StorageError``."""
        writer, examination = transaction.writer, transaction.examination
        if writer is None:
            return Outcome(NO_RECIPIENTS)
        if examination is not None and examination.header is None:  # a message that is all header
            is_lines = transaction.lines >= 0
            self._begin_body(transaction, writer, examination)
            transaction.lines = transaction.lines if is_lines else -1
        blob = await writer.finish()
        head = blob.octets if blob.octets is not None else await self.head(blob)
        refusal = judge_header(head, self._hostname, self._limits)
        if refusal is not None:
            return Outcome(refusal)
        envelope = self.envelope(transaction)
        arrival = Arrival(blob, head, envelope, self._intake.expand(envelope))
        if not self._fits(transaction, arrival):
            return Outcome(FULL)
        judgement = await self._judge_content(transaction, arrival)
        if judgement.reply is not None:
            transaction.judgement = judgement
            return Outcome(judgement.reply)
        if judgement.amendments and self._amend is not None:
            return await self._accept_amended(self._amend, transaction, arrival, judgement)
        return self._conclude(transaction, arrival, await self._keep(transaction, arrival, judgement))

    async def _accept_amended(
        self, amend: Amend, transaction: Transaction, arrival: Arrival, judgement: Judgement
    ) -> Outcome:
        """As examiners (milters) want it: another content, or for others."""
        amended = await amend(arrival.envelope, arrival.blob, transaction.added, judgement.amendments)
        envelope, blob, transaction.added = amended.envelope, amended.blob, amended.added
        transaction.header = None
        transaction.lines = -1 if amended.writer is not None else transaction.lines
        try:
            arrival = Arrival(blob, await self.head(blob), envelope, self._intake.expand(envelope))
            refusals = await self._keep(transaction, arrival, judgement)
        finally:
            if amended.writer is not None:
                amended.writer.discard()
        if not isinstance(refusals, Reply):
            refusals = amended.of_transaction(refusals)
        return self._conclude(transaction, arrival, refusals)

    async def _keep(
        self, transaction: Transaction, arrival: Arrival, judgement: Judgement
    ) -> tuple[Refusal, ...] | Reply:
        """**Durable.** Who gets nothing, or why nobody does."""
        if transaction.lines >= 0 or not arrival.expansion.copies:
            return await self._file(transaction, arrival, judgement)
        try:  # ADR 0026
            writer = await self._intake.rewrite(arrival.blob)
        except Unreadable:
            return UNREADABLE
        if writer is None:
            return await self._file(transaction, arrival, judgement)
        try:
            blob = await writer.finish()
            envelope = replace(arrival.envelope, body=Body.EIGHTBIT)
            transaction.header = None
            arrival = Arrival(blob, await self.head(blob), envelope, arrival.expansion, rewritten=True)
            return await self._file(transaction, arrival, judgement)
        finally:
            writer.discard()

    async def _file(self, transaction: Transaction, arrival: Arrival, judgement: Judgement) -> tuple[Refusal, ...]:
        """**Durable.**"""
        draft = await self.draft(transaction, arrival, judgement)
        return await self._intake.accept(draft, answers_each=self._local_only, vouched=_is_vouched_for(judgement))

    def _conclude(self, transaction: Transaction, arrival: Arrival, refusals: tuple[Refusal, ...] | Reply) -> Outcome:
        """What the client hears of a message that is safe, but for those who refused it."""
        if isinstance(refusals, Reply):
            return Outcome(refusals)
        if len(refusals) == len(transaction.recipients):
            return Outcome(refusals[0].reply, refusals)
        if self._admission is not None and not refusals:
            sender = transaction.mail.reverse_path
            domain = sender.domain if sender is not None and not transaction.client.relays else ""
            accounts = [copy.account for copy in arrival.expansion.copies]
            self._admission.note_filed(accounts, domain, arrival.blob.size)
        return Outcome(Reply(250, "2.0.0", (f"accepted, id {transaction.trace}",)), refusals)

    def _fits(self, transaction: Transaction, arrival: Arrival) -> bool:
        """Whether more came than was said of its size, for several of whom one has no room: nobody gets it then.

        It is the sender's fault, and he is told in the session.
        """
        if self._admission is None or len(transaction.recipients) < 2:
            return True
        return self._admission.fits([copy.account for copy in arrival.expansion.copies], arrival.blob.size)

    async def _judge_content(self, transaction: Transaction, arrival: Arrival) -> Judgement:
        """What the boundary filter makes of it; once for all its recipients."""
        boundary = self._boundary
        if boundary is None:
            return NO_JUDGEMENT
        client, envelope, blob = transaction.client, arrival.envelope, arrival.blob
        blobs = self._intake.store.blobs

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
            accounts=tuple([copy.account for copy in arrival.expansion.copies]),
            submitter=envelope.submitter,
            examination=transaction.examination or examine(arrival.head, verifies=False),
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
            recipients=tuple([meant(client, one) for one in transaction.recipients]),
            body=mail.body,
            utf8=mail.utf8,
            ret=mail.ret,
            envid=mail.envid,
            submitter=client.account.account if client.account is not None else None,
        )

    async def draft(self, transaction: Transaction, arrival: Arrival, judgement: Judgement) -> Draft:
        """The message with its trace line, ready to be accepted."""
        now = self._clock.now()
        at = int(now * 1000)
        facts = await self._facts(transaction, arrival)
        record = self._record(transaction, arrival.blob, facts.message_id, at)
        record.signed = transaction.signed
        judgement.mark(record)
        trace_lines = judgement.field + self._received(transaction, arrival.envelope, now) + transaction.added
        return self._intake.draft(
            arrival.envelope,
            arrival.blob,
            trace=transaction.trace,
            trace_lines=trace_lines,
            seal=await self._seal(judgement, arrival, trace_lines) if arrival.expansion.onward else b"",
            note=self._note(transaction, judgement),
            facts=facts,
            expansion=arrival.expansion,
            head=arrival.head,
            record=record,
            at=at,
            role=judgement.role,
            roles=judgement.roles,
            held=judgement.held or transaction.held,
        )

    async def _facts(self, transaction: Transaction, arrival: Arrival) -> Facts:
        """Of a message that nobody here will read, only its id."""
        if not arrival.expansion.copies:
            return Facts(message_id=_message_id(transaction.added + arrival.head))
        return await self._intake.facts(arrival.blob, transaction.added, transaction.lines, transaction.header)

    def _received(self, transaction: Transaction, envelope: Envelope, now: float) -> bytes:
        """Our trace line (RFC 5321 section 4.4)."""
        client, recipients = transaction.client, envelope.recipients
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
        return format_received(hop)

    async def _seal(self, judgement: Judgement, arrival: Arrival, trace_lines: bytes) -> bytes:
        """Of what is forwarded: what we found, under our seal."""
        sealer, findings = self._sealer, judgement.findings
        if sealer is None or findings is None:
            return b""
        domain = sealer.domain_of(arrival.envelope.recipients)
        blobs = self._intake.store.blobs
        return await sealer.seal(findings.evidence, domain, trace_lines, arrival.head, arrival.blob, blobs)

    def _note(self, _transaction: Transaction, judgement: Judgement) -> bytes:
        """What our own readers are told about the sender."""
        return judgement.note

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
