"""Everything that learns, together: what is wired once and handed to the boundary, the doors and the operator."""

import asyncio
from collections.abc import Sequence
from typing import Final

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.classifier.book import REFRESH_SECONDS, Book
from posthouse.filter.classifier.classifier import Classifier
from posthouse.filter.classifier.learner import Learner
from posthouse.filter.classifier.lesson import Lesson
from posthouse.filter.classifier.reputation import Reputation
from posthouse.filter.ports import Examiner
from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store

PRUNE_MILLISECONDS: Final = 86400 * 1000
LESSONS_A_DAY: Final = 200


class School:
    """``adopt`` gives it other rules while it runs."""

    __slots__ = ("_clock", "_journal", "_store", "book", "classifier", "is_open", "learner", "reputation")

    def __init__(self, store: Store, acquaintance: Acquaintance | None, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self.book = Book(store, clock)
        self.reputation = Reputation(store, clock, journal)
        self.learner = Learner(store, self.book, self.reputation, clock, journal, most_a_day=LESSONS_A_DAY)
        self.classifier = Classifier(self.book, acquaintance, journal)
        self.is_open = True

    def adopt(self, *, is_open: bool, learns: bool, minimum: int, most_a_day: int) -> None:
        """Whether it speaks and learns from now on, from how many mails on, and how much a day."""
        self.is_open = is_open
        self.learner.learns = learns
        self.learner.most_a_day = most_a_day
        if self.book.minimum != minimum:
            self.book.minimum = minimum
            self.book.forget_words()

    @property
    def examiners(self) -> Sequence[Examiner]:
        """Of mail from outside."""
        return (self.classifier, self.reputation) if self.is_open else ()

    def heed(self, lesson: Lesson) -> None:
        """An owner did something with his mail."""
        self.learner.heed(lesson)

    async def refresh(self) -> None:
        """What other nodes have learned."""
        await self.book.refresh()
        await self.reputation.refresh()

    async def follow(self) -> None:
        """From now on; once a day, on one of all nodes, what is worn out is thrown away."""
        while True:
            try:
                await self.refresh()
                now = int(self._clock.now() * 1000)
                if not self.book.is_mute and await self._store.lease(
                    "bayes.prune", f"{self._store.node} {now}", now, now + PRUNE_MILLISECONDS
                ):
                    await self.learner.prune()
                    await self.reputation.prune()
            except StorageError as error:
                self._journal.note("classifier.unread", Level.WARNING, reason=str(error))
            await asyncio.sleep(REFRESH_SECONDS)
