"""A transfer: one mail transaction on one link (RFC 5321 section 3.3), and what it meant for each recipient.

With PIPELINING the envelope and DATA go in one write, with CHUNKING the content
too. What is not answered is deferred: a copy too many may come of it, a loss never.
"""

from collections.abc import Callable, Sequence
from typing import Final

from posthouse.lib.sansio import RemoteError
from posthouse.mail.outcome import Deferred, Failed, Outcome
from posthouse.mail.reply import Reply, reply
from posthouse.mta.classify import classify
from posthouse.mta.link import Link
from posthouse.mta.load import Load
from posthouse.mta.passage import BARE_LINE_END, NEEDS_UTF8, Passage, may_name
from posthouse.standards.smtp.client import Answer
from posthouse.standards.smtp.commands import DATA, RSET, ChunkRest, Command, LastChunk, Mailing, Verb, rcpt_to
from posthouse.standards.smtp.stuffing import BareLineEnd, Stuffing
from posthouse.storage.ports import Blobs
from posthouse.storage.queue import Item

LOST = reply(451, "4.4.2", "the connection to the server was lost")
LOST_AT_END = reply(451, "4.4.2", "the connection was lost while the server should confirm the message")
TOO_SLOW = reply(451, "4.4.2", "the server did not answer in time")
LAST_WORDS_SECONDS: Final = 5

MaySend = Callable[[Load], bool]
"""Whether the items of a load are still ours: asked before MAIL, and just before the content's end goes out."""


