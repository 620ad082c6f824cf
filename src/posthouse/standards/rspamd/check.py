"""A question to Rspamd, and its answer (rspamd.com/doc/developers/protocol.html).

What is known of the message goes into fields of the request; values that a
stranger chose are made one printable line first.
"""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec

from posthouse.lib.sansio import RemoteError
from posthouse.standards.http1.client import Request

MOST_RECIPIENTS = 100
VALUE_OCTETS = 1024
MOST_SYMBOLS = 500


class Question(msgspec.Struct, frozen=True):
    """What Rspamd is told about a message of ``size`` octets."""

    queue_id: str
    peer: str
    helo: str
    sender: str
    recipients: Sequence[str]
    user: str = ""
    hostname: str = ""
    size: int = 0


class Symbol(msgspec.Struct, frozen=True):
    """A rule of Rspamd that fired."""

    name: str = ""
    score: float = 0.0
    description: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """``action`` is what Rspamd would do, ``required`` the score from which it would refuse.

    ``skipped``: its own configuration decided without looking further (a test message, a welcome sender).
    """

    action: str
    score: float = 0.0
    required: float = msgspec.field(default=0.0, name="required_score")
    skipped: bool = msgspec.field(default=False, name="is_skipped")
    symbols: dict[str, Symbol] = {}


class _Failure(msgspec.Struct):
    error: str = ""


_DECODE = msgspec.json.Decoder(Verdict, strict=False).decode
_DECODE_FAILURE = msgspec.json.Decoder(_Failure).decode


def format_question(question: Question, host: str) -> Request:
    """The request whose content is the message."""
    return Request("POST", "/checkv2", host, tuple(_fields(question)), question.size)


def _fields(question: Question) -> Iterator[tuple[str, str]]:
    pairs = (
        ("Queue-Id", question.queue_id),
        ("IP", question.peer),
        ("Helo", question.helo),
        ("From", question.sender),
        ("User", question.user),
        ("MTA-Name", question.hostname),
    )
    for name, value in pairs:
        if value:
            yield name, one_line(value)
    for one in question.recipients[:MOST_RECIPIENTS]:
        yield "Rcpt", one_line(one)


def one_line(value: str) -> str:
    """Printable ASCII; all else is written as a URL writes it."""
    return quote(value[:VALUE_OCTETS], safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")[:VALUE_OCTETS]


def parse_verdict(status: int, body: bytes) -> Verdict:
    """Raises ``RemoteError`` for everything but a verdict."""
    if status != 200:
        raise RemoteError(f"HTTP status {status}{_error(body)}")
    try:
        verdict = _DECODE(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise RemoteError("the answer is no verdict") from None
    if verdict.action not in ACTIONS:
        raise RemoteError("an action that does not exist")
    if not (abs(verdict.score) < 1e6 and abs(verdict.required) < 1e6):  # also not a number
        raise RemoteError("a score that is none")
    return verdict


def _error(body: bytes) -> str:
    try:
        said = _DECODE_FAILURE(body).error
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return ""
    return f": {one_line(said)[:100]}" if said else ""


ACTIONS = frozenset({
    "no action", "greylist", "add header", "rewrite subject", "soft reject", "reject", "quarantine", "discard",
})  # fmt: skip


def top_symbols(verdict: Verdict, most: int = 5) -> Sequence[str]:
    """The rules that weighed most, heaviest first."""
    named = list(verdict.symbols.items())[:MOST_SYMBOLS]
    named.sort(key=lambda pair: -abs(pair[1].score))
    return [f"{one_line(name)[:60]} {symbol.score:+.1f}" for name, symbol in named[:most] if symbol.score]
