"""How fast our own content checks are, in octets a second and for one small message.

python bench/micro/content.py
"""

import asyncio
import base64
import os
import time

from posthouse.filter.content.examiner import WORK, ContentExaminer
from posthouse.filter.content.looking import look
from posthouse.filter.content.policy import Policy
from posthouse.filter.content.unpacking import Bounds
from posthouse.filter.examination import examine
from posthouse.filter.letter import Letter
from posthouse.mail.content import Blob
from posthouse.supervisor.workers import WorkerPool
from posthouse.testing.carriers import HEAD, message, zipped
from posthouse.testing.journal import KeptJournal
from posthouse.testing.opinions import opinion_of

MIB = 1024 * 1024
LINE = b"The quick brown fox jumps over the lazy dog and runs away from it.\r\n"
ROW = (
    b'<tr><td style="padding:0"><a href="https://shop.example/item?id=%d">A fine thing</a></td>'
    b"<td>and what it costs: 12.00</td></tr>\r\n"
)
HTML = b"<html><body><table>\r\n" + b"".join(ROW % number for number in range(40_000)) + b"</table></body></html>\r\n"


def letter_of(octets, *, large=False):
    async def read(start, length):
        return octets[start : start + length]

    blob = Blob("x", len(octets), None if large else octets)
    return Letter("id", "192.0.2.1", "far.test", "a@far.test", (), (), None, examine(octets), blob, read)


def megabytes(octets):
    """Of the processor's time: a busy machine shows no less."""
    best = 1e9
    for _ in range(5):
        start = time.process_time()
        look(octets, bounds=Bounds())
        best = min(best, time.process_time() - start)
    return len(octets) / MIB / best


async def of_one(examiner, letter, count, *, clock=time.process_time):
    best = 1e9
    for _ in range(5):
        start = clock()
        for _ in range(count):
            await opinion_of(examiner, letter)
        best = min(best, clock() - start)
    return best / count * 1e6


async def main():
    text = HEAD + b"\r\n" + LINE * 250_000
    kinds = {
        "plain text": text,
        "base64 attachment": message(os.urandom(12 * MIB), "a.dat"),
        "base64 of text": message(LINE * 200_000, "a.txt"),
        "HTML": HEAD + b"Content-Type: text/html\r\n\r\n" + HTML,
        "HTML in base64": HEAD
        + b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(HTML).replace(b"\n", b"\r\n"),
        "zip of text": message(zipped({f"{n}": os.urandom(600_000).hex().encode() for n in range(8)}), "a.zip"),
    }
    for name, octets in kinds.items():
        print(f"{name:>18}: {len(octets) / MIB:5.1f} MiB at {megabytes(octets):6.0f} MiB/s")
    pool = WorkerPool((WORK,), journal=KeptJournal(), memory_octets=272 * MIB)
    own = ContentExaminer(pool, Policy(), bounds=Bounds(), seconds=30)
    small = HEAD + b"\r\n" + LINE * 58
    print(f"{'4 KiB of text':>18}: {await of_one(own, letter_of(small), 2000):6.1f} us")
    small = message(os.urandom(2800), "a.dat")
    print(f"{'4 KiB in base64':>18}: {await of_one(own, letter_of(small), 500):6.1f} us")
    archive = message(zipped({"a.txt": LINE * 60}), "a.zip")
    took = await of_one(own, letter_of(archive), 50, clock=time.perf_counter)
    print(f"{'a small zip':>18}: {took:6.1f} us, by a worker")
    large = kinds["base64 attachment"]
    seconds = await of_one(own, letter_of(large, large=True), 1, clock=time.perf_counter) / 1e6
    print(f"{'by a worker':>18}: {len(large) / MIB:5.1f} MiB at {len(large) / MIB / seconds:6.0f} MiB/s, pipe and all")
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main())
