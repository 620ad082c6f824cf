"""What signing costs a submission, and whether a thread would be better.

python bench/micro/signing.py

The first figures are CPU of one message of 4 KiB. The last two are the time
that 200 signatures take in a process whose loop has other work: made in the
loop, and made in a thread that must get the interpreter lock back each time.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from posthouse.admd.directory import Directory
from posthouse.admd.keyring import KeyRing
from posthouse.admd.vault import KEY_OCTETS, Vault
from posthouse.mta.signing import Signer
from posthouse.standards.imf.header import parse_header
from posthouse.storage.directory import DomainRow
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

LINE = b"The quick brown fox jumps over the lazy dog and runs away from it.\r\n"
LETTER = (
    b"From: Alice Example <alice@office.test>\r\nTo: Bob Smith <bob@far.test>\r\n"
    b"Date: Sat, 21 Nov 2026 14:00:00 +0000\r\nMessage-Id: <1234.abcd@office.test>\r\nSubject: a message for you\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + LINE * 55
)
COUNT = 200


async def furnished(directory: Path) -> Signer:
    clock = ManualClock()
    store = await open_store(directory, clock=clock, ids=CountedIds(), journal=KeptJournal())
    await store.put_domain(DomainRow("office.test"))
    people = Directory()
    await people.refresh(store)
    ring = KeyRing(store, people, Vault(bytes(KEY_OCTETS)), clock=clock, journal=KeptJournal())
    rows = await ring.make("office.test")
    await ring.activate("office.test", {row.selector for row in rows})
    await store.close()
    return Signer(ring, clock)


def sign(signer: Signer) -> bytes:
    return signer.sign(LETTER, "office.test")


def cpu(work, count=COUNT) -> float:
    """Microseconds of the best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(count):
            work()
        best = min(best, (time.process_time() - began) / count)
    return best * 1e6


def begun(signer: Signer) -> None:
    signer.begin("office.test", b"", LETTER, parse_header(LETTER))


async def busy(stop: asyncio.Event) -> None:
    """Other sessions: bits of work of 100 us."""
    while not stop.is_set():
        end = time.perf_counter() + 1e-4
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(0)


async def beside_others(one) -> float:
    """Milliseconds that a signature takes while the loop is busy."""
    stop = asyncio.Event()
    other = asyncio.create_task(busy(stop))
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    for _ in range(COUNT):
        await one()
        await asyncio.sleep(0)
    took = time.perf_counter() - began
    stop.set()
    await other
    return took / COUNT * 1e3


async def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        signer = await furnished(Path(place))
    print(f"both signatures of a message of 4 KiB: {cpu(lambda: sign(signer)):.0f} us")
    print(f"of these, parsing its header and hashing its body: {cpu(lambda: begun(signer)):.0f} us")
    header = parse_header(LETTER)
    print(f"a domain without keys: {cpu(lambda: signer.begin('far.test', b'', LETTER, header)):.1f} us")

    async def here() -> None:
        sign(signer)

    async def apart() -> None:
        await asyncio.to_thread(sign, signer)

    in_loop, in_thread = await beside_others(here), await beside_others(apart)
    print(f"in a busy loop: made there {in_loop:.2f} ms, in a thread {in_thread:.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
