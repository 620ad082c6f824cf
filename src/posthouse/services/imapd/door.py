"""One IMAP session's door: what each event is answered with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any

from posthouse.admd.authenticator import Attempt, Authenticator
from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.filter.networks import Networks
from posthouse.lib.ports import Clock, Ids
from posthouse.ms.append import Appender
from posthouse.net.ports import Farewell, Line
from posthouse.observe.ports import Journal, Level
from posthouse.services.imapd import catalogue, changing, filing, finding, reading, selection
from posthouse.services.imapd.access import Reception
from posthouse.services.imapd.session import Answer, Judged, Session, enable_condstore, highest, news
from posthouse.standards.imap import codes, events, responses
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.responses import Bye, Condition, Continuation, Notice, Response, Tagged, refuse
from posthouse.standards.imap.server import ServerConnection
from posthouse.storage.directory import AccountRow
from posthouse.storage.errors import Conflict, Missing, Moved, QuotaExceeded, StorageError
from posthouse.storage.ports import Store

OK, NO, BAD = Condition.OK, Condition.NO, Condition.BAD
Pause = Callable[[float], Awaitable[None]]
Command = Callable[[Session, Any], AsyncIterator[Response]]

PAUSE_SECONDS = 0.25
"""What each command costs in time once a client has sent more in a minute than L33 allows."""
FAULTS = 50
"""Malformed commands in a row after login before we hang up: who stays for weeks may make some each day."""
_STILL = frozenset({events.Fetch, events.Store, events.Search})
"""While one of these is answered by message number, no message may lose its number (RFC 9051 section 7.5.1)."""
_ANSWERS: dict[type, Command] = {
    events.List: catalogue.list_mailboxes,
    events.Status: catalogue.status,
    events.Create: catalogue.create,
    events.Delete: catalogue.delete,
    events.Rename: catalogue.rename,
    events.Subscribe: catalogue.subscribe,
    events.Unsubscribe: catalogue.subscribe,
    events.Select: selection.select,
    events.Close: selection.close,
    events.StartAppend: filing.start,
    events.EndAppend: filing.end,
    events.Fetch: reading.fetch,
    events.Store: changing.store,
    events.Copy: changing.carry,
    events.Move: changing.carry,
    events.Expunge: changing.expunge,
    events.Search: finding.search,
}
_EXPUNGING = frozenset({events.Expunge, events.Move})
_TAGLESS = (events.AppendChunk, events.LiteralWanted)


class Imapd:
    """What all IMAP sessions of a listener share. ``open`` makes core and door for a connection that was admitted."""

    __slots__ = (
        "appender",
        "clock",
        "directory",
        "exempt",
        "journal",
        "judged",
        "limits",
        "offer",
        "pause",
        "reception",
        "store",
    )

    def __init__(
        self,
        offer: Offer,
        *,
        store: Store,
        authenticator: Authenticator,
        limits: Limits,
        clock: Clock,
        ids: Ids,
        journal: Journal,
        reception: Reception | None = None,
        exempt: Networks | None = None,
        directory: Directory | None = None,
        pause: Pause = asyncio.sleep,
        judged: Judged | None = None,
    ) -> None:
        self.offer, self.store, self.limits = offer, store, limits
        self.clock, self.journal = clock, journal
        self.appender = Appender(store, clock, ids)
        self.directory = directory
        self.exempt = exempt or Networks()
        """Addresses that may ask as often as they like."""
        self.pause = pause
        self.judged = judged
        self.reception = reception or Reception(
            authenticator, most=limits.imap_account_connections, failures=limits.auth_failures
        )
        """Given to the listener's twin (143 and 993), so that both count together."""

    def knows(self, account: AccountRow) -> bool:
        """Whether the account may still use the house: it may have been closed since the login (threat I09)."""
        now = account if self.directory is None else self.directory.account(account.account)
        return now is not None and now.enabled and now.generation == account.generation

    def open(self, line: Line) -> tuple[ServerConnection, "ImapDoor"]:
        return ServerConnection(self.offer), ImapDoor(self, line)


