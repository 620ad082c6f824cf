"""The SMTP server core alone: octets of content a second, microseconds a command, octets an idle connection.

    python bench/micro/smtp_core.py [--seconds 0.5]

Prints one line a measurement. The work is done by the core as the loop drives
it, in one process, without sockets; the best of several rounds is given.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable

from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import ContentChunk, EndContent, StartContent
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection

OFFER = Offer(hostname="mx.office.test", max_octets=1 << 30, starttls=True, mechanisms=("PLAIN", "SCRAM-SHA-256"))
GREETING = reply(220, None, "mx.office.test ESMTP")
OK = reply(250, "2.0.0", "ok")
GO = reply(354, None, "go on")
MIB = 1 << 20


def ready() -> ServerConnection:
    core = ServerConnection(OFFER)
    core.send(GREETING)
    core.receive_data(b"EHLO client.example\r\n")
    core.next_event()
    core.send(OK)
    return core


def in_data() -> ServerConnection:
    core = ready()
    core.receive_data(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@office.test>\r\nDATA\r\n")
    for answer in (OK, OK, GO):
        core.next_event()
        core.send(answer)
    return core


def best(seconds: float, once: Callable[[], float]) -> float:
    """The least of the times that ``once`` gives."""
    end = time.perf_counter() + seconds
    least = once()
    while time.perf_counter() < end:
        least = min(least, once())
    return least


def content(text: bytes, piece: int, *, chunked: bool = False) -> Callable[[], float]:
    def once() -> float:
        core = ready() if chunked else in_data()
        if chunked:
            core.receive_data(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@office.test>\r\n")
            for _ in range(2):
                core.next_event()
                core.send(OK)
            core.receive_data(b"BDAT %d LAST\r\n" % len(text))
        stream = text if chunked else text + b".\r\n"
        pieces = [stream[at : at + piece] for at in range(0, len(stream), piece)]
        start = time.perf_counter()
        event = None
        for octets in pieces:
            core.receive_data(octets)
            while (event := core.next_event()) is not None:
                if not isinstance(event, ContentChunk | StartContent):
                    break
        took = time.perf_counter() - start
        assert isinstance(event, EndContent)
        assert event.fault is None
        assert event.size == len(text)
        return took

    return once


def commands(command: bytes, *before: bytes, repeat: int = 200) -> Callable[[], float]:
    """Microseconds of one ``command`` in its place, reset by RSET, which is not counted."""

    def once() -> float:
        core = ready()
        total = 0.0
        for _ in range(repeat):
            for line in before:
                core.receive_data(line)
                core.next_event()
                core.send(OK)
            start = time.perf_counter()
            core.receive_data(command)
            core.next_event()
            total += time.perf_counter() - start
            core.send(OK)
            core.receive_data(b"RSET\r\n")
            core.next_event()
            core.send(OK)
        return total / repeat

    return once


def session() -> float:
    """One whole transaction of 4 KiB from the connection to QUIT."""
    text = TEXT[:4096]
    start = time.perf_counter()
    core = in_data()
    core.receive_data(text + b"\r\n.\r\n")
    core.next_event()
    core.next_event()
    core.send(OK)
    core.receive_data(b"QUIT\r\n")
    core.next_event()
    core.send(reply(221, "2.0.0", "bye"))
    return time.perf_counter() - start


def idle_octets(count: int = 2000) -> float:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    cores = [ready() for _ in range(count)]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / len(cores)


def construction() -> float:
    start = time.perf_counter()
    for _ in range(1000):
        ServerConnection(OFFER)
    return (time.perf_counter() - start) / 1000


TEXT = b"".join(b"%06d The quick brown fox jumps over the lazy dog and over the fence.\r\n" % n for n in range(60000))
DOTS = TEXT.replace(b"\r\n", b"\r\n..")[:-2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
    seconds = parser.parse_args().seconds
    for name, text, piece, chunked in (
        ("DATA, text, 64-KiB pieces", TEXT, 65536, False),
        ("DATA, text, 4-KiB pieces", TEXT, 4096, False),
        ("DATA, text, 256-KiB pieces", TEXT, 262144, False),
        ("BDAT, text, 64-KiB pieces", TEXT, 65536, True),
    ):
        print(f"{name:32} {len(text) / MIB / best(seconds, content(text, piece, chunked=chunked)):9.0f} MiB/s")
    mail = b"MAIL FROM:<alice.b@client.example>\r\n"
    for name, once in (
        ("MAIL", commands(mail)),
        ("MAIL SIZE BODY", commands(b"MAIL FROM:<alice.b@client.example> SIZE=4096 BODY=8BITMIME\r\n")),
        ("RCPT", commands(b"RCPT TO:<bob@office.test>\r\n", mail)),
        ("NOOP", commands(b"NOOP\r\n")),
        ("construction", construction),
        ("connection to QUIT, 4 KiB", session),
    ):
        print(f"{name:32} {best(seconds, once) * 1e6:9.1f} µs")
    print(f"{'idle after EHLO':32} {idle_octets():9.0f} octets")


if __name__ == "__main__":
    main()
