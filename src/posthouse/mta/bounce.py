"""Reports to senders, in words for people and fields for programs (RFC 3461 section 6, RFC 3464).

Told: what happened, where, and what to do. Not told (B02): what an alias of
ours stands for, names of our inner hosts, and more of the message than L24.
"""

from collections.abc import Sequence
from typing import Final

from posthouse.lib.ports import Clock, Ids
from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Envelope, Notify, Recipient, Return
from posthouse.mta.classify import with_status
from posthouse.mta.reporting import Action, Finding, Subject
from posthouse.mta.schedule import Schedule
from posthouse.standards.dsn.compose import Letter, Returned, compose
from posthouse.standards.dsn.explain import advise
from posthouse.standards.dsn.report import DeliveryStatus, Kind, Named, RecipientStatus
from posthouse.standards.imf.date import format_date

SUBJECTS: Final = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed",
    Action.DELIVERED: "Your message was delivered",
    Action.RELAYED: "Your message was sent on",
    Action.EXPANDED: "Your message was sent on to a group",
}
LEADS: Final = {
    Action.FAILED: "could not be delivered to",
    Action.DELAYED: "has not been delivered yet to",
    Action.DELIVERED: "was delivered to",
    Action.RELAYED: "was handed to a server that sends no confirmations of its own, for",
    Action.EXPANDED: "was sent on to the members of",
}
ORDER: Final = tuple(SUBJECTS)
MAX_HEADER: Final = 64 * 1024


class Reporter:
    """Implements ``mta.reporting.Reporter``."""

    def __init__(self, *, hostname: str, clock: Clock, ids: Ids, schedule: Schedule, returned_octets: int) -> None:
        self._hostname = hostname
        self._clock = clock
        self._ids = ids
        self._schedule = schedule
        self._returned_octets = returned_octets

    def report(self, subject: Subject, findings: Sequence[Finding]) -> tuple[Envelope, bytes]:
        """One message about ``findings``: its envelope and its octets."""
        sender = subject.reverse_path
        if sender is None or not findings:
            raise ValueError("nobody to report to, or nothing to report")
        utf8 = subject.utf8 or sender.needs_utf8 or any(one.recipient.address.needs_utf8 for one in findings)
        now = self._clock.now()
        letter = Letter(
            sender=f"Mail Delivery Service <postmaster@{self._hostname}>",
            to=str(sender),
            subject=_subject(findings),
            text=self._words(subject, findings),
            date=now,
            message_id=f"{self._ids.token(12)}@{self._hostname}",
            boundary=f"report-{self._ids.token(18)}",
            utf8=utf8,
        )
        status = DeliveryStatus(
            reporting_mta=self._hostname,
            recipients=tuple(self._status(subject, one, now) for one in findings),
            envid=subject.envid,
            arrived=subject.arrived_at / 1000,
        )
        octets = compose(letter, status, self._returned(subject, findings))
        body = Body.SEVENBIT if octets.isascii() else Body.EIGHTBIT
        to = Recipient(sender, notify=Notify.NEVER)  # RFC 3461 section 6.1
        return Envelope(None, (to,), body=body, utf8=utf8), octets

    def _status(self, subject: Subject, one: Finding, now: float) -> RecipientStatus:
        answer = with_status(one.reply)
        veiled = one.named is not None
        original = one.recipient.original
        final = Named(one.named.kind, one.named.text) if one.named else _named(one.recipient.address)
        until = self._schedule.expires(subject.arrived_at, is_report=False) / 1000
        return RecipientStatus(
            final=final,
            action=Kind(one.action.value),
            status=_matching(answer.status or "", one.action),
            original=Named(original.kind, original.text) if original else None,
            remote_mta="" if veiled else one.host,
            diagnostic="" if veiled else str(one.reply),
            last_attempt=now,
            retry_until=until if one.action is Action.DELAYED else None,
        )

    def _words(self, subject: Subject, findings: Sequence[Finding]) -> str:
        when = format_date(subject.arrived_at / 1000).decode()
        lines = [f"This is the mail server {self._hostname}. It is about your message of", f"{when}.", ""]
        for action in ORDER:
            among = [one for one in findings if one.action is action]
            if among:
                lines += [f"It {LEADS[action]}:", ""]
            for one in among:
                lines += self._about(one)
            if among and action is Action.DELAYED:
                until = self._schedule.expires(subject.arrived_at, is_report=False) / 1000
                lines += [
                    "You need not do anything: the server keeps trying, until",
                    f"{format_date(until).decode()}. You will hear if it gives up.",
                    "",
                ]
        lines += [f"If you ask your postmaster about this, name the message's id: {subject.trace}", ""]
        return "\n".join(lines)

    def _about(self, one: Finding) -> list[str]:
        """One recipient: who, what happened and where, what to do."""
        veiled = one.named is not None
        name = one.named.text if one.named else str(one.recipient.address)
        lines = [f"  {name}"]
        if one.action in {Action.FAILED, Action.DELAYED}:
            said = " ".join(one.reply.text)
            where = f"The server {one.host} answered" if one.host else "Reason"
            lines.append(
                f"    {where}: {one.reply.code} {said}" if not veiled else "    The recipient was not reached."
            )
        if one.action is Action.FAILED:
            lines.append(f"    {one.advice or advise(with_status(one.reply).status or '')}")
        return [*lines, ""]

    def _returned(self, subject: Subject, findings: Sequence[Finding]) -> Returned | None:
        """RFC 3461 section 6.2: the whole only with a failure, if it is short, and unless headers were asked for."""
        header, gap, body = subject.original.partition(b"\r\n\r\n")
        failed = any(one.action is Action.FAILED for one in findings)
        whole = failed and subject.ret is not Return.HEADERS and bool(gap) and len(body) <= self._returned_octets
        if whole and _is_text(subject.original) and len(header) <= MAX_HEADER:
            return Returned(subject.original, whole=True)
        head = header[:MAX_HEADER]
        if len(header) > MAX_HEADER:
            head = head[: head.rfind(b"\r\n") if b"\r\n" in head else 0]
        return Returned(head + b"\r\n", whole=False) if _is_text(head) else None


def _subject(findings: Sequence[Finding]) -> str:
    """The worst comes first."""
    return SUBJECTS[min((one.action for one in findings), key=ORDER.index)]


def _named(address: Address) -> Named:
    return Named("utf-8" if address.needs_utf8 else "rfc822", str(address))


def _matching(status: str, action: Action) -> str:
    """The class of the status agrees with the action (RFC 3463 section 3.1)."""
    kind = {Action.FAILED: "5", Action.DELAYED: "4"}.get(action, "2")
    _, _, rest = status.partition(".")
    return f"{kind}.{rest or '0.0'}"


def _is_text(octets: bytes) -> bool:
    """Whether it can stand in a report: lines that end with CRLF, of a length that SMTP carries."""
    pairs = octets.count(b"\r\n")
    if octets.count(b"\n") != pairs or octets.count(b"\r") != pairs or b"\0" in octets:
        return False
    return max(map(len, octets.split(b"\r\n"))) <= 998
