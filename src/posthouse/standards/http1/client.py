"""The client core of HTTP/1.1, sans-IO (RFC 9112): one request at a time, one bounded response.

Rules. The body of a request has a length that is told first. Interim
responses (1yz) are read and forgotten; a response may come before the request
is whole, and then ends the session. What follows a response is an error.

Limits. A head of 64 KiB and 200 fields; a body of ``body_octets``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from posthouse.lib.caller import OVER, Caller
from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.standards.http1.body import Body, body_of
from posthouse.standards.http1.head import Fields, Head, HeadReader, format_head, parse_status

BODY_OCTETS = 1024 * 1024
MOST_INTERIM = 10


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; ``size`` octets of ``Content`` follow."""

    method: str
    target: str
    host: str
    fields: Fields = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    octets: bytes


Action = Request | Content


@dataclass(frozen=True, slots=True)
class Response:
    """The whole answer."""

    status: int
    head: Head
    body: bytes


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class HttpConnection(Caller[Response, _Phase]):
    """One connection to one server."""

    __slots__ = ("_body", "_interim", "_kept", "_largest", "_left", "_method", "_reader", "_response", "_room")

    def __init__(self, *, body_octets: int = BODY_OCTETS) -> None:
        super().__init__(_Phase.IDLE)
        self._largest = body_octets
        self._left = self._interim = self._room = 0
        self._method = ""
        self._reader = HeadReader("the response")
        self._response: tuple[int, Head] | None = None
        self._body: Body | None = None
        self._kept: list[bytes] = []

    @property
    def is_idle(self) -> bool:
        """Whether another request may be made on this connection."""
        return self._phase is _Phase.IDLE and not self._ended and not self._buffer

    def _read(self) -> Response | None:
        if self._phase is _Phase.IDLE:
            if self._buffer:
                raise RemoteError("a response that answers nothing")
            self._check_end()
            return None
        while self._phase is _Phase.HEAD:
            head = self._reader.take(self._buffer)
            if head is None:
                self._check_end()
                return None
            self._begin_body(head)
        return self._read_body()

    def _check_end(self) -> None:
        if self._ended:
            raise RemoteError("the server closed the connection")

    def _begin_body(self, head: Head) -> None:
        status = parse_status(head.start, b"HTTP")
        if status < 200:
            self._interim += 1
            if status == 101 or self._interim > MOST_INTERIM:
                raise RemoteError("interim responses without end")
            return
        self._body = body_of(head, status, method=self._method)
        self._response, self._kept, self._room = (status, head), [], self._largest
        self._phase = _Phase.BODY

    def _read_body(self) -> Response | None:
        body, response = self._body, self._response
        if body is None or response is None:
            raise LocalError("a body without a head")
        octets = body.take(self._buffer)
        self._room -= len(octets)
        if self._room < 0:
            raise RemoteError("the response is too large")
        self._kept.append(octets)
        if self._ended and not body.done:
            body.end()
        if not body.done:
            return None
        return self._finish(*response)

    def _finish(self, status: int, head: Head) -> Response:
        old = head.start.startswith(b"HTTP/1.0")
        connection = head.tokens("connection")
        stays = "keep-alive" in connection if old else "close" not in connection
        self._phase = _Phase.IDLE if stays and not self._left and not self._ended else OVER
        body, self._kept = b"".join(self._kept), []
        return Response(status, head, body)

    def send(self, action: Action) -> Sequence[bytes]:
        """What to write for ``action``. Raises ``LocalError`` out of turn."""
        if isinstance(action, Content):
            if len(action.octets) > self._left:
                raise LocalError("more octets than the request announced")
            self._left -= len(action.octets)
            return (action.octets,)
        if self._phase is not _Phase.IDLE or self._left:
            raise LocalError("a request before the end of the last one")
        self._phase, self._left, self._interim, self._method = _Phase.HEAD, action.size, 0, action.method
        fields = (("Host", action.host), *action.fields, ("Content-Length", str(action.size)))
        return (format_head(f"{action.method} {action.target} HTTP/1.1", fields),)
