"""Learning: each message once for each owner, only from what he did with it, and it can be taken back exactly.

What was learned of a message is a note (kind ``bayes.learned``: the verdict
and the digests of its tokens), so that a message that is moved back leaves no
trace. A user's day is bounded (limit ``classifier_lessons_day``); what all
share has one voice for each user and token, however much of it he shows.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from posthouse.filter.classifier.book import OPERATOR, PEOPLE, PREFIX, SHARED, TOTALS, Book, kind_of
from posthouse.filter.classifier.lesson import JUNK, Act, Lesson
from posthouse.filter.classifier.reputation import Reputation, identity_in
from posthouse.filter.classifier.tokens import LOOKED_AT, tokens_of
from posthouse.filter.display import display_in
from posthouse.lib.ports import Clock
from posthouse.mail.content import Content
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note, Tally

LEARNED: Final = "bayes.learned"
KEEP_MILLISECONDS: Final = 90 * 86400 * 1000
"""How long a lesson can be taken back; what was seen once and not again in that time is forgotten."""
DAY_MILLISECONDS: Final = 86400 * 1000
MOST_OF_ACT: Final = 100
"""Messages of one act that are looked at."""
MOST_WAITING: Final = 64
"""Acts; whose are more is not learned from."""
PAGE: Final = 1000


class Learned(msgspec.Struct, array_like=True):
    """What was learned of one message."""

    is_junk: bool
    digests: bytes
    """Eight octets each."""
    vote: str = ""
    """The day's row of the sender's reputation that was counted in."""

    @property
    def keys(self) -> list[str]:
        return [self.digests[at : at + 8].hex() for at in range(0, len(self.digests), 8)]


class Learner:
    """The office that lessons are told to. It never makes anybody wait."""

    def __init__(
        self,
        store: Store,
        book: Book,
        reputation: Reputation,
        clock: Clock,
        journal: Journal,
        *,
        most_a_day: int,
        learns: bool = True,
    ) -> None:
        self._store = store
        self._book = book
        self._reputation = reputation
        self._clock = clock
        self._journal = journal
        self.most_a_day = most_a_day
        self.learns = learns
        self._lock = asyncio.Lock()
        """Counts are read before they are added to."""
        self._working: set[asyncio.Task[None]] = set()

    @property
    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    # -- being told

    def heed(self, lesson: Lesson) -> None:
        """An owner did something with his mail; learned beside whatever he does next."""
        if not self.learns or len(self._working) >= MOST_WAITING:
            return
        task = asyncio.get_running_loop().create_task(self._heed(lesson))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def settled(self) -> None:
        """Returns when all that was told has been learned."""
        await asyncio.gather(*self._working)

    async def _heed(self, lesson: Lesson) -> None:
        try:
            stored = await self._store.read(lesson.account, lesson.mailbox, lesson.uids[:MOST_OF_ACT])
            for one in stored:
                await self.learn(lesson.account, one.content, lesson.act)
        except StorageError as error:
            self._journal.note("classifier.unlearned", Level.WARNING, reason=str(error))

    async def learn_released(self, account: AccountId, content: Content) -> None:
        """Implements ``mta.quarantine.Learn``."""
        await self._learn_quietly(account, content, Act.RELEASED)

    async def learn_dropped(self, account: AccountId, content: Content) -> None:
        """Implements ``mta.quarantine.Learn``."""
        await self._learn_quietly(account, content, Act.DROPPED)

    async def _learn_quietly(self, account: AccountId, content: Content, act: Act) -> None:
        if not self.learns:
            return
        try:
            await self.learn(account, content, act)
        except StorageError as error:
            self._journal.note("classifier.unlearned", Level.WARNING, reason=str(error))

    # -- learning

    async def learn(self, account: AccountId, content: Content, act: Act) -> bool:
        """Learn one message, or take back what was learned of it; whether anything changed. Raises ``StorageError``."""
        key, is_junk = f"{account}/{content.blob.blob_id}", act in JUNK
        async with self._lock:
            known = await self.learned_of(key)
            if known is not None:
                if known.is_junk == is_junk:
                    return False
                await self._take_back(account, key, known)
                if act is Act.PARDONED:  # he changed his mind: as if nothing had been said
                    return True
            if not await self._may_learn(account):
                return known is not None
            display = display_in(content.prefix)
            octets = content.blob.octets
            if octets is None:
                octets = await self._store.blobs.read(content.blob.blob_id, 0, min(content.blob.size, LOOKED_AT))
            vote = await self._reputation.vote(account, identity_in(content.prefix, display), is_junk=is_junk)
            await self.add(account, key, tokens_of(octets, display=display), is_junk=is_junk, vote=vote)
            return True

    async def train(self, account: AccountId, name: str, tokens: Sequence[str], *, is_junk: bool) -> bool:
        """Learn a message that the operator shows, called ``name``; whether it was new."""
        key = f"{account}/{name}"
        async with self._lock:
            known = await self.learned_of(key)
            if known is not None and known.is_junk == is_junk:
                return False
            if known is not None:
                await self._take_back(account, key, known)
            await self.add(account, key, tokens, is_junk=is_junk)
            return True

    async def learned_of(self, key: str) -> Learned | None:
        """What was learned of a message."""
        for note in await self._store.notes(LEARNED, (key,)):
            return msgspec.msgpack.decode(note.value, type=Learned)
        return None

    async def _may_learn(self, account: AccountId) -> bool:
        allowed = await self._store.take(f"{PREFIX}lessons/{account}", 1, self.most_a_day, DAY_MILLISECONDS, self._now)
        return allowed > 0

    async def add(self, account: AccountId, key: str, tokens: Sequence[str], *, is_junk: bool, vote: str = "") -> None:
        """Count a message. The note comes first: what is counted can be taken back."""
        digests = await self._book.digests(tokens)
        value = msgspec.msgpack.encode(Learned(is_junk, bytes.fromhex("".join(digests)), vote))
        now = self._now
        await self._store.put_notes((Note(LEARNED, key, value, now, now + KEEP_MILLISECONDS),))
        await self._count(account, digests, 1, is_junk=is_junk)

    async def _take_back(self, account: AccountId, key: str, known: Learned) -> None:
        await self._store.drop_notes(LEARNED, (key,))
        await self._count(account, known.keys, -1, is_junk=known.is_junk)
        if known.vote:
            await self._reputation.take_back(known.vote, is_junk=known.is_junk)

    async def _count(self, account: AccountId, digests: Sequence[str], step: int, *, is_junk: bool) -> None:
        """A message more or less of ``account``, and his voice where it begins or ends."""
        own, _ = await self._book.counts(account, digests)
        before = [one.a if is_junk else one.b for one in own]
        turning = 0 if step > 0 else 1
        voiced = [key for key, count in zip(digests, before, strict=True) if count == turning]
        weight = step * (PEOPLE if account == OPERATOR else 1)
        mails = self._book.totals.get(str(account))
        said = (mails.junk if is_junk else mails.good) if mails is not None else 0
        people = weight if said == turning else 0
        kind, shared = kind_of(account), PREFIX + SHARED
        await self._store.add_tallies(
            [
                *[_tally(kind, key, step, is_junk=is_junk) for key in digests],
                *[_tally(shared, key, weight, is_junk=is_junk) for key in voiced],
                _tally(TOTALS, str(account), step, is_junk=is_junk),
                _tally(TOTALS, SHARED, people, is_junk=is_junk),
            ]
        )
        self._book.learned(str(account), step if is_junk else 0, 0 if is_junk else step)
        self._book.learned(SHARED, people if is_junk else 0, 0 if is_junk else people)

    # -- forgetting

    async def forget(self, account: AccountId) -> int:
        """**Durable.** Everything an account has taught, its voice among all included; how many tokens that were."""
        async with self._lock:
            gone = 0
            async for rows in _pages(self._store, kind_of(account)):
                weight = PEOPLE if account == OPERATOR else 1
                await self._store.add_tallies(
                    [Tally(PREFIX + SHARED, one.key, -weight * (one.a > 0), -weight * (one.b > 0)) for one in rows]
                )
                gone += await self._store.drop_tallies(kind_of(account), [one.key for one in rows])
            await self._forget_totals(account)
            while notes := await self._store.list_notes(LEARNED, prefix=f"{account}/", limit=PAGE):
                await self._store.drop_notes(LEARNED, [one.key for one in notes])
            self._book.forget_words()
            return gone

    async def _forget_totals(self, account: AccountId) -> None:
        for one in await self._store.tallies(TOTALS, (str(account),)):
            weight = PEOPLE if account == OPERATOR else 1
            await self._store.add_tallies([Tally(TOTALS, SHARED, -weight * (one.a > 0), -weight * (one.b > 0))])
            await self._store.drop_tallies(TOTALS, (str(account),))
        await self._book.refresh()

    async def prune(self) -> int:
        """**Durable.** Tokens that were seen once, long ago, and those that nobody has any more; how many went."""
        gone, before = 0, self._now - KEEP_MILLISECONDS
        for name in list(self._book.totals):
            kind = PREFIX + name
            async for rows in _pages(self._store, kind):
                old = [one for one in rows if one.a <= 0 >= one.b or (name != SHARED and _is_worn(one, before))]
                if not old:
                    continue
                gone += await self._store.drop_tallies(kind, [one.key for one in old])
                if name != SHARED:
                    await self._store.add_tallies(
                        [
                            Tally(PREFIX + SHARED, one.key, -(one.a > 0), -(one.b > 0))
                            for one in old
                            if one.a > 0 or one.b > 0
                        ]
                    )
        return gone


def _is_worn(tally: Tally, before: int) -> bool:
    return tally.a + tally.b <= 1 and tally.at < before


def _tally(kind: str, key: str, step: int, *, is_junk: bool) -> Tally:
    return Tally(kind, key, step if is_junk else 0, 0 if is_junk else step)


async def _pages(store: Store, kind: str) -> AsyncIterator[Sequence[Tally]]:
    """All tallies of a kind, those that were just dropped too: by key."""
    after = ""
    while True:
        rows = await store.list_tallies(kind, after=after, limit=PAGE)
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        after = rows[-1].key
