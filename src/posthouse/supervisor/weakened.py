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

from posthouse.mta import receive
from posthouse.standards.smtp.content import DotReader, Inspection

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
    _replace(receive.Receiver, "_judge_elsewhere", lambda _self, _client, _recipient, _residence: None)


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


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "A01": _relay_for_all,
    "S01": _take_any_line_end,
    "S05": _take_any_size,
}
