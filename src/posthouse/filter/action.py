"""What can happen to a message, gentlest first."""

from collections.abc import Iterable
from enum import Enum


class Action(Enum):
    """What to do. ``QUARANTINE`` is what a domain's owner or a scanner asks for, ``JUNK`` our own suspicion."""

    ACCEPT = "accept"
    JUNK = "junk"
    QUARANTINE = "quarantine"
    DEFER = "defer"
    REFUSE = "refuse"

    @property
    def strength(self) -> int:
        return _STRENGTH[self]

    @property
    def lets_in(self) -> bool:
        """Whether the message is taken, wherever it is put."""
        return self is not Action.DEFER and self is not Action.REFUSE


_STRENGTH = {action: at for at, action in enumerate(Action)}


def strongest(actions: Iterable[Action]) -> Action:
    """The one that wins when several are demanded; ``ACCEPT`` when none is."""
    return max(actions, key=_STRENGTH.__getitem__, default=Action.ACCEPT)
