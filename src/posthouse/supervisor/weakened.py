"""A house with a defence taken out: the negative control of the drill, and nothing else.

An attack that also fails against a house without the defence shows nothing.
``posthouse drill prove`` therefore runs each attack against such a house, where
it must succeed. Each defence is taken out from the outside, by replacing what
the wiring would have used: no branch in the code that serves knows of this
module, and only ``posthouse localserve``, which listens on loopback alone and
has no mail of anybody, can load it, when it is asked to by name and
``POSTHOUSE_DRILL`` is in its environment.
"""

from collections.abc import Callable, Mapping
from typing import Any

from posthouse.mail.reply import Reply
from posthouse.msa import submit
from posthouse.mta import receive, reception, relaying, rooms
from posthouse.mta.transaction import Transaction
from posthouse.ops import people
from posthouse.standards.smtp.content import DotReader, Inspection
from posthouse.standards.smtp.server import ServerConnection
from posthouse.supervisor import serve
from posthouse.supervisor.unguarded import continuity, forging, inside, logins, mime, pressure, readers, smtp, tls, web

PERMISSION = "POSTHOUSE_DRILL"
"""In the environment of a sandbox of the drill."""


def weaken(names: tuple[str, ...]) -> None:
    """Take these defences out of this process. Raises ``ValueError`` for one that is not known."""
    unknown = [name for name in names if name not in WEAKENINGS]
    if unknown:
        raise ValueError(f"no such weakness: {', '.join(unknown)}; there are {', '.join(sorted(WEAKENINGS))}")
    for name in names:
        WEAKENINGS[name]()


def _replace(owner: Any, name: str, value: Any) -> None:
    """``owner.name`` is ``value`` from here on; a name that is gone is an error, not a silent no-op."""
    getattr(owner, name)
    setattr(owner, name, value)


def _relay_for_all() -> None:
    """A01: whoever asks may send to anybody."""
    _replace(relaying.Relaying, "_judge_elsewhere", lambda _self, _client, _recipient, _residence: None)
    _replace(serve, "check_relay", lambda _ground: 0)  # it would not start, and rightly so


def _take_any_line_end() -> None:
    """S01: CR, LF and CRLF are all line ends, as many servers had it until 2023."""
    strict = DotReader.read

    def read(self: DotReader, octets: bytes) -> bytes:
        flat = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return strict(self, flat.replace(b"\n", b"\r\n"))

    _replace(DotReader, "read", read)
    _take_strays()


def _take_strays() -> None:
    look = Inspection.look

    def blind(self: Inspection, octets: bytes) -> None:
        look(self, octets)
        self.stray = False

    _replace(Inspection, "look", blind)


def _take_any_size() -> None:
    """S05: sizes are neither announced nor counted, header fields have no bounds."""

    def count(self: Inspection, octets: bytes) -> None:
        self.size += len(octets)

    _replace(Inspection, "look", count)
    _replace(Inspection, "good", True)
    _replace(Inspection, "fault", None)
    _replace(receive, "judge_header", lambda *_given: None)


def _hear_what_was_said_in_the_clear() -> None:
    """T01: what stood behind STARTTLS is carried out after the handshake."""
    receive_data, secured = ServerConnection.receive_data, ServerConnection.secured
    held: dict[int, bytes] = {}

    def receive(self: Any, octets: bytes) -> None:
        word, end, behind = octets.partition(b"\r\n")
        if word.upper() == b"STARTTLS" and behind:
            held[id(self)] = behind
            octets = word + end
        receive_data(self, octets)

    def give_back(self: Any, channel: Any) -> None:
        secured(self, channel)
        self._buffer.feed(held.pop(id(self), b""))

    _replace(ServerConnection, "receive_data", receive)
    _replace(ServerConnection, "secured", give_back)


def _keep_recipients() -> None:
    """S07: the recipients of a transaction that was given up get the next message, too."""
    strict = receive.Receiver.begin
    before: dict[int, list[Any]] = {}

    def begin(self: Any, client: Any, mail: Any) -> Any:
        made = strict(self, client, mail)
        if not isinstance(made, Transaction):
            return made
        made.recipients.extend(before.get(id(client), []))
        before[id(client)] = made.recipients
        return made

    _replace(receive.Receiver, "begin", begin)


def _refuse_for_good_when_full() -> None:
    """R05: no room is an error for ever."""
    refusal = Reply(552, "5.3.1", ("no room",))
    for module in (receive, relaying, reception, submit):
        for name in ("NO_SPACE", "STORAGE"):
            if hasattr(module, name):
                _replace(module, name, refusal)


def _take_any_password() -> None:
    """A05."""
    _replace(people, "judge_password", lambda *_given, **_named: None)


def _give_all_room_to_strangers() -> None:
    """R03: a mailbox is full when it is full, whoever filled it."""
    _replace(rooms, "STRANGERS", 1.0)
    _replace(rooms, "SHARE", 1.0)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "A01": _relay_for_all,
    "A05": _take_any_password,
    "R03": _give_all_room_to_strangers,
    "R05": _refuse_for_good_when_full,
    "S02": _take_strays,
    "S07": _keep_recipients,
    "T01": _hear_what_was_said_in_the_clear,
    "S01": _take_any_line_end,
    "S05": _take_any_size,
    **smtp.WEAKENINGS,
    **tls.WEAKENINGS,
    **inside.WEAKENINGS,
    **continuity.WEAKENINGS,
    **logins.WEAKENINGS,
    **mime.WEAKENINGS,
    **pressure.WEAKENINGS,
    **forging.WEAKENINGS,
    **readers.WEAKENINGS,
    **web.WEAKENINGS,
}
