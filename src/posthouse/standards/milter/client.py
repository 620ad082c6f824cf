"""The server's side of a milter session, sans-IO (milter protocol, version 6).

Rules. Options are negotiated first. Each stage is told only to a filter that
wants it, after its macros, and only once the stage before it was answered;
``send`` gives nothing to write for what the filter does not want. Changes of
the message come at its end, before the last answer, and only those that were
negotiated (``SMFIF_*``): anything else ends the session.

Limits. Packets of 1 MiB, ``MOST_CHANGES`` of them for one message, a new body
of ``body_octets``; only ``PROGRESS_MOST`` times may it say that it is still at work
without anybody losing patience: the deadline is the caller's.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto

from posthouse.lib.caller import OVER, Caller
from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.standards.milter import events as said
from posthouse.standards.milter.events import Action, Event, Negotiated, Tell, TellBody, TellClient
from posthouse.standards.milter.packets import format_packet, format_strings, parse_number, parse_strings, take_packet
from posthouse.standards.milter.words import (
    ALL_ACTIONS,
    ALL_STEPS,
    BODY_OCTETS,
    MACRO_STAGES,
    NEVER_ANSWERED,
    NOT_ANSWERED,
    NOT_WANTED,
    OLDEST_VERSION,
    SINCE,
    VERSION,
    Actions,
    Stage,
    Steps,
)

MOST_CHANGES = 2000
PROGRESS_MOST = 10_000
MOST_MACROS = 100
NEW_BODY_OCTETS = 64 * 1024 * 1024

_VERDICTS: Mapping[bytes, Event] = {
    b"c": said.Continue(),
    b"a": said.Accept(),
    b"d": said.Discard(),
    b"s": said.Skip(),
    b"r": said.Refuse(550, "5.7.1", ()),
    b"t": said.Refuse(451, "4.7.1", ()),
    b"f": said.Refuse(451, "4.7.1", ()),
    b"4": said.Refuse(421, "4.7.0", ()),
}
"""``SMFIR_*``. ``f`` (the connection shall fail) and ``4`` (shut down) are temporary refusals to us."""

_NEEDS = {
    b"h": Actions.ADD_FIELDS,
    b"i": Actions.ADD_FIELDS,
    b"m": Actions.CHANGE_FIELDS,
    b"e": Actions.CHANGE_SENDER,
    b"+": Actions.ADD_RECIPIENT,
    b"2": Actions.ADD_RECIPIENT_WITH_PARAMETERS,
    b"-": Actions.DROP_RECIPIENT,
    b"b": Actions.CHANGE_BODY,
    b"q": Actions.QUARANTINE,
}
_SKIPPABLE = frozenset({Stage.BODY, Stage.FIELD, Stage.RCPT})
_REPLY = re.compile(rb"([45])([0-9]{2})(?:[ -]([245]\.[0-9]{1,3}\.[0-9]{1,3}))?(?:[ -](.*))?\Z", re.DOTALL)


class _Phase(Enum):
    FRESH = auto()
    READY = auto()
    AWAITS = auto()


class MilterConnection(Caller[Event, _Phase]):
    """One session with one filter: any number of messages, of any number of clients."""

    __slots__ = ("_body", "_changes", "_largest_body", "_progress", "_stage", "options")

    def __init__(self, *, body_octets: int = NEW_BODY_OCTETS) -> None:
        super().__init__(_Phase.FRESH)
        self._stage = Stage.NEGOTIATE
        self._changes = self._progress = self._body = 0
        self._largest_body = body_octets
        self.options = Negotiated(VERSION, Actions(0), Steps(0))

    @property
    def is_idle(self) -> bool:
        """Whether it may be told something now."""
        return self._phase is _Phase.READY and not self._ended and not self._buffer

    def wants(self, stage: Stage) -> bool:
        """Whether the filter wants to be told of ``stage``."""
        if self.options.version < SINCE.get(stage, 0):
            return False
        return not self.options.steps & NOT_WANTED.get(stage, Steps(0))

    def answers(self, stage: Stage) -> bool:
        """Whether an answer follows ``stage``."""
        if stage in NEVER_ANSWERED or not self.wants(stage):
            return False
        return not self.options.steps & NOT_ANSWERED.get(stage, Steps(0))

    # -- what we say

    def send(self, action: Action) -> Sequence[bytes]:
        """What to write for ``action``, nothing if the filter does not want it. Raises ``LocalError`` out of turn."""
        stage = stage_of(action)
        if stage is Stage.NEGOTIATE:
            return self._negotiate()
        may = self._phase is _Phase.READY or (self._phase is _Phase.AWAITS and stage in {Stage.ABORT, Stage.QUIT})
        if not may:
            raise LocalError(f"{stage.name} in phase {self._phase.name}")
        if not self.wants(stage):
            return ()
        pieces = [self._macros(stage, action)] if not isinstance(action, TellBody) and action.macros else []
        pieces.append(format_packet(stage.value, _content(action)))
        self._stage = stage
        if stage is Stage.QUIT:
            self._phase = OVER
        elif self.answers(stage):
            self._phase = _Phase.AWAITS
            if stage is Stage.END_OF_BODY:
                self._changes = self._progress = self._body = 0
        return pieces

    def _negotiate(self) -> Sequence[bytes]:
        if self._phase is not _Phase.FRESH:
            raise LocalError("options are negotiated once")
        self._phase = _Phase.AWAITS
        numbers = (VERSION, int(ALL_ACTIONS), int(ALL_STEPS))
        return (format_packet(Stage.NEGOTIATE.value, b"".join(number.to_bytes(4, "big") for number in numbers)),)

    def _macros(self, stage: Stage, action: Tell | TellClient) -> bytes:
        wanted = self.options.macros.get(stage)
        told = [pair for pair in action.macros if wanted is None or pair[0] in wanted or pair[0].strip(b"{}") in wanted]
        return format_packet(b"D", stage.value + format_strings([part for pair in told for part in pair]))

    # -- what it says

    def _read(self) -> Event | None:
        packet = take_packet(self._buffer)
        if packet is None:
            if self._ended:
                raise RemoteError("the filter closed the connection")
            return None
        if self._phase is not _Phase.AWAITS:
            raise RemoteError("the filter answered what nobody asked")
        word, content = packet
        if self._stage is Stage.NEGOTIATE:
            return self._negotiated(word, content)
        if word == b"p":
            return self._progressed()
        if word in _NEEDS:
            return self._changed(word, content)
        return self._judged(word, content)

    def _negotiated(self, word: bytes, content: bytes) -> Negotiated:
        if word != Stage.NEGOTIATE.value:
            raise RemoteError("the filter did not negotiate")
        version, content = parse_number(content)
        actions, content = parse_number(content)
        steps, content = parse_number(content)
        if not OLDEST_VERSION <= version <= VERSION:
            raise RemoteError(f"version {version} of the milter protocol")
        if actions & ~int(ALL_ACTIONS):
            raise RemoteError("the filter wants to do what was not offered")
        if steps & 0xFFFFFFF & ~int(ALL_STEPS):
            raise RemoteError("the filter wants of the protocol what was not offered")
        self.options = Negotiated(version, Actions(actions), Steps(steps & int(ALL_STEPS)), _wanted_macros(content))
        self._phase = _Phase.READY
        return self.options

    def _progressed(self) -> said.Progress:
        self._progress += 1
        if self._progress > PROGRESS_MOST:
            raise RemoteError("the filter is always at work and never done")
        return said.Progress()

    def _changed(self, word: bytes, content: bytes) -> Event:
        if self._stage is not Stage.END_OF_BODY:
            raise RemoteError("the filter changes the message before its end")
        if not self.options.actions & _NEEDS[word]:
            raise RemoteError("the filter changes what it did not negotiate")
        if word == b"b":
            self._body += len(content)
            if self._body > self._largest_body:
                raise RemoteError("the new body is too large")
            return said.BodyReplaced(content)
        self._changes += 1
        if self._changes > MOST_CHANGES:
            raise RemoteError("the filter makes too many changes")
        return _parse_change(word, content)

    def _judged(self, word: bytes, content: bytes) -> Event:
        verdict = _parse_reply(content) if word == b"y" else _VERDICTS.get(word)
        if verdict is None:
            raise RemoteError("an answer that does not exist")
        if isinstance(verdict, said.Skip) and (self._stage not in _SKIPPABLE or not self.options.steps & Steps.SKIP):
            raise RemoteError("the filter skips what cannot be skipped")
        self._phase = OVER if word in {b"f", b"4"} else _Phase.READY
        return verdict


def stage_of(action: Action) -> Stage:
    """Which stage an action tells."""
    if isinstance(action, TellBody):
        return Stage.BODY
    return Stage.CONNECT if isinstance(action, TellClient) else action.stage


def _content(action: Action) -> bytes:
    if isinstance(action, TellBody):
        if len(action.octets) > BODY_OCTETS:
            raise LocalError(f"{len(action.octets)} octets of body in one packet")
        return action.octets
    if isinstance(action, TellClient):
        head = format_strings([action.hostname]) + action.family
        if action.family == b"U":
            return head
        return head + action.port.to_bytes(2, "big") + format_strings([action.address])
    return format_strings(action.strings)


def _wanted_macros(content: bytes) -> Mapping[Stage, tuple[bytes, ...]]:
    """``SMFIR_SETSYMLIST`` as it stands in the answer to the negotiation: a number of a stage, and a list."""
    wanted: dict[Stage, tuple[bytes, ...]] = {}
    while content:
        number, content = parse_number(content)
        names, gap, content = content.partition(b"\0")
        if not gap or number >= len(MACRO_STAGES) or len(names) > 64 * MOST_MACROS:
            raise RemoteError("a list of macros that is none")
        wanted[MACRO_STAGES[number]] = tuple(name.strip(b"{}") for name in names.split()[:MOST_MACROS])
    return wanted


def _parse_change(word: bytes, content: bytes) -> Event:
    number = 0
    if word in {b"i", b"m"}:
        number, content = parse_number(content)
    strings = parse_strings(content)
    if word == b"q":
        return said.Quarantined(_text(strings[0] if strings else b""))
    if not strings or (word in {b"h", b"i", b"m"} and len(strings) > 2):
        raise RemoteError("a change with too many or too few fields")
    first, second = strings[0], strings[1] if len(strings) > 1 else b""
    if word == b"h":
        return said.FieldAdded(_name(first), second)
    if word == b"i":
        return said.FieldAdded(_name(first), second, number)
    if word == b"m":
        return said.FieldChanged(_name(first), number, second)
    if word == b"e":
        return said.SenderChanged(first, second)
    return said.RecipientDropped(first) if word == b"-" else said.RecipientAdded(first, second)


def _name(octets: bytes) -> bytes:
    """A field name as it may stand in a header (RFC 5322 section 3.6.8)."""
    if not 0 < len(octets) <= 512 or any(octet <= 32 or octet >= 127 or octet == 58 for octet in octets):
        raise RemoteError("a field name that is none")
    return octets


def _parse_reply(content: bytes) -> said.Refuse:
    """``SMFIR_REPLYCODE``: a whole SMTP reply; its lines are separated by CRLF, and ``%%`` stands for ``%``."""
    lines = content.partition(b"\0")[0].replace(b"%%", b"%").replace(b"\r\n", b"\n").split(b"\n")[:32]
    matches = [_REPLY.match(line) for line in lines if line]
    first = matches[0] if matches else None
    if first is None:
        raise RemoteError("a reply that is none")
    status = (first[3] or b"").decode()
    if status and status[0] != first[1].decode():
        status = ""
    text = tuple(_text(match[4] or b"") for match in matches if match is not None)
    return said.Refuse(int(first[1] + first[2]), status, text)


def _text(octets: bytes) -> str:
    """Printable ASCII, as a reply may carry it, and short."""
    return "".join(chr(octet) if 32 <= octet < 127 else "?" for octet in octets[:400])
