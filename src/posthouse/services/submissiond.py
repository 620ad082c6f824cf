"""submissiond: the door for our own people's mail programs, ports 587 (STARTTLS) and 465 (TLS from the first octet).

STANDARDS. RFC 6409, RFC 8314, RFC 4954 with PLAIN, LOGIN and SCRAM-SHA-256,
and the extensions of smtpd.

SECURITY. An attacker wants a password, or an account to send from. A login is
neither offered nor taken in the clear (threat A10: 538), failures are counted
with those of all other doors (L21), and whoever is logged in writes in names
of his own only (``msa.submit``, threat A08).

A session ends at once when all of its account are ended (``admd.sessions``).

LIMITS. L1 to L6, L12, L13, L17 to L19, L21, L27, L28.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from posthouse.admd.authenticator import Attempt, Authenticator, Challenge, Passed, Refused
from posthouse.mail.reply import Reply
from posthouse.msa.submit import CLOSED, LOGIN_FIRST
from posthouse.mta.desk import Desk
from posthouse.mta.reception import Answer, Reception
from posthouse.net.ports import Line
from posthouse.standards.smtp.events import AuthResponse, AuthStart, Hello, MailFrom, StartTls
from posthouse.standards.smtp.server import ServerConnection

MOST_STEPS = 10
"""Threat A07: no mechanism needs more."""

SCOPE = "smtp"
"""What an app password must be good for (``admd.apppasswords``)."""

WELCOME = Reply(235, "2.7.0", ("welcome",))
TLS_FIRST = Reply(538, "5.7.11", ("no login without TLS: STARTTLS first",))
CANCELLED = Reply(501, "5.7.0", ("login cancelled",))
OUT_OF_STEP = Reply(503, "5.5.1", ("no login in progress",))
TOO_MANY_FAILURES = Reply(421, "4.7.0", ("too many failed logins, bye",), hang_up=True)


class SubmissionDoor(Reception):
    """One session of a mail program."""

    __slots__ = ("_attempt", "_authenticator", "_failures", "_leave", "_steps")

    def __init__(self, desk: Desk, line: Line, core: ServerConnection, authenticator: Authenticator) -> None:
        super().__init__(desk, line, core)
        self._authenticator = authenticator
        self._attempt: Attempt | None = None
        self._failures = 0
        self._steps = 0
        self._leave: Callable[[], None] | None = None

    def woken(self) -> Answer:
        account = self.client.account
        if account is None or self.receives_content or self._authenticator.sessions.is_good(account):
            return ()
        return (CLOSED,)

    def gone(self) -> None:
        self._log_out()
        super().gone()

    def _log_out(self) -> None:
        leave, self._leave = self._leave, None
        self.client.account = None
        if leave is not None:
            leave()

    def _mail(self, event: MailFrom) -> Answer:
        if self.client.account is None:
            return self._refuse(LOGIN_FIRST, event)
        return super()._mail(event)

    def _hello(self, event: Hello) -> Answer:
        self._attempt = None
        return super()._hello(event)

    def _starttls(self, event: StartTls) -> Answer:
        self._attempt = None
        self._log_out()
        return super()._starttls(event)

    def _auth_start(self, event: AuthStart) -> Answer:
        channel = self._line.channel
        if channel is None:  # RFC 4954 section 6
            return self._refuse(TLS_FIRST)
        self.client.channel = channel
        self._steps = 0
        self._attempt = self._authenticator.begin(
            event.mechanism, peer=self.client.peer.address, channel=channel, door=SCOPE
        )
        return self._step(self._attempt, event.initial)

    def _auth_response(self, event: AuthResponse) -> Answer:
        attempt = self._attempt
        if attempt is None:
            return self._refuse(OUT_OF_STEP)
        if event.octets is None:
            self._attempt = None
            return self._refuse(CANCELLED)
        return self._step(attempt, event.octets)

    async def _step(self, attempt: Attempt, octets: bytes | None) -> Iterable[Reply]:
        self._steps += 1
        if self._steps > MOST_STEPS:
            outcome: Challenge | Passed | Refused = Refused(transient=False, reason="too many steps")
        else:
            outcome = await attempt.step(octets)
        if isinstance(outcome, Challenge):
            return (Reply(334, None, (b64encode(outcome.octets).decode(),)),)
        self._attempt = None
        if isinstance(outcome, Passed):
            self._log_out()
            self.client.account = outcome.account
            self._leave = self._authenticator.sessions.enter(outcome.account, self._line.wake)
            self._desk.journal.note(
                "auth.passed",
                door=self._desk.name,
                peer=self.client.peer.address,
                user=outcome.address,
                app_password=outcome.app_password or None,
            )
            return (WELCOME,)
        reply = self._note(self._failed(outcome))
        wait = self._conduct.penalty_seconds
        if wait:
            await self._desk.delay(wait)
        return (reply,)

    def _failed(self, refused: Refused) -> Reply:
        """L21: the last failure is the end of the connection."""
        self._failures += 1
        if self._failures >= self._desk.limits.auth_failures:
            return TOO_MANY_FAILURES
        if refused.transient:
            return Reply(454, "4.7.0", (refused.reason,))
        return Reply(535, "5.7.8", (refused.reason,))

    answers: ClassVar[dict[type, Callable[[Any, Any], Answer]]] = {
        **Reception.answers,
        MailFrom: _mail,
        Hello: _hello,
        StartTls: _starttls,
        AuthStart: _auth_start,
        AuthResponse: _auth_response,
    }


def open_submission(desk: Desk, line: Line, authenticator: Authenticator) -> tuple[ServerConnection, SubmissionDoor]:
    """Core and door for a connection that was admitted."""
    core = ServerConnection(desk.offer)
    return core, SubmissionDoor(desk, line, core, authenticator)
