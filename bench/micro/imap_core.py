"""The IMAP server core alone: microseconds a command, responses a second, octets an idle core; growth with input.

    python bench/micro/imap_core.py [--seconds 0.5]

Prints one line a measurement. The work is done as the loop drives it, in one
process, without sockets; the best of several rounds is given.
"""

import argparse
import itertools
import time
import tracemalloc
from collections.abc import Callable

from posthouse.lib.sansio import Channel, Slice
from posthouse.standards.imap import attributes, events
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.patterns import Pattern
from posthouse.standards.imap.sequence import parse_sequence_set
from posthouse.standards.imap.server import ServerConnection

CHANNEL = Channel("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
OFFER = Offer(append_octets=1 << 30, mechanisms=("PLAIN", "SCRAM-SHA-256"))
MIB = 1 << 20


def selected() -> ServerConnection:
    core = ServerConnection(OFFER)
    core.secured(CHANNEL)
    for line in (b"a LOGIN a b\r\n", b"a SELECT INBOX\r\n"):
        core.receive_data(line)
        core.next_event()
        core.send(r.Tagged("a", r.Condition.OK, "done"))
    return core


def best(seconds: float, once: Callable[[], float]) -> float:
    """The least of the times that ``once`` gives."""
    end = time.perf_counter() + seconds
    least = once()
    while time.perf_counter() < end:
        least = min(least, once())
    return least


def commands(line: bytes, count: int = 1000) -> Callable[[], float]:
    def once() -> float:
        core, done = selected(), r.Tagged("a", r.Condition.OK, "done")
        began = time.perf_counter()
        for _ in range(count):
            core.receive_data(line)
            core.next_event()
            core.send(done)
        return (time.perf_counter() - began) / count

    return once


def append(size: int, piece: int = 65536) -> Callable[[], float]:
    octets = b"x" * piece

    def once() -> float:
        core = selected()
        core.receive_data(b"a APPEND INBOX {%d+}\r\n" % size)
        core.next_event()
        core.send(r.Continuation())
        began = time.perf_counter()
        for _ in range(size // piece):
            core.receive_data(octets)
            while core.next_event() is not None:
                pass
        core.receive_data(b"\r\n")
        assert isinstance(core.next_event(), events.EndAppend)
        return time.perf_counter() - began

    return once


def fetched(count: int, *, body: bool) -> Callable[[], float]:
    def once() -> float:
        core = selected()
        began = time.perf_counter()
        for number in range(1, count + 1):
            parts: list[bytes | r.Body] = [attributes.uid(number), attributes.flags({"\\Seen"})]
            if body:
                parts.append(r.Body(b"BODY[]", (b"Return-Path: <>\r\n", Slice("x", 0, 4096))))
            core.send(r.Fetched(number, tuple(parts)))
        return (time.perf_counter() - began) / count

    return once


def hostile(make: Callable[[int], bytes], size: int) -> Callable[[], float]:
    """A session that is fed ``make(size)`` in pieces of 1,000 octets."""
    octets = make(size)

    def once() -> float:
        core = selected()
        began = time.perf_counter()
        for at in range(0, len(octets), 1000):
            core.receive_data(octets[at : at + 1000])
            while (event := core.next_event()) is not None:
                if isinstance(event, events.Malformed):
                    core.send(r.refuse(event))
                else:
                    core.send(r.Tagged(event.tag, r.Condition.OK, "done"))
        return time.perf_counter() - began

    return once


def idle_octets(count: int = 2000) -> float:
    selected()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [selected() for _ in range(count)]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / len(kept)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nested parentheses": lambda n: b"a SEARCH " + b"(" * n + b"\r\n",
    "NOT NOT NOT": lambda n: b"a SEARCH " + b"NOT " * (n // 4) + b"ALL\r\n",
    "ranges": lambda n: b"a FETCH " + b"1:*," * (n // 4) + b"1 FLAGS\r\n",
    "small literals": lambda n: b"a SEARCH" + b" SUBJECT {1+}\r\nx" * (n // 100) + b"\r\n",
    "escaped quotes": lambda n: b'a SEARCH SUBJECT "' + b"\\\\" * (n // 2) + b'"\r\n',
    "ampersands in a name": lambda n: b"a SELECT " + b"&" * n + b"\r\n",
    "line in small pieces": lambda n: b"a NOOP" + b" " * n + b"\r\n",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5)
    seconds = parser.parse_args().seconds
    for line in (
        b"a NOOP\r\n",
        b"a UID FETCH 1:* (FLAGS)\r\n",
        b"a UID FETCH 7 (UID BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date)]<0.4000>)\r\n",
        b"a UID STORE 7 +FLAGS.SILENT (\\Seen)\r\n",
        b'a UID SEARCH RETURN (ALL) OR FROM "x" (SUBJECT "y" UNSEEN)\r\n',
    ):
        print(f"{best(seconds, commands(line)) * 1e6:8.1f} us  {line.decode().strip()}")
    size = 16 * MIB
    print(f"{size / MIB / best(seconds, append(size)):8.0f} MiB/s of APPEND")
    print(f"{best(seconds, fetched(1000, body=False)) * 1e6:8.1f} us  a FETCH response, UID and FLAGS")
    print(f"{best(seconds, fetched(1000, body=True)) * 1e6:8.1f} us  a FETCH response with BODY[]")
    print(f"{idle_octets():8.0f} octets an idle core")
    for name, make in HOSTILE.items():
        times = [best(seconds / 3, hostile(make, n)) for n in (3500, 7000, 14000)]
        growth = ", ".join(f"{b / a:.1f}" for a, b in itertools.pairwise(times))
        print(f"{times[-1] * 1e6:8.0f} us  {name}, 14,000 octets; doubling costs {growth} times")
    names = [f"folder{n}/sub{n % 7}/x" for n in range(10_000)]
    pattern = Pattern("*a%" * 333)
    took = best(seconds, lambda: _timed(lambda: [pattern.matches(name) for name in names]))
    print(f"{took * 1e3:8.1f} ms  LIST pattern with 1,000 wildcards against 10,000 names")
    sets = ",".join(["1:*"] * 2000)
    took = best(seconds, lambda: _timed(lambda: parse_sequence_set(sets).spans(1000)))
    print(f"{took * 1e3:8.1f} ms  2,000 ranges parsed and merged")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
