"""The other end of ``supervisor.workers``: a process that does what it is told, one work at a time, and can do no else.

It is a child of the zygote (``supervisor.zygote``). Over its stream come the
length of a request and the request (``Errand``, then as many octets as it
says), and go the length of an answer and the answer, MessagePack all of it; its
first word is a ``Start``. Functions are loaded before the confinement, and only
those named at the start can be asked for.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO

import msgspec

from posthouse.lib.work import FULL
from posthouse.supervisor.sandbox import confine, give_seconds

LENGTH = 4
ANSWER_OCTETS = 1024 * 1024
REST_SECONDS = 60.0
"""Of the processor, to say the answer and to read the next errand."""
LATE = "out of time"
"""What a report says of a worker that used up the time it was given."""

Work = Callable[[bytes, Any], Any]


class Errand(msgspec.Struct, array_like=True):
    """``size`` octets follow; ``seconds`` of the processor are given."""

    work: str
    size: int
    seconds: float
    terms: Any = None


class Start(msgspec.Struct, array_like=True):
    """Who we are, and what we gave up."""

    pid: int
    measures: tuple[str, ...]


class Report(msgspec.Struct, array_like=True):
    """The answer as MessagePack, or in one line why there is none."""

    answer: bytes = b""
    trouble: str = ""


def work(works: dict[str, Work], memory_octets: int, stream: socket.socket, *, is_alone: bool) -> None:
    """All of a worker's life."""
    source, sink = os.fdopen(stream.fileno(), "rb"), os.fdopen(stream.fileno(), "wb", closefd=False)  # no recv, no send
    measures = confine(memory_octets=memory_octets, is_alone=is_alone)
    _send(sink, msgspec.msgpack.encode(Report(msgspec.msgpack.encode(Start(os.getpid(), measures)))))
    serve(works, source, sink)


def load(name: str) -> Work:
    """The function that ``name`` ("package.module:function") means; a module may have a ``prepare`` of its own."""
    module_name, _, function = name.partition(":")
    module = import_module(module_name)
    prepare = getattr(module, "prepare", None)
    if prepare is not None:
        prepare()
    work: Work = getattr(module, function)
    return work


def serve(works: dict[str, Work], source: BinaryIO, sink: BinaryIO) -> None:
    """Until nobody asks any more."""
    decoder = msgspec.msgpack.Decoder(Errand)
    while (head := source.read(LENGTH)) and len(head) == LENGTH:
        errand = decoder.decode(source.read(int.from_bytes(head, "big")))
        octets = source.read(errand.size)
        if len(octets) < errand.size:
            return
        give_seconds(errand.seconds)
        report = _do(works, errand, octets)
        give_seconds(REST_SECONDS)
        _send(sink, msgspec.msgpack.encode(report))


def say_late(stream: socket.socket) -> None:
    """In place of a worker that can say nothing any more, because its time was over."""
    answer = msgspec.msgpack.encode(Report(trouble=LATE))
    with suppress(OSError):
        stream.send(_frame(answer), socket.MSG_DONTWAIT)


def _do(works: dict[str, Work], errand: Errand, octets: bytes) -> Report:
    try:
        answer = msgspec.msgpack.encode(works[errand.work](octets, errand.terms))
    except MemoryError:
        return Report(trouble=FULL)
    except Exception as error:  # noqa: BLE001 - told to whoever asked, who decides
        return Report(trouble=f"{type(error).__name__}: {error}"[:500])
    return Report(answer) if len(answer) < ANSWER_OCTETS - 64 else Report(trouble="a very long answer")


def _send(sink: BinaryIO, answer: bytes) -> None:
    sink.write(_frame(answer))
    sink.flush()


def _frame(answer: bytes) -> bytes:
    return len(answer).to_bytes(LENGTH, "big") + answer
