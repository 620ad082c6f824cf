"""``posthouse`` whose memory runs out when it is told so: ``starved.py SEED …``, then its arguments.

At each SIGUSR1 one to five allocations in a row fail, somewhere among the next
few thousand of Python, of whatever size and in whatever thread.
"""

import _testcapi
import faulthandler
import random
import signal
import sys

from posthouse.cli.main import main

FAR = 6000
"""More than a small message takes from its first octet to its last reply."""


def starve(*_: object) -> None:
    first = chance.randrange(FAR)
    _testcapi.remove_mem_hooks()
    _testcapi.set_nomemory(first, first + chance.randrange(1, 6))


if __name__ == "__main__":
    chance = random.Random(int(sys.argv[1]))
    del sys.argv[1]
    faulthandler.enable()
    signal.signal(signal.SIGUSR1, starve)
    main()
