"""One POP3 session's door: what each event is answered with."""

from collections.abc import Callable, Iterable
from typing import Any

from posthouse.net.ports import Farewell, Line
from posthouse.observe.ports import Level
from posthouse.services.pop3d import access, changing, reading
from posthouse.services.pop3d.session import TEMPORARY, Answer, Pop3d, Session
from posthouse.standards.pop3 import events
from posthouse.standards.pop3.events import Action, Capabilities, Event, Lang, Lines, Negative, Offence, Positive
from posthouse.standards.pop3.server import Offer, ServerConnection

AUTOLOGOUT_SECONDS = 600.0
"""RFC 1939 section 3: at least ten minutes."""

ENDED = (Negative("this session was ended, log in again", access.CREDENTIALS, hang_up=True),)
OUSTED = (Negative("another session has taken this maildrop", TEMPORARY, hang_up=True),)
TALKATIVE = (Negative("too many commands without login, goodbye", hang_up=True),)
FAREWELLS = {
    Farewell.IDLE: "you were silent for too long",
    Farewell.SLOW: "too slow",
    Farewell.SHUTDOWN: "we are stopping, come back soon",
    Farewell.TROUBLE: "trouble on our side",
}


def _language(_session: Session, event: Lang) -> Answer:
    """RFC 6856 section 3. We speak one language."""
    if event.tag is None:
        return (Lines("languages", b"en English\r\ni-default English\r\n"),)
    if event.tag.lower() in {"en", "i-default", "*"}:
        return (Positive(f"{'i-default' if event.tag.lower() == 'i-default' else 'en'} English it is"),)
    return (Negative("only English here"),)


_ALWAYS: dict[type, tuple[Action, ...]] = {
    events.Capa: (Capabilities(),),
    events.Noop: (Positive(),),
    events.StartTls: (Positive("begin TLS"),),
    events.User: (Positive("and the password?"),),  # for every name alike (threat A04)
    events.Utf8: (Positive("UTF8"),),
}
_ANSWERS: dict[type, Callable[[Session, Any], Answer]] = {
    events.Lang: _language,
    events.Pass: access.password,
    events.AuthList: access.mechanisms,
    events.AuthStart: access.begin,
    events.AuthResponse: access.respond,
    events.Stat: reading.stat,
    events.List: reading.list_sizes,
    events.Uidl: reading.list_unique_ids,
    events.Retr: reading.retrieve,
    events.Top: reading.top,
    events.Dele: changing.delete,
    events.Rset: changing.reset,
    events.Quit: changing.leave,
}


def open_pop3(house: Pop3d, line: Line) -> "tuple[ServerConnection, Pop3Door]":
    """The core and the door for a new connection."""
    offer = Offer(house.starttls, house.authenticator.mechanisms, auth_octets=house.limits.auth_octets)
    core = ServerConnection(offer)
    return core, Pop3Door(house, line, core)


class Pop3Door:
    """One session's side of the service. A ``net.ports.Door[Event, Action]``."""

    __slots__ = ("_early", "_errors", "_house", "_session", "_until")

    def __init__(self, house: Pop3d, line: Line, core: ServerConnection) -> None:
        self._house = house
        self._session = Session(house, line, core)
        self._early = 0
        """Commands before login."""
        self._errors = 0
        self._until = house.clock.monotonic() + house.limits.early_seconds
        """Who has not logged in by then is gone (threat I03): a deadline, not a pause between commands."""

    @property
    def patience(self) -> float:
        if self._session.account is not None:
            return AUTOLOGOUT_SECONDS
        return max(0.1, self._until - self._house.clock.monotonic())

    @property
    def receives_content(self) -> bool:
        return False

    def greet(self) -> Iterable[Action]:
        return (Positive("Posthouse ready"),)

    def handle(self, event: Event) -> Answer:
        session = self._session
        session.heard_at = self._house.clock.monotonic()
        if session.is_ousted:
            return OUSTED
        if session.is_over:
            return ENDED
        if session.account is None:
            self._early += 1
            if self._early > self._house.limits.junk_commands:  # L19; no login takes so many
                return TALKATIVE
        if isinstance(event, events.Fault):
            return self._fault(event)
        return _ALWAYS.get(type(event)) or _ANSWERS[type(event)](session, event)

    def _fault(self, event: events.Fault) -> Answer:
        """L19: a client that only makes errors is not worth a connection."""
        if event.offence is Offence.CLEAR:
            self._session.note("auth.exposed", Level.WARNING)
        self._session.attempt = None
        self._errors += 1
        if self._errors >= self._house.limits.hard_errors:
            return (Negative(f"{event.text}; too many errors, goodbye", hang_up=True),)
        return (Negative(event.text, hang_up=event.hang_up),)

    def woken(self) -> Iterable[Action]:
        if self._session.is_ousted:
            return OUSTED
        return ENDED if self._session.is_over else ()

    def farewell(self, reason: Farewell) -> Iterable[Action]:
        return (Negative(FAREWELLS[reason], TEMPORARY, hang_up=True),)

    def gone(self) -> None:
        session, opened = self._session, self._session.opened
        session.leave()
        if opened is not None:
            account = opened.account.account
            session.note("pop3.session", retrieved=opened.retrieved, octets=opened.octets, account=account)
