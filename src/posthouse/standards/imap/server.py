"""The server's side of an IMAP session (RFC 3501, RFC 9051), without a socket.

States are those of RFC 9051 section 3; what moves between them is our own tagged
answer to the event that waits for it (``_conclude``). After each event that wants
an answer nothing is read until the answer is complete. What comes in is read in
``reader``, what may come is judged in ``standing``, what goes out is written in
``render``. Limits: L30 to L32, by ``Offer``. Left to the door: what mailboxes and
messages are, and how many faults are too many after login.
"""

from posthouse.lib.sansio import Channel, LocalError, Piece
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.commands import State
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.reader import Reader, Reading
from posthouse.standards.imap.render import render
from posthouse.standards.imap.standing import Standing


class ServerConnection:
    """A ``Conversation[events.Event, responses.Response]``."""

    __slots__ = ("_ended", "_pending", "_reader", "_standing", "closed", "wants_tls")

    def __init__(self, offer: Offer) -> None:
        self.closed = False
        self.wants_tls = False
        self._ended = False
        self._pending: e.Event | None = None
        self._standing = Standing(offer)
        self._reader = Reader(self._standing)

    @property
    def authenticated(self) -> bool:
        return self._standing.authenticated

    @property
    def selected(self) -> bool:
        """Whether commands for messages may come."""
        return self._standing.state is State.SELECTED

    @property
    def enabled(self) -> frozenset[str]:
        """What ENABLE turned on, in upper case."""
        return self._standing.enabled

    @property
    def kept(self) -> int:
        """Octets received and not read yet."""
        return self._reader.kept

    @property
    def capabilities(self) -> bytes:
        """What holds now, as CAPABILITY lists it."""
        return self._standing.capabilities

    def receive_data(self, data: bytes) -> None:
        if not data:
            self._ended = True
        elif self.wants_tls:
            self.closed = True  # RFC 9051 section 11.1: nothing in the clear after STARTTLS
        else:
            self._reader.receive(data)

    def next_event(self) -> e.Event | None:
        if self._pending is not None or self.closed or self.wants_tls:
            return None
        event = self._reader.next_event()
        if event is None:
            self.closed = self._ended
        elif not isinstance(event, e.AppendChunk):
            self._pending = event
        return event

    def send(self, action: r.Response) -> list[Piece]:
        match action:
            case r.Fetched():
                pass  # the many: found first
            case r.Tagged():
                return self._conclude(action)
            case r.Continuation():
                return self._go_on(action)
            case r.Challenge():
                self._challenge()
            case r.Greeting():
                return render(r.Notice(r.Condition.OK, action.text, f"CAPABILITY {self.capabilities.decode('ascii')}"))
            case r.Capabilities():
                return [b"* CAPABILITY " + self.capabilities + b"\r\n"]
            case r.Enabled():
                self._standing.enable(action.capabilities)
            case r.Recent() if "IMAP4REV2" in self.enabled:
                return []
            case r.Bye():
                self._farewell()
            case r.Notice() if isinstance(self._pending, e.Malformed) and not self._pending.tag:
                self._pending = None
            case _:
                pass
        return render(action, utf8=self._standing.utf8)

    def _challenge(self) -> None:
        event, self._pending = self._pending, None
        if not isinstance(event, e.Authenticate | e.AuthenticateResponse):
            raise LocalError(f"{event!r} is not answered with a challenge")
        self._reader.read_reply(Reading.SASL, event.tag)

    def _go_on(self, action: r.Continuation) -> list[Piece]:
        event, self._pending = self._pending, None
        match event:
            case e.Idle():
                self._reader.read_reply(Reading.DONE, event.tag)
            case e.StartAppend() if not self._reader.read_message(event.size):
                return []
            case e.StartAppend() | e.LiteralWanted():
                pass
            case _:
                raise LocalError(f"{event!r} is not answered with a continuation")
        return render(action)

    def _farewell(self) -> None:
        """After LOGOUT the tagged OK is still to come."""
        if not isinstance(self._pending, e.Logout):
            self.closed = True
            self._standing.state = State.LOGOUT

    def _conclude(self, action: r.Tagged) -> list[Piece]:
        """The end of a command moves the state (RFC 9051 section 3)."""
        event = self._pending
        if event is None or getattr(event, "tag", None) != action.tag:
            raise LocalError(f"{action!r} answers nothing; {event!r} waits")
        self._pending = None
        succeeded = action.condition is r.Condition.OK
        match event:
            case e.Login() | e.Authenticate() | e.AuthenticateResponse() if succeeded:
                return self._welcome(action)
            case e.Select():
                self._standing.state = State.SELECTED if succeeded else State.AUTHENTICATED
            case e.Close() if succeeded:
                self._standing.state = State.AUTHENTICATED
            case e.Logout():
                self.closed = True
                self._standing.state = State.LOGOUT
            case e.StartTls() if succeeded:
                self.wants_tls = True
                self.closed = bool(self._reader.kept)  # RFC 9051 section 6.2.1: no command may come with it
            case e.EndAppend(fault=str()):
                # Another message may follow (MULTIAPPEND): it must not be read as commands (threat I01).
                self.closed = True
                return render(action) + render(r.Bye("Nothing may follow the message"))
            case e.StartAppend() if not self._reader.refuse_message():
                self.closed = True
                return render(action) + render(r.Bye("Too big", "TOOBIG"))
            case _:
                pass
        return render(action)

    def _welcome(self, action: r.Tagged) -> list[Piece]:
        self._standing.state = State.AUTHENTICATED
        self._reader.welcome()
        code = action.code or f"CAPABILITY {self.capabilities.decode('ascii')}"
        return render(r.Tagged(action.tag, action.condition, action.text, code))

    def secured(self, channel: Channel) -> None:
        """RFC 9051 section 6.2.1: what the client said before is forgotten."""
        del channel
        self.closed = self.closed or bool(self._reader.kept)
        self.wants_tls = False
        self._standing.secured = True
