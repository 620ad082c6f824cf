"""``posthouse`` whose memory runs out where a client says: ``starved.py -``, then its arguments.

Who says ``EHLO starve-PLACE-LENGTH.test`` lets LENGTH allocations of Python in a row fail, of whatever size and in
whatever thread, the first of them PLACE allocations later. Whoever greets otherwise ends that.
"""

import _testcapi
import faulthandler
import re
import sys

from posthouse.cli.main import main
from posthouse.net.session import Session

GREETING = re.compile(rb"EHLO (?:starve-(\d+)-(\d+))?")
unhurt = Session.data_received


def data_received(session: Session, data: bytes) -> None:
    greeting = GREETING.match(data)
    if greeting is not None:
        _testcapi.remove_mem_hooks()
        if greeting[1] is not None:
            first = int(greeting[1])
            _testcapi.set_nomemory(first, first + int(greeting[2]))
    unhurt(session, data)


if __name__ == "__main__":
    del sys.argv[1]
    faulthandler.enable()
    Session.data_received = data_received  # type: ignore[method-assign] # where a starving client is heard
    main()
