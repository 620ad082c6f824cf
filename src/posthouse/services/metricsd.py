"""``/metrics`` for Prometheus and ``/healthz`` for whoever wonders, on a port of its own.

STANDARDS: RFC 9112, as little of it as two GET requests need; every answer closes.
SECURITY: for loopback or an operator's network; no address, domain or id is in the answers.
LIMITS: one request of at most ``MAX_REQUEST`` octets in ``PATIENCE_SECONDS``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from posthouse.lib.sansio import Channel, Piece
from posthouse.net.ports import Farewell

MAX_REQUEST = 8192
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """``target`` without its query; ``fault`` is the status of a request we do not understand."""

    method: str
    target: str
    fault: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    head_only: bool = False


REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
           414: "URI Too Long", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}  # fmt: skip


class HttpOnce:
    """A core: one request, one response, the end."""

    __slots__ = ("_data", "_done", "closed", "wants_tls")

    def __init__(self) -> None:
        self._data = b""
        self._done = False
        self.closed = False
        self.wants_tls = False

    def receive_data(self, data: bytes) -> None:
        if not data and not self._done:
            self.closed = True
        if not self._done:
            self._data += data[: MAX_REQUEST + 1 - len(self._data)]

    def next_event(self) -> Request | None:
        if self._done or self.closed:
            return None
        head, end, _ = self._data.partition(b"\r\n\r\n")
        if not end and len(self._data) <= MAX_REQUEST:
            return None
        self._done, self._data = True, b""
        return parse_request(head) if end else Request("", "", 431)

    def send(self, action: Response) -> Sequence[Piece]:
        self.closed = True
        head = (
            f"HTTP/1.1 {action.status} {REASONS[action.status]}\r\nContent-Type: {action.kind}\r\n"
            f"Content-Length: {len(action.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        ).encode("ascii")
        return (head,) if action.head_only else (head + action.body,)

    def secured(self, channel: Channel) -> None: ...


def parse_request(head: bytes) -> Request:
    """The request line (RFC 9112 section 3)."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1.") or not head.isascii():
        return Request("", "", 400)
    return Request(words[0].decode("ascii"), words[1].decode("ascii").partition("?")[0])


class MetricsDoor:
    """``render`` gives the metrics, ``render_all`` those of all workers.

    ``troubles`` says what is wrong now, nothing when all is well.
    """

    __slots__ = ("_render", "_render_all", "_troubles")

    patience = PATIENCE_SECONDS
    receives_content = False

    def __init__(
        self,
        render: Callable[[], bytes],
        troubles: Callable[[], Sequence[str]],
        render_all: Callable[[], bytes] | None = None,
    ) -> None:
        self._render = render
        self._render_all = render_all or render
        self._troubles = troubles

    def greet(self) -> Iterable[Response]:
        return ()

    def handle(self, event: Request) -> Iterable[Response]:
        return (self._answer(event),)

    def _answer(self, request: Request) -> Response:
        if request.fault:
            return Response(request.fault)
        if request.method not in {"GET", "HEAD"}:
            return Response(405)
        head_only = request.method == "HEAD"
        if request.target in {"/metrics", "/metrics/all"}:
            text = self._render() if request.target == "/metrics" else self._render_all()
            return Response(200, text, "text/plain; version=0.0.4; charset=utf-8", head_only)
        if request.target == "/healthz":
            troubles = self._troubles()
            body = "".join(f"{line}\n" for line in troubles or ("ok",)).encode()
            return Response(503 if troubles else 200, body, head_only=head_only)
        return Response(404, b"/metrics, /metrics/all or /healthz\n", head_only=head_only)

    def woken(self) -> Iterable[Response]:
        return ()

    def farewell(self, reason: Farewell) -> Iterable[Response]:
        return (Response(408 if reason in {Farewell.IDLE, Farewell.SLOW} else 503),)

    def gone(self) -> None: ...
