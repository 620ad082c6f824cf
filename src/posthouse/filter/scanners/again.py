"""A kept connection may have been closed by the other side: then, and only then, a message is asked about again."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from posthouse.filter.scanners.talk import AnyCore, Talk, Talks
from posthouse.lib.sansio import RemoteError

Answer = TypeVar("Answer")


async def with_talk(talks: Talks[AnyCore], ask: Callable[[Talk[AnyCore]], Awaitable[Answer]]) -> Answer:
    """``ask`` over a kept connection; over a new one if that breaks."""
    used = False
    try:
        async with talks.open() as talk:
            used = talk.is_used
            return await ask(talk)
    except (OSError, RemoteError) as error:
        if not used or isinstance(error, TimeoutError):
            raise
    async with talks.open(fresh=True) as talk:
        return await ask(talk)
