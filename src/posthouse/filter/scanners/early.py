"""Milters asked while the envelope comes, so that one may refuse a recipient and leave the others.

Nothing of it exists before a recipient comes that we would take, and nothing
depends on it: where no session could be had in time, or one broke, the milter
hears everything at the end of the message, and what a failure means is
decided there, once.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from posthouse.filter.scanners.milter import Milter, Opening, Visit
from posthouse.filter.scanners.scanner import Scanner
from posthouse.filter.scanners.terms import Terms
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import RemoteError
from posthouse.mail.envelope import Recipient
from posthouse.mail.reply import Reply
from posthouse.observe.ports import Journal, Meter

MOST_VISITS = 200
"""Sessions with one milter that wait for content; whoever comes then is told of at the end alone."""
MOST_SECONDS = 10.0
"""For one answer; a client waits five minutes for that to RCPT (RFC 5321 section 4.5.3.2.3)."""

Result = TypeVar("Result")


class Broken(Exception):
    """The session is over before its time; ``str()`` says why."""


class MilterScanner(Scanner):
    """A scanner that can be asked before there is content."""

    __slots__ = ("_milter", "_visits")

    def __init__(self, terms: Terms, milter: Milter, *, clock: Clock, journal: Journal, meter: Meter) -> None:
        super().__init__(terms, milter, clock=clock, journal=journal, meter=meter)
        self._milter = milter
        self._visits = 0

    async def begin(self, opening: Opening) -> Visit | None:
        """A session for one message; None if none is to be had now."""
        if not self.looks_at(is_ours=opening.is_ours) or self.is_down or self._visits >= MOST_VISITS:
            return None
        self._visits += 1
        try:
            visit = await self._in_time(self._milter.begin(opening))
        except BaseException as error:
            self._leave()
            if isinstance(error, Broken):
                return None
            raise
        return visit.when_over(self._leave)

    def _leave(self) -> None:
        self._visits -= 1

    async def hear_recipient(self, visit: Visit, opening: Opening, recipient: Recipient) -> Reply | None:
        """What it has against the recipient. Raises ``Broken``."""
        return await self._in_time(self._milter.hear_recipient(visit, opening.trace, recipient))

    async def _in_time(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait((task,), timeout=min(MOST_SECONDS, self.terms.seconds))
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            self.note_failure("no answer while the envelope came")
            raise Broken
        try:
            return task.result()
        except (OSError, RemoteError) as error:
            self.note_failure(str(error) or type(error).__name__)
            raise Broken from error


class Early:
    """What milters say of the envelope of one message."""

    __slots__ = ("_milters", "_opening", "_visits")

    def __init__(self, milters: Sequence[MilterScanner], opening: Opening) -> None:
        self._milters = milters
        self._opening = opening
        self._visits: dict[str, Visit] | None = None

    async def ask(self, recipient: Recipient) -> Reply | None:
        """The first refusal of ``recipient``, None if nobody has anything against it so far."""
        if self._visits is None:
            self._visits = {}
            for milter in self._milters:
                visit = await milter.begin(self._opening)
                if visit is not None:
                    self._visits[milter.name] = visit
        for milter in self._milters:
            refusal = await self._ask(milter, recipient)
            if refusal is not None:
                return refusal
        return None

    async def _ask(self, milter: MilterScanner, recipient: Recipient) -> Reply | None:
        visit = self.visits.get(milter.name)
        if visit is None:
            return None
        try:
            return await milter.hear_recipient(visit, self._opening, recipient)
        except Broken:
            self.visits.pop(milter.name).close()
            return None

    @property
    def visits(self) -> dict[str, Visit]:
        """The sessions, for whoever goes on with them; he takes them out."""
        return self._visits if self._visits is not None else {}

    def close(self) -> None:
        """Those that nobody took are over. Safe at any time."""
        visits, self._visits = self.visits, {}
        for visit in visits.values():
            visit.close()
