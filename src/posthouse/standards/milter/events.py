"""What is told to a filter, and what it answers (milter protocol, version 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from posthouse.standards.milter.words import Actions, Stage, Steps

# -- what we tell


@dataclass(frozen=True, slots=True)
class Tell:
    """One step of the session. ``strings`` are its fields; ``macros`` are told before it."""

    stage: Stage
    strings: tuple[bytes, ...] = ()
    macros: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class TellClient:
    """Who connected: ``family`` is ``4``, ``6``, ``L`` (a socket of this machine) or ``U`` (unknown)."""

    hostname: bytes
    family: bytes
    port: int
    address: bytes
    macros: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class TellBody:
    """Some of the body, at most ``BODY_OCTETS``."""

    octets: bytes


Action = Tell | TellClient | TellBody

# -- what it answers


@dataclass(frozen=True, slots=True)
class Negotiated:
    version: int
    actions: Actions
    steps: Steps
    macros: Mapping[Stage, tuple[bytes, ...]] = field(default_factory=dict)
    """Those it wants to be told at a stage; a stage that is missing has the usual ones."""


@dataclass(frozen=True, slots=True)
class Continue:
    """Nothing against it so far."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Nothing against it, and the filter wants to hear no more."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing against it, and no more of this kind (body packets, header fields, recipients)."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Tell the client yes and throw it away."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """A refusal: 4yz or 5yz. ``status`` is the enhanced code, empty if it said none; ``text`` what else it said."""

    code: int
    status: str
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """It is still at work."""


@dataclass(frozen=True, slots=True)
class FieldAdded:
    """``index`` None: behind all others."""

    name: bytes
    value: bytes
    index: int | None = None


@dataclass(frozen=True, slots=True)
class FieldChanged:
    """The ``occurrence``-th field of the name, from 1; an empty value takes it away."""

    name: bytes
    occurrence: int
    value: bytes


@dataclass(frozen=True, slots=True)
class SenderChanged:
    path: bytes
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class RecipientAdded:
    path: bytes
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class RecipientDropped:
    path: bytes


@dataclass(frozen=True, slots=True)
class BodyReplaced:
    """The next octets of the new body."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Quarantined:
    reason: str


Change = (
    FieldAdded | FieldChanged | SenderChanged | RecipientAdded | RecipientDropped | BodyReplaced | Quarantined
)  # fmt: skip
Verdict = Continue | Accept | Skip | Discard | Refuse
Event = Negotiated | Verdict | Progress | Change