class ImapDoor:
    """A ``Door[events.Event, responses.Response]``."""

    __slots__ = ("_attempt", "_commands", "_exempt", "_faults", "_house", "_minute", "_session", "_until")

    def __init__(self, house: Imapd, line: Line) -> None:
        self._house = house
        self._session = Session(
            line, house.store, house.clock, house.appender, house.journal, append_octets=house.offer.append_octets
        )
        self._session.judged = house.judged
        self._until = house.clock.monotonic() + house.limits.early_seconds
        """Who has not logged in by then is gone (I03): a deadline, not a pause between commands."""
        self._attempt: Attempt | None = None
        self._minute = 0
        self._commands = 0
        self._exempt = line.peer.address in house.exempt
        self._faults = 0

    @property
    def patience(self) -> float:
        if self._session.account is not None:
            return self._house.limits.idle_seconds
        return max(0.1, self._until - self._house.clock.monotonic())

    @property
    def receives_content(self) -> bool:
        return self._session.appending is not None

    def greet(self) -> Iterable[Response]:
        return (responses.Greeting("Posthouse is ready"),)

    def handle(self, event: events.Event) -> Iterable[Response] | AsyncIterator[Response]:
        session = self._session
        session.idling = False
        if session.account is not None and not self._house.knows(session.account):
            return (Bye("This account is closed"),)
        if isinstance(event, events.AppendChunk):
            return filing.chunk(session, event)
        if isinstance(event, events.LiteralWanted):
            return (Continuation(),)
        if not self._exempt and self._too_many():
            return self._slowly(event)
        return self._answer(event)

    def _answer(self, event: events.Event) -> Iterable[Response] | AsyncIterator[Response]:
        session = self._session
        if not isinstance(event, events.Malformed):
            self._faults = 0
        command = _ANSWERS.get(type(event))
        if command is not None:
            return self._carry_out(command, event)
        match event:
            case events.Capability(tag):
                return (responses.Capabilities(), Tagged(tag, OK, "Done"))
            case events.Noop(tag):
                return self._noop(tag)
            case events.Logout(tag):
                return (Bye("Until next time"), Tagged(tag, OK, "Done"))
            case events.Id(tag):
                return (responses.Id((("name", "Posthouse"),)), Tagged(tag, OK, "Done"))
            case events.StartTls(tag):
                return (Tagged(tag, OK, "Begin TLS now"),)
            case events.Login():
                return self._house.reception.login(session, event)
            case events.Authenticate(tag, mechanism, initial):
                self._attempt = self._house.reception.begin(mechanism, session)
                return self._house.reception.step(session, self._attempt, tag, initial)
            case events.AuthenticateResponse(tag, octets):
                return self._exchange(tag, octets)
            case events.Enable(tag, capabilities):
                return self._enable(tag, capabilities)
            case events.Namespace(tag):
                return (responses.Namespaces(), Tagged(tag, OK, "Done"))
            case events.Idle(tag):
                return self._idle(tag)
            case events.IdleDone(tag):
                return self._noop(tag)
            case events.Malformed():
                return self._malformed(event)
            case _:
                return ()

    async def _carry_out(self, command: Command, event: Any) -> Answer:
        """A command's own responses, then what else has happened, then its end (RFC 9051 section 7)."""
        tag: str = event.tag
        by_number = type(event) in _STILL and not event.by_uid
        try:
            async with aclosing(command(self._session, event)) as answer:  # type: ignore[type-var]  # commands are generators
                async for response in answer:
                    if isinstance(response, Tagged):
                        break
                    yield response
                else:
                    return
        except StorageError as error:
            response = self._failed(tag, error)
        if self._session.qresync and type(event) in _EXPUNGING and isinstance(response, Tagged):
            async for one in self._poll_to_mark(response):
                yield one
            return
        if isinstance(event, events.Select):  # one EXISTS, one view: what came since then is told with the next command
            yield response
            return
        async for one in self._poll(response, may_expunge=not by_number):
            yield one

    async def _poll_to_mark(self, last: Tagged) -> Answer:
        """The end of a command that expunged says how far the client has come (RFC 7162 section 3.2.7)."""
        async for one in self._poll(None, may_expunge=True, always=True):
            yield one
            if isinstance(one, Bye):
                return
        if last.condition is OK and not last.code:
            last = Tagged(last.tag, OK, last.text, codes.highest_modseq(self._session.chosen.view.settled))
        yield last

    def _failed(self, tag: str, error: StorageError) -> Response:
        match error:
            case QuotaExceeded():
                return Tagged(tag, NO, "No room left", "OVERQUOTA")
            case Conflict():
                return Tagged(tag, NO, "The name is taken", "ALREADYEXISTS")
            case Missing():
                return Tagged(tag, NO, "It does not exist (any more)", "NONEXISTENT")
            case Moved():  # by an operator, who sees to it
                return Tagged(tag, NO, "The account is being moved, try again soon", "UNAVAILABLE")
            case _:
                self._house.journal.note("imap.storage", Level.ALARM, error=str(error))
                return Tagged(tag, NO, "Storage is in trouble, try again later", "UNAVAILABLE")

    def _noop(self, tag: str) -> Iterable[Response] | AsyncIterator[Response]:
        done = Tagged(tag, OK, "Done")
        return (done,) if self._session.selected is None else self._poll(done, may_expunge=True, always=True)

    def _idle(self, tag: str) -> Iterable[Response] | AsyncIterator[Response]:
        del tag
        self._session.idling = True
        if self._session.selected is None:
            return (Continuation("idling"),)
        return self._poll(Continuation("idling"), may_expunge=True)

    async def _poll(self, last: Response | None, *, may_expunge: bool, always: bool = False) -> Answer:
        """What is new in the selected mailbox, then ``last``; a mailbox that is gone ends the session (RFC 2180)."""
        session = self._session
        try:
            async for response in news(session, may_expunge=may_expunge, always=always):
                yield response
            if session.qresync and session.selected is not None and session.selected.view.has_gone:
                yield highest(session.selected.view)  # RFC 7162 section 3.2: who is gone is still to be told
        except Missing:
            yield Bye("The mailbox is gone")
            return
        except Moved:  # what is new is told when it has arrived
            pass
        except StorageError as error:
            self._house.journal.note("imap.storage", Level.ALARM, error=str(error))
        if last is not None:
            yield last

    def woken(self) -> Iterable[Response] | AsyncIterator[Response]:
        session = self._session
        if session.account is not None and not self._house.knows(session.account):
            return (Bye("This account is closed"),)
        if not session.idling or session.selected is None or not session.dirty:
            return ()
        return self._poll(None, may_expunge=True)

    async def _exchange(self, tag: str, octets: bytes | None) -> Answer:
        attempt = self._attempt
        if attempt is None or octets is None:
            self._attempt = None
            yield Tagged(tag, BAD, "Cancelled")
            return
        async for response in self._house.reception.step(self._session, attempt, tag, octets):
            yield response

    def _enable(self, tag: str, capabilities: tuple[str, ...]) -> Iterable[Response]:
        session = self._session
        wanted = "CONDSTORE" in capabilities or "QRESYNC" in capabilities
        told = tuple(enable_condstore(session)) if wanted else ()
        session.qresync |= "QRESYNC" in capabilities
        session.rev2 |= "IMAP4REV2" in capabilities
        session.utf8 |= session.rev2 or "UTF8=ACCEPT" in capabilities
        return (responses.Enabled(capabilities), *told, Tagged(tag, OK, "Done"))

    def _malformed(self, event: events.Malformed) -> Iterable[Response]:
        self._faults += 1
        if self._faults > FAULTS:
            return (Bye("Too many mistakes"),)
        session = self._session
        if event.forgets and session.selected is not None:
            session.selected.saved = None
        if event.deselects and session.selected is not None:
            session.deselect()
            return (Notice(OK, "The mailbox before is closed", "CLOSED"), refuse(event))
        return (refuse(event),)

    def _too_many(self) -> bool:
        """L33: commands a minute."""
        minute = int(self._house.clock.monotonic()) // 60
        if minute != self._minute:
            self._minute, self._commands = minute, 0
        self._commands += 1
        return self._commands > self._house.limits.imap_commands_minute

    async def _slowly(self, event: events.Event) -> Answer:
        await self._house.pause(PAUSE_SECONDS)
        answer = self._answer(event)
        if isinstance(answer, AsyncIterator):
            async for response in answer:
                yield response
        else:
            for response in answer:
                yield response

    def farewell(self, reason: Farewell) -> Iterable[Response]:
        texts = {
            Farewell.IDLE: ("Nothing was said for too long", ""),
            Farewell.SLOW: ("Too slow", ""),
            Farewell.SHUTDOWN: ("The server stops, come back soon", "UNAVAILABLE"),
            Farewell.TROUBLE: ("Something went wrong here", "SERVERBUG"),
        }
        text, code = texts[reason]
        return (Bye(text, code),)

    def gone(self) -> None:
        session = self._session
        if session.appending is not None:
            session.appending.discard()
            session.appending = None
        session.deselect()
        if session.account is not None:
            self._house.reception.leave(session.account)
            session.account = None
        if session.leave is not None:
            session.leave()
            session.leave = None
