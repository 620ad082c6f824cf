"""The server side of POP3 as a state machine (RFC 1939, 2449, 2595, 3206, 5034, 6856).

States: AUTHORIZATION and TRANSACTION; the UPDATE state is the answer to QUIT.
``COMMANDS`` is the protocol: which verb is allowed where, and how its
arguments are read. Every event is answered by one action, or by ``Begin``,
any number of ``Part`` and ``End``; the state advances from the pending event
and the first of them.

Limits: a line of ``command_octets`` (RFC 2449 section 4 asks for 255), of
``auth_octets`` within AUTH. What is longer closes. Without TLS no name or
password is taken (threat A10). Octets that came before the TLS handshake and
were to be read after it close the connection.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto

from posthouse.lib.sansio import Channel, LocalError, Piece
from posthouse.standards.pop3.events import (
    Action,
    AuthList,
    AuthResponse,
    AuthStart,
    Capa,
    Capabilities,
    Challenge,
    Dele,
    End,
    Event,
    Fault,
    Lang,
    Lines,
    List,
    Negative,
    Noop,
    Offence,
    Part,
    Pass,
    Positive,
    Quit,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    Uidl,
    User,
    Utf8,
)
from posthouse.standards.pop3.stuffing import Stuffer


@dataclass(frozen=True, slots=True)
class Offer:
    """What this server can do."""

    starttls: bool = True
    mechanisms: tuple[str, ...] = ("PLAIN",)
    command_octets: int = 512
    auth_octets: int = 12288


class State(Flag):
    AUTHORIZATION = auto()
    TRANSACTION = auto()


class _BadArguments(Exception):
    """The arguments are not those of the command; ``str()`` says what they should be."""


_NUMBER = re.compile(r"[0-9]{1,10}\Z")


def _number(text: str) -> int:
    """A message-number."""
    if not _NUMBER.match(text) or int(text) == 0:
        raise _BadArguments("a message number, please")
    return int(text)


def _one_number(arguments: str) -> int:
    return _number(arguments)


def _perhaps_number(arguments: str) -> int | None:
    return _number(arguments) if arguments else None


def _top(arguments: str) -> Event:
    number, _, lines = arguments.partition(" ")
    lines = lines.strip()
    if not _NUMBER.match(lines):
        raise _BadArguments("TOP message lines")
    return Top(_number(number), int(lines))


def _alone(event: Event) -> Callable[[str], Event]:
    def build(arguments: str) -> Event:
        if arguments:
            raise _BadArguments("no arguments here")
        return event

    return build


def _user(arguments: str) -> Event:
    if not arguments or len(arguments) > 255:
        raise _BadArguments("USER name")
    return User(arguments)


def _pass(arguments: str) -> Event:
    if not arguments:
        raise _BadArguments("PASS password")
    return Pass("", arguments)


def _auth(arguments: str) -> Event:
    if not arguments:
        return AuthList()
    mechanism, _, initial = arguments.partition(" ")
    if not initial:
        return AuthStart(mechanism.upper(), None)
    return AuthStart(mechanism.upper(), b"" if initial == "=" else _octets(initial))  # RFC 5034 section 4


def _octets(text: str) -> bytes:
    try:
        return b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _BadArguments("that is not base64") from None


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table. ``secret``: carries a name or a password, so only under TLS."""

    states: State
    build: Callable[[str], Event]
    secret: bool = False


ANYWHERE = State.AUTHORIZATION | State.TRANSACTION

COMMANDS: dict[str, Command] = {
    "CAPA": Command(ANYWHERE, _alone(Capa())),
    "USER": Command(State.AUTHORIZATION, _user, secret=True),
    "PASS": Command(State.AUTHORIZATION, _pass, secret=True),
    "AUTH": Command(State.AUTHORIZATION, _auth, secret=True),
    "STLS": Command(State.AUTHORIZATION, _alone(StartTls())),
    "UTF8": Command(State.AUTHORIZATION, _alone(Utf8())),
    "LANG": Command(ANYWHERE, lambda text: Lang(text or None)),
    "STAT": Command(State.TRANSACTION, _alone(Stat())),
    "LIST": Command(State.TRANSACTION, lambda text: List(_perhaps_number(text))),
    "UIDL": Command(State.TRANSACTION, lambda text: Uidl(_perhaps_number(text))),
    "RETR": Command(State.TRANSACTION, lambda text: Retr(_one_number(text))),
    "TOP": Command(State.TRANSACTION, _top),
    "DELE": Command(State.TRANSACTION, lambda text: Dele(_one_number(text))),
    "NOOP": Command(State.TRANSACTION, _alone(Noop())),
    "RSET": Command(State.TRANSACTION, _alone(Rset())),
    "QUIT": Command(ANYWHERE, _alone(Quit(update=False))),
}

