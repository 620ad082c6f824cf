"""One scanner under supervision: bounded in number and time, left alone while it is broken.

Whatever it does, the result is an opinion: one that it could not give is a
clue that demands what the operator chose (``on_failure``), never silence.
"""

import asyncio
from typing import Protocol

import msgspec

from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.scanners.breaker import Breaker
from posthouse.filter.scanners.found import Unscanned, unscanned
from posthouse.filter.scanners.terms import Scope, Terms
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.observe.ports import Journal, Level, Meter
from posthouse.storage.errors import StorageError

PROBE_SECONDS = 5.0
MOST_IN_A_ROW = 10
"""Messages that fail one after the other, though it answers to a probe, are not all to blame."""


class Speaker(Protocol):
    """One who speaks a scanner's protocol. Raises ``OSError``, ``RemoteError``, ``Unscanned``."""

    async def ask(self, letter: Letter) -> Opinion: ...

    async def probe(self) -> str:
        """Whether it is there; what it says of itself."""

    def close(self) -> None: ...


class Health(msgspec.Struct, frozen=True):
    """How a scanner does, for operators."""

    name: str
    kind: str
    place: str
    state: str
    """``up``, ``down`` or, while nobody has asked it yet, ``unknown``."""
    scanned: int
    found: int
    failed: int
    last: str
    """Its last trouble."""
    busy: int


class Scanner:
    """Implements ``filter.ports.Examiner``."""

    __slots__ = (
        "_breaker", "_busy", "_clock", "_failed", "_found", "_in_a_row", "_journal", "_last", "_meter", "_scanned",
        "_slots", "_speaker", "_up", "terms",
    )  # fmt: skip

    def __init__(self, terms: Terms, speaker: Speaker, *, clock: Clock, journal: Journal, meter: Meter) -> None:
        self.terms = terms
        self._speaker = speaker
        self._clock = clock
        self._journal = journal
        self._meter = meter
        self._breaker = Breaker(clock)
        self._slots = asyncio.Semaphore(terms.at_once)
        self._scanned = self._found = self._failed = self._busy = 0
        self._in_a_row = 0
        self._last = ""
        self._up: bool | None = None

    @property
    def name(self) -> str:
        return self.terms.name

    async def examine(self, letter: Letter) -> Opinion:
        """Its opinion within its time; never raises but for cancellation."""
        if not self.looks_at(is_ours=letter.submitter is not None):
            return Opinion()
        if self.terms.largest and letter.blob.size > self.terms.largest:
            return self._give_up("the message is too large for it")
        if not self._breaker.may_try():
            return self._give_up(self._last or "it is down")
        began = self._clock.monotonic()
        asking = asyncio.ensure_future(self._examine(letter))  # a task of its own: it is cancelled when its time is up
        try:
            opinion = await asking
        except asyncio.CancelledError:
            asking.cancel()
            raise
        self._meter.observe("scan_seconds", self._clock.monotonic() - began, scanner=self.name)
        return opinion

    def looks_at(self, *, is_ours: bool) -> bool:
        """Whether it is concerned with mail of our own people, or of strangers."""
        scope = self.terms.scope
        return scope is Scope.BOTH or (scope is Scope.OUT) == is_ours

    @property
    def is_down(self) -> bool:
        """Whether it is left alone for now."""
        return self._breaker.is_open

    async def _examine(self, letter: Letter) -> Opinion:
        is_busy = True
        try:
            async with asyncio.timeout(self.terms.seconds), self._slots:
                is_busy = False
                self._busy += 1
                try:
                    opinion = await self._speaker.ask(letter)
                finally:
                    self._busy -= 1
        except TimeoutError:
            if is_busy:
                return self._give_up("all its places are taken")
            return await self._fail(f"no answer within {self.terms.seconds:g} s")
        except (RemoteError, OSError) as error:
            return await self._fail(str(error) or type(error).__name__)
        except (Unscanned, EOFError, StorageError) as error:  # about this message, not about the scanner
            return self._give_up(str(error))
        except (LocalError, Exception) as error:  # noqa: BLE001 - a bug here must not let a message pass unseen
            self._journal.bug("scanner.bug", error, scanner=self.name)
            return self._give_up("trouble on our side")
        self._in_a_row = 0
        self._recover()
        self._count(opinion)
        return opinion

    def _count(self, opinion: Opinion) -> None:
        self._scanned += 1
        found = any(clue.name == f"{self.name}.virus" for clue in opinion.clues)
        self._found += found
        self._meter.count("scans", scanner=self.name, result="found" if found else "scanned")

    def _give_up(self, why: str) -> Opinion:
        self._failed += 1
        self._meter.count("scans", scanner=self.name, result="failed")
        return Opinion((unscanned(self.terms, why),))

    async def _fail(self, why: str) -> Opinion:
        """Whose fault that was: of a message, if the scanner answers otherwise; of the scanner, if many fail so."""
        self._in_a_row += 1
        if self._in_a_row < MOST_IN_A_ROW and not self._breaker.is_open and await self._answers():
            self._last = why
            self._journal.note("scanner.failed", Level.WARNING, scanner=self.name, reason=why)
        else:
            self.note_failure(why)
        return self._give_up(why)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(min(PROBE_SECONDS, self.terms.seconds)):
                await self._speaker.probe()
        except (OSError, RemoteError, Unscanned, EOFError):  # a TimeoutError is an OSError
            return False
        except Exception as error:  # noqa: BLE001 - see _examine
            self._journal.bug("scanner.bug", error, scanner=self.name)
            return False
        return True

    def note_failure(self, why: str) -> None:
        """It failed, and not because of what it was shown."""
        was_open = self._breaker.is_open
        self._breaker.failed()
        self._last = why
        if self._breaker.is_open and not was_open:
            self._set_up(up=False)
            self._journal.note("scanner.down", Level.ALARM, scanner=self.name, reason=why)
        else:
            self._journal.note("scanner.failed", Level.WARNING, scanner=self.name, reason=why)

    def _recover(self) -> None:
        if self._breaker.is_open:
            self._journal.note("scanner.back", scanner=self.name)
        self._breaker.succeeded()
        self._set_up(up=True)

    def _set_up(self, *, up: bool) -> None:
        if self._up is not up:
            self._up = up
            self._meter.gauge("scanner_up", int(up), scanner=self.name)

    async def probe(self) -> str:
        """What it says of itself. Raises ``OSError``, ``TimeoutError``, ``RemoteError``."""
        try:
            async with asyncio.timeout(min(PROBE_SECONDS, self.terms.seconds)):
                said = await self._speaker.probe()
        except (OSError, RemoteError, Unscanned) as error:
            self.note_failure(str(error) or "no answer to a probe")
            raise
        self._recover()
        return said

    async def probe_if_down(self) -> None:
        """Ask a scanner that was left alone whether it is back; others are asked by the mail that comes."""
        if (self._breaker.wants_probe and self._breaker.may_try()) or self._up is None:
            try:
                await self.probe()
            except (OSError, RemoteError, Unscanned):
                if self._up is None:
                    self._set_up(up=False)

    @property
    def health(self) -> Health:
        state = "unknown" if self._up is None else "up" if self._up else "down"
        return Health(
            self.name, self.terms.kind, str(self.terms.place), state,
            self._scanned, self._found, self._failed, self._last, self._busy,
        )  # fmt: skip

    def close(self) -> None:
        self._speaker.close()
