"""The client core of clamd's protocol, sans-IO: IDSESSION, INSTREAM, PING, VERSION (clamd(8)).

Rules. A session is opened once, and any number of requests follow one after
the other; each answer names the request it answers. ``ok`` is an answer only
after the whole content has been sent: one that comes earlier is a lie.

Limits. An answer is at most ``ANSWER_OCTETS`` long.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from posthouse.lib.caller import OVER, Caller
from posthouse.lib.sansio import LocalError, RemoteError

ANSWER_OCTETS = 4096
"""The names of signatures are short; somebody who says more is not clamd."""
CHUNK_OCTETS = 1024 * 1024
MOST_REQUESTS = 1000
"""Of one session; another one costs nothing."""

_NUMBERED = re.compile(rb"([0-9]{1,9}): (.*)\Z", re.DOTALL)


class Ask(Enum):
    """A question without content."""

    PING = b"zPING\0"
    VERSION = b"zVERSION\0"


@dataclass(frozen=True, slots=True)
class Begin:
    """A content follows."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of it, at most ``CHUNK_OCTETS``."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class End:
    """That was all of it."""


Action = Ask | Begin | Chunk | End


@dataclass(frozen=True, slots=True)
class Said:
    """The answer to a question without content."""

    text: str


@dataclass(frozen=True, slots=True)
class Clean:
    """Nothing was found in the whole content."""


@dataclass(frozen=True, slots=True)
class Found:
    """``name`` is the signature's."""

    name: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The content was not scanned; ``text`` says why."""

    text: str


Event = Said | Clean | Found | Failed


class _Phase(Enum):
    IDLE = auto()
    ASKED = auto()
    STREAM = auto()
    JUDGED = auto()
    """The content is sent, the answer is to come."""


class ClamdConnection(Caller[Event, _Phase]):
    """One session with clamd."""

    __slots__ = ("_number",)

    def __init__(self) -> None:
        super().__init__(_Phase.IDLE)
        self._number = 0

    @property
    def is_idle(self) -> bool:
        """Whether the next request may be made on this session."""
        return self._phase is _Phase.IDLE and self._number < MOST_REQUESTS and not self._ended and not self._buffer

    def _read(self) -> Event | None:
        waiting = self._buffer.peek(ANSWER_OCTETS + 1)
        end = waiting.find(b"\0")
        if end < 0:
            if len(waiting) > ANSWER_OCTETS:
                raise RemoteError("clamd does not come to an end")
            if self._ended:
                raise RemoteError("clamd closed the connection")
            return None
        line = self._buffer.take(end + 1)[:-1]
        if self._phase is _Phase.IDLE:
            raise RemoteError("clamd answered what nobody asked")
        return self._answer(line)

    def _answer(self, line: bytes) -> Event:
        numbered = _NUMBERED.match(line)
        if numbered is None or int(numbered[1]) != self._number:
            if line.endswith(b"ERROR"):  # about the session itself: the queue is full, a limit was exceeded
                self._phase = OVER
                return Failed(_text(line))
            raise RemoteError("clamd answered something else than it was asked")
        phase, said = self._phase, numbered[2]
        if phase is _Phase.ASKED:
            self._phase = _Phase.IDLE
            return Said(_text(said))
        if said.endswith(b" ERROR"):
            self._phase = OVER  # clamd closes a session whose stream it did not take
            return Failed(_text(said.removesuffix(b" ERROR")))
        if phase is _Phase.STREAM:
            raise RemoteError("clamd gave its verdict before it had the whole content")
        self._phase = _Phase.IDLE
        if said == b"stream: OK":
            return Clean()
        if said.startswith(b"stream: ") and said.endswith(b" FOUND"):
            return Found(_text(said[len(b"stream: ") : -len(b" FOUND")]))
        raise RemoteError("clamd gave no verdict")

    def send(self, action: Action) -> Sequence[bytes]:
        """What to write for ``action``. Raises ``LocalError`` out of turn."""
        if isinstance(action, (Ask, Begin)):
            return self._request(action)
        if self._phase is not _Phase.STREAM:
            raise LocalError(f"{type(action).__name__} without Begin")
        if isinstance(action, End):
            self._phase = _Phase.JUDGED
            return (b"\0\0\0\0",)
        if not 0 < len(action.octets) <= CHUNK_OCTETS:
            raise LocalError(f"a chunk of {len(action.octets)} octets")
        return (len(action.octets).to_bytes(4, "big"), action.octets)

    def _request(self, action: Ask | Begin) -> Sequence[bytes]:
        if self._phase is not _Phase.IDLE:
            raise LocalError("a request before the answer to the last one")
        self._number += 1
        self._phase = _Phase.ASKED if isinstance(action, Ask) else _Phase.STREAM
        word = action.value if isinstance(action, Ask) else b"zINSTREAM\0"
        return (word,) if self._number > 1 else (b"zIDSESSION\0", word)


def _text(octets: bytes) -> str:
    """Printable, short: a stranger may have written it."""
    text = octets.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]