class Transfer:
    """One load on one link. ``outcomes`` grows by item; items without one at the end are not ours any more."""

    __slots__ = (
        "_accepted",
        "_blobs",
        "_link",
        "_load",
        "_may_send",
        "_passage",
        "_sender_refused",
        "answered",
        "ended",
        "outcomes",
    )

    def __init__(self, link: Link, load: Load, passage: Passage, blobs: Blobs, may_send: MaySend) -> None:
        self._link = link
        self._load = load
        self._passage = passage
        self._blobs = blobs
        self._may_send = may_send
        self._accepted: list[Item] = []
        self._sender_refused = False
        self.outcomes: dict[int, Outcome] = {}
        self.answered = False
        """The server has said anything at all in this transaction."""
        self.ended = False
        """The end of the content went out: what is unanswered is ambiguous."""

    async def run(self) -> dict[int, Outcome]:
        """Carry the load as far as the server lets it. Never raises for what a server does."""
        link = self._link
        link.begin(self._passage.size)
        link.messages += 1
        try:
            await self._transact()
        except BareLineEnd:
            link.drop()
            self._rest(Failed(BARE_LINE_END, link.host))
        except TimeoutError:
            link.drop()
            self._rest(Deferred(TOO_SLOW, link.host))
        except (RemoteError, OSError) as error:
            link.drop()
            lost = LOST_AT_END if self.ended else LOST
            if isinstance(error, RemoteError):
                lost = reply(lost.code, lost.status, f"{lost.text[0]} ({error})")
            self._rest(Deferred(lost, link.host))
        return self.outcomes

    def drop(self) -> None:
        """Cut the connection: nobody knows what stands on it."""
        self._link.drop()

    async def _transact(self) -> None:
        link, passage = self._link, self._passage
        if not self._may_send(self._load):
            return
        named = self._nameable()
        if not named:
            return
        opening = [passage.mail, *(rcpt_to(item.recipient, dsn=link.offered.dsn) for item in named)]
        if link.dirty:
            opening.insert(0, RSET)
        link.dirty = True
        if not link.offered.pipelining:
            self._note(await link.say(*opening[: -len(named)]), named)
            if self.outcomes.keys() >= {item.item for item in named}:
                return
            self._note(await link.say(*opening[-len(named) :]), named)
            await self._separately(named)
        elif passage.chunked:
            await self._chunk(opening, named)
        else:
            self._note(await link.say(*opening, DATA), named)
            await self._content()

    def _nameable(self) -> list[Item]:
        """The recipients that this server can be told; the others fail by themselves."""
        offered = self._link.offered
        named = [item for item in self._load.items if may_name(item.recipient.address, offered)]
        for item in self._load.items:
            if not may_name(item.recipient.address, offered):
                self.outcomes[item.item] = Failed(NEEDS_UTF8, self._link.host)
        return named

    async def _separately(self, named: Sequence[Item]) -> None:
        """Without PIPELINING: the content only when somebody is there to have it."""
        if self._link.closed or not self._accepted:
            self._unanswered()
        elif self._passage.chunked:
            await self._chunk([], named)
        else:
            self._note(await self._link.say(DATA), ())
            await self._content()

    async def _chunk(self, opening: Sequence[Command], named: Sequence[Item]) -> None:
        """RFC 3030: small content goes with the envelope, large content after it."""
        link, passage = self._link, self._passage
        if passage.octets is not None:
            if not self._ours():
                return
            self.ended = True
            self._note(await link.say(*opening, LastChunk(passage.size, (passage.octets,))), named)
            self._unanswered()
            return
        if opening:
            self._note(await link.say(*opening), named)
        if link.closed or not self._accepted:
            self._unanswered()
            return
        started = False
        left = passage.size
        async for piece in passage.pieces(self._blobs):
            left -= len(piece)
            if not left and not self._ours():
                return
            self.ended = not left
            await self._pour(ChunkRest((piece,)) if started else LastChunk(passage.size, (piece,)))
            started = True
        self._note(await link.answers(), ())
        self._unanswered()

    async def _content(self) -> None:
        """After DATA: the content, if the server waits for it."""
        link = self._link
        if link.closed or not link.wants_content:
            self._unanswered()
            return
        if self._sender_refused:  # it refused MAIL and goes on all the same: whatever we sent, it might deliver
            link.drop()
            return
        if not self._accepted:  # RFC 2920 section 3.1: it wants content for nobody; give it none
            await link.say(Mailing((b".\r\n",), last=True))
            link.dirty = False
            return
        stuffing = Stuffing()
        if self._passage.octets is not None:
            stuffed = stuffing.add(self._passage.octets) + stuffing.end()
        else:
            async for piece in self._passage.pieces(self._blobs):
                await self._pour(Mailing((stuffing.add(piece),), last=False))
            stuffed = stuffing.end()
        if not self._ours():
            return
        self.ended = True
        await self._pour(Mailing((stuffed,), last=True))
        self._note(await link.answers(), ())
        self._unanswered()

    def _ours(self) -> bool:
        """Whether we may still end the content; if not, the connection is cut and another sends the message."""
        if self._may_send(self._load):
            return True
        self._link.drop()
        return False

    async def _pour(self, action: Mailing | LastChunk | ChunkRest) -> None:
        """Send content; when the server hangs up meanwhile, read its last words first."""
        try:
            await self._link.pour(action)
        except TimeoutError:
            raise
        except OSError:
            self._note(await self._link.last_words(LAST_WORDS_SECONDS), ())
            raise

    def _note(self, answers: Sequence[Answer], named: Sequence[Item]) -> None:
        """Take down what ``answers`` mean; ``named`` are the recipients in the order of the RCPT commands."""
        waiting = iter(named)
        finals: list[Reply] = []
        for answer in answers:
            self.answered = True
            if answer.to is Verb.RCPT:
                self._recipient(next(waiting), answer.reply)
            elif answer.to is Verb.MAIL and not answer.reply.accepted:
                self._sender_refused = True
                self._rest(classify(answer.reply, self._link.host, to=Verb.MAIL))
                self._link.dirty = False
            elif answer.to is Verb.DATA and answer.reply.code != 354:
                self._take(answer.reply, Verb.DATA)
            elif answer.to in {Verb.END, Verb.BDAT}:
                finals.append(answer.reply)
        if finals:
            self._finish(finals)

    def _recipient(self, item: Item, answer: Reply) -> None:
        if item.item in self.outcomes:
            return
        if answer.accepted:
            self._accepted.append(item)
        else:
            self.outcomes[item.item] = classify(answer, self._link.host, to=Verb.RCPT)

    def _finish(self, finals: Sequence[Reply]) -> None:
        """One reply for all, or one each (RFC 2033 section 4.2)."""
        self._link.dirty = not self._accepted  # BDAT refused for want of recipients leaves MAIL standing
        host, dsn = self._link.host, self._link.offered.dsn
        for index, item in enumerate(self._accepted):
            if not self._link.lmtp or index < len(finals):
                answer = finals[index if self._link.lmtp else 0]
                self.outcomes.setdefault(item.item, classify(answer, host, to=Verb.END, speaks_dsn=dsn))

    def _take(self, answer: Reply, verb: Verb) -> None:
        """``answer`` to ``verb`` decides for everybody accepted so far."""
        for item in self._accepted:
            self.outcomes.setdefault(item.item, classify(answer, self._link.host, to=verb))

    def _unanswered(self) -> None:
        """Whoever has no outcome when the server has said its last: 421, or nothing."""
        if self._link.closed or len(self.outcomes) < len(self._load.items):
            farewell = self._link.farewell or LOST
            self._rest(classify(farewell, self._link.host) if farewell.transient else Deferred(LOST, self._link.host))

    def _rest(self, outcome: Outcome) -> None:
        for item in self._load.items:
            self.outcomes.setdefault(item.item, outcome)
