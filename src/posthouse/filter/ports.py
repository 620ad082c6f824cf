"""What the boundary asks of those who examine messages: scanners, our own content checks, the classifier."""

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from posthouse.filter.amendment import Amendment
from posthouse.filter.clue import Clue
from posthouse.filter.letter import Letter


class Opinion(msgspec.Struct, frozen=True):
    """What one examiner says about one message: clues to be weighed, and changes it wants (a milter's)."""

    clues: Sequence[Clue] = ()
    amendments: Sequence[Amendment] = ()


NOTHING = Opinion()
"""What most say about most."""


class Examiner(Protocol):
    """One who looks at messages. It keeps to a time budget of its own and never raises.

    What it could not find out is a clue too: usually one that demands ``Action.DEFER``.
    An opinion that nothing must be waited for is given at once, without a coroutine (docs/adr/0005).
    """

    @property
    def name(self) -> str: ...

    def examine(self, letter: Letter) -> Opinion | Coroutine[Any, Any, Opinion]: ...