FOREIGN_VERBS = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "CONNECT", "PRI"})
"""A browser was made to speak to us: what it sends next may be an attacker's (threat S03)."""

ALWAYS = ("TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8 USER", "LANG")
"""Capabilities in every state (RFC 2449 section 6, RFC 3206, RFC 6856)."""


class ServerConnection:
    """One POP3 session. A ``Conversation[Event, Action]``."""

    __slots__ = (
        "_buffer",
        "_eof",
        "_name",
        "_offer",
        "_pending",
        "_searched",
        "_state",
        "_stuffer",
        "_waits_for_response",
        "closed",
        "is_secured",
        "utf8",
        "wants_tls",
    )

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._buffer = bytearray()
        self._searched = 0
        self._eof = False
        self._state = State.AUTHORIZATION
        self._name: str | None = None
        self._pending: Event | None = None
        self._waits_for_response = False
        self._stuffer: Stuffer | None = None
        self.closed = False
        self.wants_tls = False
        self.is_secured = False
        self.utf8 = False
        """The client said UTF8 (RFC 6856 section 2.1)."""

    @property
    def state(self) -> State:
        return self._state

    def receive_data(self, data: bytes) -> None:
        if data:
            self._buffer += data
        else:
            self._eof = True

    # -- reading

    def next_event(self) -> Event | None:
        if self.closed or self.wants_tls or self._pending is not None:
            return None  # one answer at a time
        end = self._buffer.find(b"\n", self._searched)
        # Too long is a line whose end is not among the first octets, whether it has come yet or not.
        longest = self._longest_line()
        if end >= longest or (end < 0 and len(self._buffer) >= longest):
            self._buffer.clear()
            self._pending = Fault(Offence.TOO_LONG, "line too long", hang_up=True)
        elif end < 0:
            self._searched = len(self._buffer)
            self.closed = self._eof
        else:
            line = self._take_line(end)
            self._pending = self._response(line) if self._waits_for_response else self._command(line)
        return self._pending

    def _take_line(self, end: int) -> bytes:
        """The line that ends at ``end``. A bare LF will do: no command of ours carries another line."""
        self._searched = 0
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _longest_line(self) -> int:
        in_auth = self._waits_for_response or self._buffer[:5].upper() == b"AUTH "
        return self._offer.auth_octets if in_auth else self._offer.command_octets

    def _command(self, line: bytes) -> Event:
        try:
            text = line.decode()  # RFC 6856 section 2.2: names and passwords may be UTF-8
        except UnicodeDecodeError:
            return Fault(Offence.SYNTAX, "that is not UTF-8")
        if any(character < " " or character == "\x7f" for character in text):
            return Fault(Offence.SYNTAX, "control character")
        verb, _, arguments = text.partition(" ")
        verb = verb.upper()
        command = COMMANDS.get(verb)
        if command is None:
            return self._unknown(verb)
        if self._state not in command.states:
            where = "log in first" if self._state is State.AUTHORIZATION else "not after login"
            return Fault(Offence.SEQUENCE, where)
        if command.secret and not self.is_secured and arguments:
            return Fault(Offence.CLEAR, "not without TLS: STLS first" if self._offer.starttls else "not without TLS")
        # RFC 1939 section 7: a password may begin and end with spaces; all other arguments may not.
        arguments = arguments if verb == "PASS" else arguments.strip(" ")
        try:
            return self._in_context(command.build(arguments))
        except _BadArguments as error:
            return Fault(Offence.SYNTAX, str(error))

    def _unknown(self, verb: str) -> Fault:
        if verb not in FOREIGN_VERBS:
            return Fault(Offence.UNKNOWN, "unknown command")
        self._buffer.clear()
        return Fault(Offence.FOREIGN, "this is a POP3 server", hang_up=True)

    def _in_context(self, event: Event) -> Event:
        """What the session so far adds to a command, or has against it."""
        if isinstance(event, Pass):
            name, self._name = self._name, None
            return Pass(name, event.password) if name is not None else Fault(Offence.SEQUENCE, "USER first")
        if isinstance(event, StartTls) and (self.is_secured or not self._offer.starttls):
            return Fault(Offence.SEQUENCE, "TLS is active" if self.is_secured else "no TLS here")
        if isinstance(event, Quit):
            return Quit(update=self._state is State.TRANSACTION)
        return event

    def _response(self, line: bytes) -> Event:
        self._waits_for_response = False
        if line == b"*":
            return AuthResponse(None)
        try:
            return AuthResponse(b64decode(line, validate=True))
        except binascii.Error:
            return Fault(Offence.SYNTAX, "that is not base64")

    # -- writing

    def send(self, action: Action) -> Sequence[Piece]:
        if self._stuffer is not None:
            return self._go_on(action, self._stuffer)
        if isinstance(action, Part | End):
            raise LocalError("a part of no answer")
        pending, self._pending = self._pending, None
        if isinstance(action, Positive):
            self._advance(pending)
            self._close_if(wanted=action.hang_up or isinstance(pending, Quit))
            return (_status("+OK", action.text),)
        if isinstance(action, Negative):
            self._close_if(wanted=action.hang_up or isinstance(pending, Quit))
            return (_status("-ERR", f"[{action.code}] {action.text}" if action.code else action.text),)
        if isinstance(action, Challenge):
            if not isinstance(pending, AuthStart | AuthResponse):
                raise LocalError("a challenge outside AUTH")
            self._waits_for_response = True
            return (b"+ " + b64encode(action.octets) + b"\r\n",)
        if isinstance(action, Capabilities):
            return (_status("+OK", "what I can do"), self._capabilities(), b".\r\n")
        if isinstance(action, Lines):
            stuffer = Stuffer()
            return (_status("+OK", action.text), stuffer.stuff(action.octets), stuffer.end())
        self._pending = pending
        self._stuffer = Stuffer()
        return (_status("+OK", action.text),)

    def _go_on(self, action: Action, stuffer: Stuffer) -> Sequence[Piece]:
        """A long answer is on its way."""
        if isinstance(action, Part):
            return (stuffer.stuff(action.octets),)
        self._stuffer = None
        self._pending = None
        if isinstance(action, End) and action.complete:
            return (stuffer.end(),)
        # Farewell in the middle of a message: any word of ours would be taken for a part of it.
        self.closed = True
        return ()

    def _advance(self, pending: Event | None) -> None:
        """The state after a positive answer."""
        match pending:
            case User(name):
                self._name = name
            case Pass() | AuthStart() | AuthResponse():
                self._state = State.TRANSACTION
            case StartTls():
                # Threat T01: what the client sent ahead would be taken for something said inside the tunnel.
                if self._buffer:
                    self.closed = True
                else:
                    self.wants_tls = True
            case Utf8():
                self.utf8 = True
            case _:
                pass

    def _close_if(self, *, wanted: bool) -> None:
        if wanted:
            self.closed = True

    def secured(self, _channel: Channel) -> None:
        self.wants_tls = False
        self.is_secured = True
        self._name = None
        self.utf8 = False

    def _capabilities(self) -> bytes:
        """RFC 2449 section 5: what is usable in this state."""
        lines = [*ALWAYS, "IMPLEMENTATION Posthouse"]
        if self.is_secured:
            lines += ["USER", "SASL " + " ".join(self._offer.mechanisms)]
        elif self._offer.starttls:
            lines.append("STLS")
        return "".join(f"{line}\r\n" for line in lines).encode()


def _status(indicator: str, text: str) -> bytes:
    """A status line of at most 512 octets (RFC 1939 section 3)."""
    line = f"{indicator} {text}" if text else indicator
    return line.encode()[:510] + b"\r\n"
