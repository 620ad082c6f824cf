"""Messages shown to Rspamd: its score is a clue among others, its demands are obeyed."""

from posthouse.filter.action import Action
from posthouse.filter.clue import Clue
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.scanners.again import with_talk
from posthouse.filter.scanners.content import pieces
from posthouse.filter.scanners.found import MOST_TEXT
from posthouse.filter.scanners.talk import Talk, Talks
from posthouse.filter.scanners.terms import Terms
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import RemoteError
from posthouse.mail.reply import Reply
from posthouse.net.places import PlaceDialer
from posthouse.standards.http1.client import Content, HttpConnection, Request, Response
from posthouse.standards.rspamd.check import Question, Verdict, format_question, parse_verdict, top_symbols

REFUSED = Reply(550, "5.7.1", ("the message looks like junk",))
LATER = Reply(451, "4.7.1", ("try again later",))

DEMANDS = {
    "no action": Action.ACCEPT,
    "greylist": Action.DEFER,
    "add header": Action.JUNK,
    "rewrite subject": Action.JUNK,
    "soft reject": Action.DEFER,
    "quarantine": Action.QUARANTINE,
    "discard": Action.QUARANTINE,  # nothing is thrown away unseen
    "reject": Action.REFUSE,
}

Line = Talk[HttpConnection]


class Rspamd:
    """Implements ``filter.scanners.scanner.Speaker``."""

    __slots__ = ("_hostname", "_talks", "_terms")

    def __init__(self, terms: Terms, dialer: PlaceDialer, clock: Clock, hostname: str) -> None:
        self._terms = terms
        self._hostname = hostname
        self._talks = Talks(dialer, terms.place, HttpConnection, clock)

    async def ask(self, letter: Letter) -> Opinion:
        prefix = letter.prefix if self._terms.reads_prefix else b""
        question = Question(
            queue_id=letter.trace,
            peer=letter.peer,
            helo=letter.helo,
            sender=letter.mail_from,
            recipients=[str(one.address) for one in letter.recipients],
            user=letter.auth,
            hostname=self._hostname,
            size=len(prefix) + letter.blob.size,
        )

        async def show(talk: Line) -> Response:
            await talk.say(format_question(question, self._terms.place.host or "localhost"))
            async for octets in pieces(letter, prefix=prefix):
                await talk.say(Content(octets))
            return _response(await talk.hear())

        response = await with_talk(self._talks, show)
        return Opinion((self._weigh(parse_verdict(response.status, response.body)),))

    def _weigh(self, verdict: Verdict) -> Clue:
        """Rspamd's own thresholds decide; its score does not count a second time."""
        action = DEMANDS[verdict.action]
        name = f"{self._terms.name}.{verdict.action.replace(' ', '-')}"
        skipped = " without a look" if verdict.skipped else ""
        text = f"{verdict.action}{skipped}, {verdict.score:.1f} of {verdict.required:.1f}"
        symbols = ", ".join(top_symbols(verdict))
        return Clue(
            self._terms.name,
            name,
            (f"{text}: {symbols}" if symbols else text)[:MOST_TEXT],
            action=action,
            reply={Action.REFUSE: REFUSED, Action.DEFER: LATER}.get(action),
        )

    async def probe(self) -> str:
        async def ping(talk: Line) -> Response:
            await talk.say(Request("GET", "/ping", self._terms.place.host or "localhost"))
            return _response(await talk.hear())

        response = await with_talk(self._talks, ping)
        if response.status != 200:
            raise RemoteError(f"HTTP status {response.status}")
        return (response.head.first("server") or "rspamd")[:100]

    def close(self) -> None:
        self._talks.close()


def _response(event: Response) -> Response:
    return event
