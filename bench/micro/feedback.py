"""What a message costs the reports: counted at the door, once for DMARC and once to see whether it brings a report.

Usage: python bench/micro/feedback.py [MESSAGES]
"""

import asyncio
import sys
import time
from typing import Any

from posthouse.filter.boundary import Boundary, Judgement
from posthouse.filter.examination import examine
from posthouse.filter.judge import Policy
from posthouse.filter.letter import Letter
from posthouse.filter.sender import SenderCheck
from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import BlobId
from posthouse.mta.feedback.arrivals import Arrivals
from posthouse.mta.feedback.evaluations import Evaluations
from posthouse.mta.feedback.recognise import Recognition
from posthouse.mta.feedback.rows import DMARC, RowBook
from posthouse.supervisor.ports import SystemClock
from posthouse.testing.journal import KeptJournal
from posthouse.testing.zone import Zone

CONTENT = b"From: a@far.test\r\nTo: bob@office.test\r\nSubject: x\r\n\r\n" + b"hello\r\n" * 500
ROUNDS = 31
NOBODY: Any = None
"""Nothing is written nor read here."""


async def judged(number: int, clock: SystemClock) -> list[tuple[Letter, Judgement]]:
    """So many equal messages of a domain that wants reports."""
    zone = Zone(
        {
            "_dmarc.far.test": {"txt": (b"v=DMARC1; p=reject; rua=mailto:d@far.test",)},
            "far.test": {"txt": (b"v=spf1 ip4:192.0.2.9 -all",)},
        }
    )
    policy = Policy()
    check = SenderCheck(zone, clock, authserv_id="mx", policy=lambda: policy)
    boundary = Boundary(check, journal=KeptJournal())
    to = (Recipient(Address("bob", "office.test")),)

    async def read(start: int, length: int) -> bytes:
        return CONTENT[start : start + length]

    found = []
    for _ in range(number):
        blob = Blob(BlobId("b"), len(CONTENT), CONTENT)
        letter = Letter("t", "192.0.2.9", "mx.far.test", "a@far.test", to, (), None, examine(CONTENT), blob, read)
        found.append((letter, await boundary.judge(letter)))
    return found


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    clock = SystemClock()
    pairs = asyncio.run(judged(number, clock))
    recognition = Recognition(lambda domain: domain == "office.test")
    evaluations = Evaluations(RowBook(DMARC, NOBODY, clock, NOBODY), clock, recognition)
    arrivals = Arrivals(NOBODY, NOBODY, recognition, tuple, clock=clock, journal=NOBODY, keep_seconds=1)
    total = 0.0
    for witness in (evaluations, arrivals):
        best = min(measure(witness, pairs) for _ in range(ROUNDS))
        total += best
        print(f"{type(witness).__name__:<12} {best * 1e6:6.2f} us a message")
    print(f"{'together':<12} {total * 1e6:6.2f} us a message (at most 3)")


def measure(witness: Evaluations | Arrivals, pairs: list[tuple[Letter, Judgement]]) -> float:
    """Seconds a message."""
    began = time.process_time()
    for letter, judgement in pairs:
        witness.saw(letter, judgement)
    return (time.process_time() - began) / len(pairs)


if __name__ == "__main__":
    main()
