"""The ``Journal`` port: an event is a name and values; how it looks is not the caller's business."""

from enum import IntEnum
from typing import Protocol


class Level(IntEnum):
    """How loud an entry is. One connection or one delivery makes one ``INFO`` entry."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ALARM = 40
    """A person should look now: an fsync failed, a bug ended a session."""


class Journal(Protocol):
    """Where events go. Never blocks, never raises, escapes and shortens what strangers sent."""

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None:
        """``event`` is dotted and stable (``smtp.refused``); values are text, numbers, booleans or None."""

    def bug(self, event: str, error: BaseException, /, **values: object) -> None:
        """An exception that should not have been: an ``ALARM`` with its traceback."""

    def bind(self, **values: object) -> "Journal":
        """A journal whose every entry carries ``values`` too."""


class Quiet:
    """Implements ``Journal``: for commands, whose answer says what matters."""

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None: ...

    def bug(self, _event: str, error: BaseException, /, **_values: object) -> None:
        raise error

    def bind(self, **_values: object) -> "Journal":
        return self


class Meter(Protocol):
    """Counters and gauges by name; names and labels are listed in ``observe.metrics``. Labels are never addresses."""

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, /, **labels: str) -> None: ...

    def observe(self, name: str, seconds: float, /, **labels: str) -> None: ...
