"""Messages shown to ClamAV's daemon."""

from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.scanners.again import with_talk
from posthouse.filter.scanners.content import pieces
from posthouse.filter.scanners.found import Unscanned, infected
from posthouse.filter.scanners.talk import Talk, Talks
from posthouse.filter.scanners.terms import Terms
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import RemoteError
from posthouse.net.places import PlaceDialer
from posthouse.standards.clamd.client import Ask, Begin, Chunk, ClamdConnection, Clean, End, Event, Failed, Found, Said

Line = Talk[ClamdConnection]


class Clamd:
    """Implements ``filter.scanners.scanner.Speaker``."""

    __slots__ = ("_talks", "_terms")

    def __init__(self, terms: Terms, dialer: PlaceDialer, clock: Clock) -> None:
        self._terms = terms
        self._talks = Talks(dialer, terms.place, ClamdConnection, clock)

    async def ask(self, letter: Letter) -> Opinion:
        async def show(talk: Line) -> Event:
            return await _show(talk, letter)

        verdict = await with_talk(self._talks, show)
        if isinstance(verdict, Found):
            return Opinion((infected(self._terms, verdict.name),))
        if isinstance(verdict, Clean):
            return Opinion()
        raise Unscanned(verdict.text)

    async def probe(self) -> str:
        async def version(talk: Line) -> Event:
            await talk.say(Ask.VERSION)
            return _event(await talk.hear())

        said = await with_talk(self._talks, version)
        if not isinstance(said, Said):
            raise RemoteError("clamd did not say its version")
        return said.text

    def close(self) -> None:
        self._talks.close()


async def _show(talk: Line, letter: Letter) -> Event:
    """The whole content; clamd may say before its end that it will not have it."""
    await talk.say(Begin())
    async for octets in pieces(letter):
        await talk.say(Chunk(octets))
        if letter.blob.octets is None and (early := await talk.overhear()) is not None:
            return _event(early)
    if (early := await talk.overhear()) is not None:
        return _event(early)
    await talk.say(End())
    return _event(await talk.hear())


def _event(event: Event) -> Event:
    if isinstance(event, Failed):
        raise Unscanned(event.text)
    return event
