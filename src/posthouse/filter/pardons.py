"""Whose mail somebody takes out of Junk is his correspondent from then on."""

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.classifier.lesson import Act, Lesson
from posthouse.filter.surge import parse_sender
from posthouse.mail.ids import AccountId, MailboxId, Uid
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store

MOST: Final = 100
"""Messages of one move that are looked at."""

MOST_AT_ONCE: Final = 16
"""Moves; whose are more is not looked at."""

_RETURN_PATH = re.compile(rb"Return-Path: <([^<>\r\n]{3,320})>\r\n")
"""The first line of each copy, written by ourselves (``mta.intake``)."""


class Pardons:
    """Told by the doors to mailboxes; reads what was moved beside them."""

    __slots__ = ("_acquaintance", "_journal", "_store", "_working")

    def __init__(self, store: Store, acquaintance: Acquaintance, journal: Journal) -> None:
        self._store = store
        self._acquaintance = acquaintance
        self._journal = journal
        self._working: set[asyncio.Task[None]] = set()

    def heed(self, lesson: Lesson) -> None:
        """Somebody did something with his mail."""
        if lesson.act is not Act.PARDONED or len(self._working) >= MOST_AT_ONCE:
            return
        task = asyncio.get_running_loop().create_task(self._look(lesson.account, lesson.mailbox, lesson.uids[:MOST]))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def settled(self) -> None:
        """Returns when all that was told has been looked at."""
        await asyncio.gather(*self._working)

    async def _look(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> None:
        try:
            stored = await self._store.read(account, mailbox, uids)
        except StorageError as error:
            self._journal.note("pardons.unread", Level.WARNING, reason=str(error))
            return
        found = [_RETURN_PATH.match(one.content.prefix) for one in stored]
        senders = [parse_sender(one[1].decode("utf-8", "replace")) for one in found if one is not None]
        self._acquaintance.remember(account, [one for one in senders if one is not None])
