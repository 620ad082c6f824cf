"""The journal on a stream: logfmt for a person at a terminal, one JSON object a line for a machine.

Entries are collected and written once a turn of the event loop, at most
``FLUSH_SECONDS`` late and at once when a person should look; a reader that does
not keep up (a full pipe) loses entries and is told how many, it never stops the house.
"""

import json
import re
import time
import traceback
from collections.abc import Callable
from typing import Protocol, TextIO

import msgspec

from posthouse.observe.ports import Journal, Level
from posthouse.observe.sink import sink_of

MAX_VALUE = 512
"""Characters of one value; a stranger writes most of them."""

MAX_TRACEBACK = 8192

MAX_WAITING = 4 * 1024 * 1024
"""Characters that wait to be written before entries are dropped."""

FLUSH_SECONDS = 0.2

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@<>+*,;\[\]()-]+\Z")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\\\"]")
_encode = msgspec.json.Encoder().encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode
_AS_IT_IS = (bool, int, float, type(None))
"""What JSON has a form for that needs no bound."""
_NAMES = {Level.DEBUG: "debug", Level.INFO: "info", Level.WARNING: "warning", Level.ALARM: "alarm"}


class Later(Protocol):
    """How the journal asks to be called again: ``loop.call_later``."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> object: ...


class StreamJournal:
    """Implements ``observe.ports.Journal``."""

    __slots__ = ("_json", "_later", "_lost", "_size", "_wait_for_turn", "_waiting", "_write", "level")

    def __init__(self, sink: TextIO, *, as_json: bool | None = None, level: Level = Level.INFO) -> None:
        self._write = sink_of(sink)
        self._json = not sink.isatty() if as_json is None else as_json
        self.level = level
        self._waiting: list[str] = []
        self._size = self._lost = 0
        self._later: Later | None = None
        self._wait_for_turn = False

    def attach(self, later: Later | None) -> None:
        """With a running loop entries are collected; without one they are written at once."""
        self._later = later
        if later is None:
            self.flush()

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None:
        if level >= self.level:
            self._put(event, level, values)

    def bug(self, event: str, error: BaseException, /, **values: object) -> None:
        text = "".join(traceback.format_exception(error, limit=-12))
        self._put(event, Level.ALARM, {**values, "error": repr(error), "traceback": text})

    def bind(self, **values: object) -> Journal:
        return BoundJournal(self, values)

    def _put(self, event: str, level: Level, values: dict[str, object]) -> None:
        line = format_json(event, level, values) if self._json else format_logfmt(event, level, values)
        if self._size + len(line) > MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append(line)
        self._size += len(line)
        if self._later is None or level >= Level.ALARM:
            self.flush()
        else:
            self._flush_later()

    def flush(self) -> None:
        """Write what has been collected. A reader that is busy gets the rest later, one that is gone gets nothing."""
        self._wait_for_turn = False
        lines, self._waiting = self._waiting, []
        if self._lost and lines:
            values: dict[str, object] = {"entries": self._lost}
            lines.append((format_json if self._json else format_logfmt)("journal.lost", Level.WARNING, values))
            self._lost = 0
        if not lines:
            return
        try:
            rest = self._write("".join(lines))
        except OSError:
            self._size = 0
            self._lost += len(lines)
            return
        self._size = len(rest)
        if rest:
            self._waiting.append(rest)
            self._flush_later()

    def _flush_later(self) -> None:
        if self._later is not None and not self._wait_for_turn:
            self._wait_for_turn = True
            self._later(FLUSH_SECONDS, self.flush)


class BoundJournal:
    """A journal whose every entry carries some values."""

    __slots__ = ("_journal", "_values")

    def __init__(self, journal: StreamJournal, values: dict[str, object]) -> None:
        self._journal = journal
        self._values = values

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None:
        self._journal.note(event, level, **{**self._values, **values})

    def bug(self, event: str, error: BaseException, /, **values: object) -> None:
        self._journal.bug(event, error, **{**self._values, **values})

    def bind(self, **values: object) -> Journal:
        return BoundJournal(self._journal, {**self._values, **values})


def format_logfmt(event: str, level: Level, values: dict[str, object]) -> str:
    """One line for a person: time, level, event, ``key=value`` …"""
    shown = "".join(f" {key}={_word(value)}" for key, value in values.items() if value is not None)
    return f"{time.strftime('%H:%M:%S')} {_NAMES[level]:<7} {event}{shown}\n"


def format_json(event: str, level: Level, values: dict[str, object]) -> str:
    """One line for a machine: ``at`` (seconds since 1970), ``level``, ``event`` and the values."""
    entry: dict[str, object] = {"at": round(time.time(), 3), "level": _NAMES[level], "event": event}
    for key, value in values.items():
        as_it_is = len(value) <= MAX_VALUE if type(value) is str else isinstance(value, _AS_IT_IS)
        entry[key] = value if as_it_is else _short(key, str(value))
    return _in_ascii(entry).replace("\x7f", "\\u007f") + "\n"  # DEL: the one control character that JSON lets stand


def _in_ascii(entry: dict[str, object]) -> str:
    """JSON in which everything that is not ASCII is escaped, by the faster of two encoders where there is nothing."""
    try:
        octets = _encode(entry)
    except UnicodeEncodeError:  # half a surrogate pair
        return _encode_ascii(entry)
    return octets.decode() if octets.isascii() else _encode_ascii(entry)


def _short(key: str, text: str) -> str:
    most = MAX_TRACEBACK if key == "traceback" else MAX_VALUE
    return text if len(text) <= most else f"{text[:most]}…+{len(text) - most}"


def _word(value: object) -> str:
    """``value`` so that nothing in it can look like another key, another line or a terminal command."""
    text = str(value)
    if _PLAIN.match(text) and len(text) <= MAX_VALUE:
        return text
    return '"' + _UNSAFE.sub(_escape, _short("", text)) + '"'


def _escape(match: "re.Match[str]") -> str:
    character = match[0]
    if character in '"\\':
        return "\\" + character
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or f"\\u{ord(character):04x}"
