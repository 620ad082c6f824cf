"""``posthouse`` with a fault built in: ``weakened.py nosync …`` or ``weakened.py POINT NUMBER …``, then its arguments.

``nosync`` is the build that the power cut must catch: it never syncs anything. A point and a number kill the
process the moment it passes that point for that time.
"""

import os
import signal
import sys

from posthouse.cli.main import main
from posthouse.storage.sqlite import engine
from posthouse.storage.sqlite.faults import NoFaults


class NoSync(NoFaults):
    synchronous = "OFF"

    def sync(self, descriptor: int) -> None:
        """Nothing: that is the fault."""


class Suicide(NoFaults):
    point = ""
    left = 0

    def at(self, point: str) -> None:
        if point == Suicide.point:
            Suicide.left -= 1
            if Suicide.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[1] == "nosync":
        engine.NoFaults = NoSync  # type: ignore[misc] # the defence is taken out from outside
        del sys.argv[1]
    else:
        Suicide.point, Suicide.left = sys.argv[1], int(sys.argv[2])
        engine.NoFaults = Suicide  # type: ignore[misc] # the defence is taken out from outside
        del sys.argv[1:3]
    main()
