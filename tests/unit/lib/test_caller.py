"""The side that asks keeps what arrives, and is over for good once the other side broke the protocol."""

from enum import Enum, auto

import pytest

from posthouse.lib.caller import Caller
from posthouse.lib.sansio import RemoteError


class Phase(Enum):
    IDLE = auto()


class Lines(Caller[bytes, Phase]):
    """A core whose peer says lines, and never nothing."""

    def __init__(self) -> None:
        super().__init__(Phase.IDLE)

    def _read(self) -> bytes | None:
        line = self._buffer.line()
        if line == b"\n":
            raise RemoteError("an empty line")
        if line is None and self._ended:
            raise RemoteError("the end")
        return line


def test_an_event_comes_once_it_is_whole():
    core = Lines()
    core.receive_data(b"on")
    assert core.next_event() is None
    core.receive_data(b"e\ntwo\n")
    assert [core.next_event(), core.next_event(), core.next_event()] == [b"one\n", b"two\n", None]
    assert not core.closed


@pytest.mark.parametrize("last", [b"\n", b""])
def test_what_is_broken_is_over_for_good(last):
    core = Lines()
    core.receive_data(last)
    with pytest.raises(RemoteError):
        core.next_event()
    assert core.closed
    core.receive_data(b"again\n")
    assert core.next_event() is None


def test_a_core_that_does_not_read_cannot_be_made():
    """It is found where it is made, not when a peer answers for the first time."""

    class Mute(Caller[bytes, Phase]): ...

    with pytest.raises(TypeError, match="_read"):
        Mute(Phase.IDLE)
