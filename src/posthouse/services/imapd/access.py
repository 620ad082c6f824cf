"""Coming in: STARTTLS, LOGIN, AUTHENTICATE (RFC 9051 section 6.2), and what may be said in any state."""

from collections.abc import AsyncIterator

from posthouse.admd.authenticator import Attempt, Authenticator, Challenge, Passed, Refused, Step
from posthouse.observe.ports import Level
from posthouse.services.imapd.session import Session
from posthouse.standards.imap import events, responses
from posthouse.standards.imap.responses import Bye, Condition, Response, Tagged
from posthouse.storage.directory import AccountRow

SCOPE = "imap"
"""What an app password must be good for (``admd.apppasswords``)."""

OK, NO, BAD = Condition.OK, Condition.NO, Condition.BAD


class Reception:
    """Lets accounts in, at most ``most`` connections of each at once (L33)."""

    __slots__ = ("_authenticator", "_connections", "_failures", "_most")

    def __init__(self, authenticator: Authenticator, *, most: int, failures: int) -> None:
        self._authenticator = authenticator
        self._most = most
        self._failures = failures
        self._connections: dict[int, int] = {}

    def adopt(self, *, most: int, failures: int) -> None:
        """So many from now on; who is here stays."""
        self._most = most
        self._failures = failures

    def begin(self, mechanism: str, session: Session) -> Attempt:
        return self._authenticator.begin(
            mechanism, peer=session.line.peer.address, channel=session.line.channel, door=SCOPE
        )

    async def login(self, session: Session, event: events.Login) -> AsyncIterator[Response]:
        """LOGIN."""
        passed = await self._authenticator.check(event.user, event.password, peer=session.line.peer.address, door=SCOPE)
        for response in self._conclude(session, event.tag, passed):
            yield response

    async def step(self, session: Session, attempt: Attempt, tag: str, octets: bytes | None) -> AsyncIterator[Response]:
        """One step of AUTHENTICATE."""
        step = await attempt.step(octets)
        if isinstance(step, Challenge):
            yield responses.Challenge(step.octets)
            return
        for response in self._conclude(session, tag, step):
            yield response

    def _conclude(self, session: Session, tag: str, step: Step) -> list[Response]:
        if isinstance(step, Passed):
            if not self._enter(step.account):
                return [Tagged(tag, NO, "Too many connections of this account", "LIMIT")]
            session.account = step.account
            session.leave = self._authenticator.sessions.enter(step.account, session.line.wake)
            session.journal.note(
                "imap.login",
                account=step.address,
                peer=session.line.peer.address,
                app_password=step.app_password or None,
            )
            return [Tagged(tag, OK, "Welcome")]
        session.failures += 1
        transient = isinstance(step, Refused) and step.transient
        code = "UNAVAILABLE" if transient else "AUTHENTICATIONFAILED"  # RFC 5530
        text = "Try again later" if transient else "Not accepted"
        if isinstance(step, Refused) and step.expired:  # RFC 5530 section 3
            code, text = "EXPIRED", "This password is too easy to guess, ask your postmaster for a new one"
        found: list[Response] = [Tagged(tag, NO, text, code)]
        if session.failures >= self._failures:  # L21
            session.journal.note("imap.failures", Level.WARNING, peer=session.line.peer.address)
            found.append(Bye("Too many failed logins"))
        return found

    def _enter(self, account: AccountRow) -> bool:
        inside = self._connections.get(account.account, 0)
        if inside >= self._most:
            return False
        self._connections[account.account] = inside + 1
        return True

    def leave(self, account: AccountRow) -> None:
        """A connection of ``account`` is gone."""
        inside = self._connections.pop(account.account, 1) - 1
        if inside > 0:
            self._connections[account.account] = inside
