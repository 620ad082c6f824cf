"""Toy servers that never had a defence: the negative control where the real one cannot be made weak."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from posthouse.drill.scenario import Toy
from posthouse.drill.sink import Sink


@asynccontextmanager
async def takes_everything() -> AsyncIterator[Toy]:
    """An SMTP server that says yes to every recipient and every message, from whomever."""
    sink = Sink()
    await sink.open()
    try:
        yield Toy({"smtp": ("127.0.0.1", sink.port)})
    finally:
        await sink.close()
