"""The client core of ICAP, sans-IO (RFC 3507): OPTIONS, REQMOD and RESPMOD with preview and 204.

Rules. A message goes as the body of an HTTP message, in chunks. With a preview
the server may answer after it (204 or a whole answer) or ask for the rest
(100, section 4.5); without one it gets everything at once. It may begin to give
back what it changed while it still gets content: both ways go on beside each
other. What comes back is given away in pieces; whoever asked compares or forgets it.

Limits. Heads of 64 KiB, an answer of ``answer_octets``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from posthouse.lib.caller import OVER, Caller
from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.standards.http1.body import LAST_CHUNK, ChunkedBody, format_chunk
from posthouse.standards.http1.head import Head, HeadReader, format_head, parse_status

ANSWER_OCTETS = 128 * 1024 * 1024
OPTIONS_BODY_OCTETS = 64 * 1024
MOST_PREVIEW = 64 * 1024

_PART = re.compile(r"\s*(req-hdr|res-hdr|req-body|res-body|opt-body|null-body)\s*=\s*([0-9]{1,7})\s*\Z")


class Mode(Enum):
    """Which way the content is said to go (RFC 3507 sections 4.8 and 4.9)."""

    REQMOD = "REQMOD"
    RESPMOD = "RESPMOD"


@dataclass(frozen=True, slots=True)
class Options:
    """Ask what the service can do (section 4.10)."""

    host: str
    service: str


@dataclass(frozen=True, slots=True)
class Begin:
    """A content follows. ``preview`` None sends it whole."""

    host: str
    service: str
    mode: Mode
    name: str
    """What it is called in the HTTP message around it: a word of ours."""
    preview: int | None = None
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    octets: bytes


@dataclass(frozen=True, slots=True)
class EndPreview:
    """``whole``: the content is not longer than the preview (``ieof``, section 4.5)."""

    whole: bool


@dataclass(frozen=True, slots=True)
class End: ...


Action = Options | Begin | Content | EndPreview | End


@dataclass(frozen=True, slots=True)
class Offered:
    """What the service can do. ``preview`` None: it wants none."""

    modes: frozenset[str]
    preview: int | None
    allows_204: bool
    connections: int | None
    tag: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """100: it wants the rest."""


@dataclass(frozen=True, slots=True)
class Unmodified:
    """204: nothing to change."""

    head: Head


@dataclass(frozen=True, slots=True)
class Modified:
    """200: here is what to use instead. ``status`` is that of the HTTP response inside, 0 for a request."""

    head: Head
    status: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the changed content."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """That was all of the answer."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The server could not."""

    status: int


Event = Offered | GoOn | Unmodified | Modified | Piece | Done | Failed


class _Out(Enum):
    """How far the content is on its way out. The answer may begin before its end (section 4.8.2)."""

    PREVIEW = auto()
    DECIDING = auto()
    """The preview is sent; whether more is wanted is to come."""
    CONTENT = auto()
    SENT = auto()


class _Phase(Enum):
    """What comes in next."""

    IDLE = auto()
    OPTIONS = auto()
    ANSWER = auto()
    INNER = auto()
    """The HTTP head inside the answer."""
    BODY = auto()
    SKIM = auto()
    """The body of an answer to OPTIONS."""


