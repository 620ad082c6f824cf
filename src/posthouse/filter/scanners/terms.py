"""What the operator decided about one scanner."""

from enum import Enum

import msgspec

from posthouse.filter.action import Action
from posthouse.net.places import Place

KINDS = ("clamd", "rspamd", "milter", "icap")


class Scope(Enum):
    """Which mail a scanner looks at: that of strangers, that of our own people, or both."""

    IN = "in"
    OUT = "out"
    BOTH = "both"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` stands in clues, metrics and commands; ``seconds`` is the time for one message, waiting included."""

    name: str
    kind: str
    place: Place
    seconds: float = 30.0
    on_failure: Action = Action.DEFER
    on_virus: Action = Action.REFUSE
    scope: Scope = Scope.BOTH
    at_once: int = 8
    largest: int = 0
    """Octets; a larger message is treated as ``on_failure`` says. 0: every message is shown to it."""
    service: str = "avscan"
    """ICAP's."""
    mode: str = "RESPMOD"
    """ICAP's."""
    reads_prefix: bool = True
    """Whether it is shown the fields that our submission added."""
