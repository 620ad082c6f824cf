"""Messages shown to an ICAP service (RFC 3507): what it would not let through as it is, we do not let through.

A service that gives back the very same content has found nothing; one that
gives back another, or an HTTP error page, has found something, and its
``X-Infection-Found`` or ``X-Virus-ID`` says what.
"""

import hashlib

from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.scanners.again import with_talk
from posthouse.filter.scanners.content import first, pieces
from posthouse.filter.scanners.found import Unscanned, infected
from posthouse.filter.scanners.talk import Talk, Talks
from posthouse.filter.scanners.terms import Terms
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import RemoteError
from posthouse.net.places import PlaceDialer
from posthouse.standards.http1.head import Head
from posthouse.standards.icap.client import (
    Begin,
    Content,
    Done,
    End,
    EndPreview,
    Failed,
    GoOn,
    IcapConnection,
    Mode,
    Modified,
    Offered,
    Options,
    Piece,
    Unmodified,
)

OPTIONS_SECONDS = 600.0
"""How long what a service said of itself is believed (RFC 3507 section 4.10.2 leaves it to us)."""
TELLING = ("x-infection-found", "x-virus-id", "x-violations-found", "x-virus-name")

Line = Talk[IcapConnection]


class Icap:
    """Implements ``filter.scanners.scanner.Speaker``."""

    __slots__ = ("_clock", "_host", "_offered", "_offered_at", "_talks", "_terms")

    def __init__(self, terms: Terms, dialer: PlaceDialer, clock: Clock) -> None:
        self._terms = terms
        self._clock = clock
        self._host = terms.place.host or "localhost"
        self._talks = Talks(dialer, terms.place, IcapConnection, clock)
        self._offered: Offered | None = None
        self._offered_at = 0.0

    async def ask(self, letter: Letter) -> Opinion:
        if self._offered is None or self._clock.monotonic() > self._offered_at + OPTIONS_SECONDS:
            await self._ask_options()

        async def show(talk: Line) -> str:
            return await self._show(talk, letter)

        threat = await with_talk(self._talks, show)
        return Opinion((infected(self._terms, threat),)) if threat else Opinion()

    async def _ask_options(self) -> Offered:
        async def options(talk: Line) -> object:
            await talk.say(Options(self._host, self._terms.service))
            return await talk.hear()

        said = await with_talk(self._talks, options)
        if not isinstance(said, Offered):
            raise RemoteError(f"the service {self._terms.service} is not there")
        if self._terms.mode not in said.modes:
            raise RemoteError(f"the service {self._terms.service} does not do {self._terms.mode}")
        self._offered, self._offered_at = said, self._clock.monotonic()
        return said

    async def _show(self, talk: Line, letter: Letter) -> str:
        """What it found, empty for nothing."""
        preview = self._offered.preview if self._offered is not None else None
        fields = (("X-Client-IP", letter.peer),) if letter.peer else ()
        await talk.say(
            Begin(self._host, self._terms.service, Mode(self._terms.mode), letter.trace, preview, fields),
        )
        start = 0
        if preview is not None:
            whole = letter.blob.size <= preview
            start = min(preview, letter.blob.size)
            if start:
                await talk.say(Content(await first(letter, start)))
            await talk.say(EndPreview(whole))
            event = await talk.hear()
            if not isinstance(event, GoOn):
                answer = Answer()
                answer.take(event)
                return await self._conclude(talk, answer, letter)
        answer = Answer()
        async for octets in pieces(letter, start=start):
            await talk.say(Content(octets))
            while not answer.is_whole and (early := await talk.overhear()) is not None:
                answer.take(early)
            if answer.is_whole:
                return answer.threat(letter)
        await talk.say(End())
        return await self._conclude(talk, answer, letter)

    async def _conclude(self, talk: Line, answer: "Answer", letter: Letter) -> str:
        while not answer.is_whole:
            answer.take(await talk.hear())
        return answer.threat(letter)

    async def probe(self) -> str:
        return (await self._ask_options()).tag

    def close(self) -> None:
        self._talks.close()


class Answer:
    """What a service gives back, as it comes."""

    __slots__ = ("_digest", "_said", "_status", "_unmodified", "is_whole")

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._said = ""
        self._status = 0
        self._unmodified = False
        self.is_whole = False

    def take(self, event: object) -> None:
        """Raises ``Unscanned``, ``RemoteError``."""
        if isinstance(event, Failed):
            raise Unscanned(f"ICAP status {event.status}")
        if isinstance(event, Piece):
            self._digest.update(event.octets)
        elif isinstance(event, Unmodified):
            self._said, self._unmodified, self.is_whole = _told(event.head), True, True
        elif isinstance(event, Modified):
            self._said, self._status = _told(event.head), event.status
        elif isinstance(event, Done):
            self.is_whole = True
        else:
            raise RemoteError("no verdict")

    def threat(self, letter: Letter) -> str:
        """What was found, empty for nothing."""
        is_same = self._unmodified or (
            self._status in {0, 200} and self._digest.hexdigest() == str(letter.blob.blob_id)
        )
        return self._said or ("" if is_same else "something that it wants to take out")


def _told(head: Head) -> str:
    """What it says it found."""
    for name in TELLING:
        said = head.first(name)
        if said:
            return "".join(letter if letter.isprintable() else "?" for letter in said)[:200]
    return ""