class IcapConnection(Caller[Event, _Phase]):
    """One connection to one ICAP server."""

    __slots__ = ("_body", "_head", "_inner", "_keep", "_left", "_out", "_pending", "_preview_left", "_reader", "_room")

    def __init__(self, *, answer_octets: int = ANSWER_OCTETS) -> None:
        super().__init__(_Phase.IDLE)
        self._reader = HeadReader("the answer", folds=True)
        self._inner = HeadReader("the message inside", folds=True)
        self._head: Head | None = None
        self._body = ChunkedBody()
        self._room = answer_octets
        self._left = 0
        self._preview_left = 0
        self._keep = True
        self._out = _Out.SENT
        self._pending: Event | None = None

    @property
    def is_idle(self) -> bool:
        """Whether another request may be made on this connection."""
        return self._phase is _Phase.IDLE and self._keep and not self._ended and not self._buffer

    # -- what we say

    def send(self, action: Action) -> Sequence[bytes]:
        """What to write for ``action``. Raises ``LocalError`` out of turn."""
        if isinstance(action, Options):
            self._may_begin()
            self._phase = _Phase.OPTIONS
            return (_format_request("OPTIONS", action.host, action.service, (("Encapsulated", "null-body=0"),)),)
        if isinstance(action, Begin):
            return self._begin(action)
        if isinstance(action, Content):
            return self._content(action.octets)
        if isinstance(action, EndPreview):
            self._may_send(_Out.PREVIEW)
            self._out = _Out.SENT if action.whole else _Out.DECIDING
            return (b"0; ieof\r\n\r\n" if action.whole else LAST_CHUNK,)
        self._may_send(_Out.CONTENT)
        self._out = _Out.SENT
        return (LAST_CHUNK,)

    def _may_begin(self) -> None:
        if self._phase is not _Phase.IDLE:
            raise LocalError(f"a request in phase {self._phase.name}")

    def _may_send(self, *outs: _Out) -> None:
        if self._out not in outs or self._phase is OVER:
            raise LocalError(f"content in phase {self._out.name}")

    def _begin(self, action: Begin) -> Sequence[bytes]:
        self._may_begin()
        self._body, self._phase = ChunkedBody(), _Phase.ANSWER
        preview = action.preview
        self._preview_left = preview or 0
        self._out = _Out.CONTENT if preview is None else _Out.PREVIEW
        kind = ("Content-Type", "message/rfc822")
        if action.mode is Mode.REQMOD:
            parts = [format_head(f"POST /{action.name} HTTP/1.1", (("Host", "mail"), kind))]
            names = ["req-hdr"]
        else:
            parts = [
                format_head(f"GET /{action.name} HTTP/1.1", (("Host", "mail"),)),
                format_head("HTTP/1.1 200 OK", (kind,)),
            ]
            names = ["req-hdr", "res-hdr"]
        names.append("req-body" if action.mode is Mode.REQMOD else "res-body")
        places = [sum(map(len, parts[:at])) for at in range(len(names))]
        fields = [*action.fields, ("Allow", "204")]
        if preview is not None:
            fields.append(("Preview", str(preview)))
        fields.append(("Encapsulated", ", ".join(f"{one}={at}" for one, at in zip(names, places, strict=True))))
        return (_format_request(action.mode.value, action.host, action.service, fields), *parts)

    def _content(self, octets: bytes) -> Sequence[bytes]:
        self._may_send(_Out.PREVIEW, _Out.CONTENT)
        if not octets:
            return ()
        if self._out is _Out.PREVIEW:
            self._preview_left -= len(octets)
            if self._preview_left < 0:
                raise LocalError("more octets than the preview announced")
        return (format_chunk(octets),)

    # -- what it says

    def _read(self) -> Event | None:
        if self._phase is _Phase.IDLE:
            if self._buffer:
                raise RemoteError("an answer that answers nothing")
        elif self._phase is _Phase.BODY:
            return self._read_body()
        elif self._phase is _Phase.SKIM:
            return self._skim()
        elif self._phase is _Phase.INNER:
            return self._read_inner()
        else:
            head = self._reader.take(self._buffer)
            if head is not None:
                return self._answer(head)
        if self._ended:
            raise RemoteError("the server closed the connection")
        return None

    def _answer(self, head: Head) -> Event | None:
        status = parse_status(head.start, b"ICAP")
        self._keep = self._keep and "close" not in head.tokens("connection")
        if status == 100:
            if self._out is not _Out.DECIDING or self._phase is not _Phase.ANSWER:
                raise RemoteError("'go on' where there is nothing to go on with")
            self._out = _Out.CONTENT
            return GoOn()
        if self._phase is _Phase.OPTIONS:
            return self._offered(status, head)
        if status not in {200, 204}:
            self._phase = OVER  # what becomes of the rest is for nobody to say
            return Failed(status)
        if self._out is _Out.PREVIEW or (self._out is _Out.CONTENT and status == 204):
            raise RemoteError("the server gave its verdict before it had what it asked for")
        if self._out is _Out.DECIDING:
            self._out = _Out.SENT
        if status == 204:
            self._over()
            return Unmodified(head)
        return self._modified(head)

    def _over(self) -> None:
        self._phase = _Phase.IDLE if self._keep and self._out is _Out.SENT else OVER

    def _offered(self, status: int, head: Head) -> Event | None:
        if status != 200:
            self._phase = OVER
            return Failed(status)
        preview, most = head.first("preview"), head.first("max-connections")
        event = Offered(
            frozenset(word.upper() for word in head.tokens("methods")),
            min(_number(preview), MOST_PREVIEW) if preview is not None else None,
            "204" in head.tokens("allow"),
            _number(most) if most is not None else None,
            (head.first("istag") or "")[:100],
        )
        if any(name == "opt-body" for name, _ in _encapsulated(head)):
            self._phase, self._body, self._left = _Phase.SKIM, ChunkedBody(), OPTIONS_BODY_OCTETS
            self._pending = event
            return self._skim()
        self._over()
        return event

    def _skim(self) -> Event | None:
        self._left -= len(self._body.take(self._buffer))
        if self._left < 0:
            raise RemoteError("options without end")
        if not self._body.done:
            if self._ended:
                raise RemoteError("the server closed the connection")
            return None
        self._over()
        event, self._pending = self._pending, None
        return event

    def _modified(self, head: Head) -> Event | None:
        parts = _encapsulated(head)
        names = [name for name, _ in parts]
        if not parts or names[-1] not in {"req-body", "res-body", "null-body"} or len(parts) > 3:
            raise RemoteError("an answer without a message inside")
        self._head = head
        self._left = len(parts) - 1
        self._body = ChunkedBody()
        self._body.done = names[-1] == "null-body"
        self._phase = _Phase.INNER
        if not self._left:
            return self._begin_body(0)
        return self._read_inner()

    def _read_inner(self) -> Event | None:
        """The last of the HTTP heads inside tells what it is."""
        while (inner := self._inner.take(self._buffer)) is not None:
            self._left -= 1
            if not self._left:
                return self._begin_body(parse_status(inner.start, b"HTTP") if inner.start.startswith(b"HTTP/") else 0)
        if self._ended:
            raise RemoteError("the server closed the connection")
        return None

    def _begin_body(self, status: int) -> Event:
        if self._head is None:
            raise LocalError("a body without a head")
        self._phase = _Phase.BODY
        return Modified(self._head, status)

    def _read_body(self) -> Event | None:
        octets = self._body.take(self._buffer)
        self._room -= len(octets)
        if self._room < 0:
            raise RemoteError("the answer is too large")
        if octets:
            return Piece(octets)
        if self._body.done:
            self._over()
            return Done()
        if self._ended:
            raise RemoteError("the server closed the connection")
        return None


def _format_request(method: str, host: str, service: str, fields: Sequence[tuple[str, str]]) -> bytes:
    return format_head(f"{method} icap://{host}/{service} ICAP/1.0", (("Host", host), *fields))


def _encapsulated(head: Head) -> list[tuple[str, int]]:
    """RFC 3507 section 4.4.1: which parts there are, and where each begins."""
    parts = []
    for word in (head.first("encapsulated") or "").split(","):
        if word.strip():
            match = _PART.match(word)
            if match is None:
                raise RemoteError("an Encapsulated field that is none")
            parts.append((match[1], int(match[2])))
    return parts


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise RemoteError("a number that is none")
    return int(text)
