"""Writing to a stream that somebody may have stopped reading, without ever waiting for him."""

import os
import select
import stat
from collections.abc import Callable
from typing import TextIO

PIPE_OCTETS = 4096
"""PIPE_BUF of Linux: a pipe that is writable takes so much at once (pipe(7))."""

FILE_OCTETS = 1024 * 1024

Sink = Callable[[str], str]
"""Writes what it can of a text and gives the rest; raises ``OSError`` when nobody will ever read it."""


def patient_sink(stream: TextIO) -> Sink:
    """For a stream without a file descriptor, or a file: everything is written at once."""

    def write(text: str) -> str:
        try:
            stream.write(text)
            stream.flush()
        except ValueError as error:
            raise OSError("the stream is closed") from error
        return ""

    return write


def sink_of(stream: TextIO) -> Sink:
    """For ``stream``: a full pipe or a stopped terminal takes nothing, and the caller keeps it for later."""
    try:
        descriptor = stream.fileno()
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except (OSError, ValueError):
        return patient_sink(stream)
    most = FILE_OCTETS if is_file else PIPE_OCTETS
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)

    def write(text: str) -> str:
        octets = memoryview(text.encode("utf-8", "backslashreplace"))
        at = 0
        while at < len(octets) and (is_file or ready.poll(0)):
            at += os.write(descriptor, octets[at : at + most])
        return bytes(octets[at:]).decode("utf-8", "ignore") if at < len(octets) else ""

    return write
