"""Messages shown to a milter (protocol version 6), and what it wants changed of them.

Connection, HELO, MAIL and RCPT are told when a recipient comes that we would
take (``begin``, ``hear_recipient``), the rest at the end of the message, in the
same session. If that session is not there, or breaks, all stages are told anew
at the end; a refusal of one recipient is then the answer to the whole message.
"Discard" means quarantine, and so does dropping all recipients: nothing that we have
said yes to is thrown away.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.amendment import (
    AddField,
    AddRecipient,
    Amendment,
    ChangeField,
    DropRecipient,
    NewBody,
    NewSender,
)
from posthouse.filter.clue import Clue
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.scanners.again import with_talk
from posthouse.filter.scanners.content import header_of, pieces
from posthouse.filter.scanners.found import MOST_TEXT
from posthouse.filter.scanners.talk import Talk, Talks
from posthouse.filter.scanners.terms import Terms
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import RemoteError
from posthouse.mail.envelope import Recipient
from posthouse.mail.reply import Reply
from posthouse.net.places import PlaceDialer
from posthouse.standards.imf.header import parse_header
from posthouse.standards.milter import events as said
from posthouse.standards.milter.client import MilterConnection, stage_of
from posthouse.standards.milter.events import Tell, TellBody, TellClient
from posthouse.standards.milter.words import BODY_OCTETS, Stage, Steps
from posthouse.standards.smtp.grammar import parse_mailbox

Line = Talk[MilterConnection]
Macros = tuple[tuple[bytes, bytes], ...]

NEGOTIATE = Tell(Stage.NEGOTIATE)
MOST_FIELDS = 1000
MOST_VALUE = 64 * 1024
MOST_CHANGED = 128 * 1024
"""Octets of all fields that one milter adds or changes: half of what a header may have (L4)."""


class Heard(msgspec.Struct):
    """What one milter said about one message."""

    verdict: said.Verdict | None = None
    """What ended it before its time, or its last word."""
    changes: list[said.Change] = []
    skipped: set[Stage] = msgspec.field(default_factory=set)
    """What it wants to hear no more of."""

    @property
    def is_over(self) -> bool:
        return isinstance(self.verdict, said.Accept | said.Refuse | said.Discard)


class Opening(msgspec.Struct, frozen=True):
    """What is known of a message before its content."""

    trace: str
    peer: str
    helo: str
    mail_from: str
    auth: str
    tls: str
    is_ours: bool
    """One of our own people sends it."""


class Visit:
    """One message's session with one milter, which has heard the envelope so far."""

    __slots__ = ("_left", "heard", "talk")

    def __init__(self, talk: Line, heard: Heard) -> None:
        self.talk = talk
        self.heard = heard
        self._left: Callable[[], None] | None = None

    def when_over(self, left: Callable[[], None]) -> "Visit":
        self._left = left
        return self

    def close(self) -> None:
        """Safe at any time."""
        self.talk.close()
        left, self._left = self._left, None
        if left is not None:
            left()


class Milter:
    """Implements ``filter.scanners.scanner.Speaker``."""

    __slots__ = ("_hostname", "_talks", "_terms")

    def __init__(self, terms: Terms, dialer: PlaceDialer, clock: Clock, hostname: str) -> None:
        self._terms = terms
        self._hostname = hostname.encode()
        self._talks = Talks(dialer, terms.place, MilterConnection, clock)

    async def begin(self, opening: Opening) -> Visit:
        """A session that has been told of connection, HELO and MAIL. Raises ``OSError``, ``RemoteError``."""
        talk, heard = await self._talks.dial(), Heard()
        try:
            await _begin(talk)
            for step in self._opening(opening):
                if not heard.is_over:
                    await _tell(talk, step, heard)
        except BaseException:
            talk.close()
            raise
        return Visit(talk, heard)

    async def hear_recipient(self, visit: Visit, trace: str, recipient: Recipient) -> Reply | None:
        """What it has against this recipient, or against all. Raises ``OSError``, ``RemoteError``."""
        heard = visit.heard
        if heard.is_over:
            return _reply(heard.verdict) if isinstance(heard.verdict, said.Refuse) else None
        await _tell(visit.talk, _recipient(trace, recipient), heard)
        verdict = heard.verdict
        if isinstance(verdict, said.Refuse):
            heard.verdict = said.Continue()  # of this recipient alone
            return _reply(verdict)
        return None

    async def ask(self, letter: Letter) -> Opinion:
        visit: Visit | None = letter.visits.pop(self._terms.name, None)
        if visit is not None:
            try:
                return await self._go_on(visit, letter)
            except (OSError, RemoteError) as error:
                if isinstance(error, TimeoutError):
                    raise
            finally:
                visit.close()
        return await self._tell_anew(letter)

    async def _go_on(self, visit: Visit, letter: Letter) -> Opinion:
        talk, heard = visit.talk, visit.heard
        if not heard.is_over:
            await self._show_rest(talk, letter, heard)
        leading = bool(talk.core.options.steps & Steps.LEADING_SPACE)
        await _end(talk)
        return self._opinion(heard, letter, leading=leading)

    async def _tell_anew(self, letter: Letter) -> Opinion:
        async def show(talk: Line) -> tuple[Heard, bool]:
            await _begin(talk)
            heard = await self._show(talk, letter)
            leading = bool(talk.core.options.steps & Steps.LEADING_SPACE)
            await _end(talk)
            return heard, leading

        heard, leading = await with_talk(self._talks, show)
        return self._opinion(heard, letter, leading=leading)

    async def probe(self) -> str:
        async def negotiate(talk: Line) -> str:
            await _begin(talk)
            await _end(talk)
            return f"milter protocol {talk.core.options.version}"

        return await with_talk(self._talks, negotiate)

    def close(self) -> None:
        self._talks.close()

    # -- the dialogue

    async def _show(self, talk: Line, letter: Letter) -> Heard:
        heard = Heard()
        for step in self._envelope(letter):
            if await _tell(talk, step, heard):
                return heard
        await self._show_rest(talk, letter, heard)
        return heard

    async def _show_rest(self, talk: Line, letter: Letter, heard: Heard) -> None:
        """DATA and what follows it."""
        if await _tell(talk, Tell(Stage.DATA, macros=((b"i", letter.trace.encode()),)), heard):
            return
        async for action in self._content(talk, letter):
            if await _tell(talk, action, heard):
                return
            if Stage.BODY in heard.skipped:
                break
        await talk.say(Tell(Stage.END_OF_BODY, macros=((b"i", letter.trace.encode()),)))
        await _hear_the_end(talk, heard)

    def _envelope(self, letter: Letter) -> Iterator[Tell | TellClient]:
        yield from self._opening(letter)
        for one in letter.recipients:
            yield _recipient(letter.trace, one)

    def _opening(self, letter: Letter | Opening) -> Iterator[Tell | TellClient]:
        """Connection, HELO and MAIL, each with the macros that Sendmail and Postfix tell there."""
        peer = letter.peer.encode()
        family = b"U" if not peer else b"6" if b":" in peer else b"4"
        name = b"[" + peer + b"]" if peer else b"localhost"
        ours: Macros = ((b"j", self._hostname), (b"{daemon_name}", b"posthouse"), (b"v", b"Posthouse"))
        client: Macros = ((b"_", name), (b"{client_addr}", peer), (b"{client_name}", name))
        address = b"IPv6:" + peer if family == b"6" else peer
        yield TellClient(name, family, 0, address, (*ours, *client))
        tls: Macros = ()
        if letter.tls:
            version, _, cipher = letter.tls.partition(" ")
            tls = ((b"{tls_version}", version.encode()), (b"{cipher}", cipher.encode()))
        yield Tell(Stage.HELO, (letter.helo.encode("utf-8", "replace"),), tls)
        trace = (b"i", letter.trace.encode())
        auth: Macros = ()
        if letter.auth:
            auth = ((b"{auth_type}", b"PLAIN"), (b"{auth_authen}", letter.auth.encode("utf-8", "replace")))
        sender = letter.mail_from.encode("utf-8", "replace")
        yield Tell(Stage.MAIL, (b"<" + sender + b">",), (trace, *auth, (b"{mail_addr}", sender)))

    async def _content(self, talk: Line, letter: Letter) -> AsyncIterator[Tell | TellBody]:
        keeps_space = bool(talk.core.options.steps & Steps.LEADING_SPACE)
        header = await header_of(letter)
        if talk.core.wants(Stage.FIELD):
            for octets in (letter.prefix, header.octets):
                for name, value in fields_of(octets, keeps_space=keeps_space):
                    yield Tell(Stage.FIELD, (name, value))
        yield Tell(Stage.END_OF_HEADER, macros=((b"i", letter.trace.encode()),))
        if talk.core.wants(Stage.BODY):
            async for octets in pieces(letter, start=header.body_start):
                for at in range(0, len(octets), BODY_OCTETS):
                    yield TellBody(octets[at : at + BODY_OCTETS])

    # -- what it means

    def _opinion(self, heard: Heard, letter: Letter, *, leading: bool) -> Opinion:
        name, verdict = self._terms.name, heard.verdict
        if isinstance(verdict, said.Refuse):
            action = Action.DEFER if verdict.code < 500 else Action.REFUSE
            text = " ".join(verdict.text) or ("not now" if action is Action.DEFER else "refused")
            return Opinion((Clue(name, f"{name}.{action.value}", text[:MOST_TEXT], 0.0, action, _reply(verdict)),))
        if isinstance(verdict, said.Discard):
            return Opinion((Clue(name, f"{name}.discard", "to be discarded", action=Action.QUARANTINE),))
        clues = tuple(
            Clue(name, f"{name}.quarantine", one.reason[:MOST_TEXT], action=Action.QUARANTINE)
            for one in heard.changes
            if isinstance(one, said.Quarantined)
        )
        amendments = tuple(_amendments(heard.changes, leading=leading))
        if _leaves_nobody(letter, amendments):
            nobody = Clue(name, f"{name}.discard", "nobody is to have it", action=Action.QUARANTINE)
            return Opinion((*clues, nobody), tuple([one for one in amendments if not isinstance(one, DropRecipient)]))
        return Opinion(clues, amendments)


# -- steps of the dialogue


def _recipient(trace: str, recipient: Recipient) -> Tell:
    path = str(recipient.address).encode("utf-8", "replace")
    return Tell(Stage.RCPT, (b"<" + path + b">",), ((b"i", trace.encode()), (b"{rcpt_addr}", path)))


async def _begin(talk: Line) -> None:
    await talk.say(NEGOTIATE)
    await talk.hear()


async def _end(talk: Line) -> None:
    """One session for each message, as with Postfix: libmilter 8.17 hangs when told of the next client (``K``)."""
    if not talk.core.closed:
        await talk.say(Tell(Stage.QUIT))


async def _tell(talk: Line, action: Tell | TellClient | TellBody, heard: Heard) -> bool:
    """Tell one step and hear its verdict: whether that ends it all."""
    stage = stage_of(action)
    if stage in heard.skipped:
        return False
    await talk.say(action)
    if talk.core.answers(stage):
        heard.verdict = await _verdict(talk)
        if isinstance(heard.verdict, said.Skip):
            heard.skipped.add(stage)
    return heard.is_over


async def _verdict(talk: Line) -> said.Verdict:
    while isinstance(event := await talk.hear(), said.Progress):
        continue
    if not isinstance(event, said.Verdict):
        raise RemoteError("the filter changes the message before its end")
    return event


async def _hear_the_end(talk: Line, heard: Heard) -> None:
    """The changes, and the last word."""
    room = MOST_CHANGED
    while True:
        event = await talk.hear()
        if isinstance(event, said.Progress):
            continue
        if isinstance(event, said.Change):
            heard.changes.append(event)
            if isinstance(event, said.FieldAdded | said.FieldChanged):
                room -= len(event.name) + len(event.value)
            if room < 0:
                raise RemoteError("the filter makes the header too large")
            continue
        heard.verdict = event
        return


def fields_of(octets: bytes, *, keeps_space: bool) -> Iterator[tuple[bytes, bytes]]:
    """Names as they stand and values as milters know them: folded with LF, a leading space only for who asked."""
    for field in parse_header(octets).fields[:MOST_FIELDS]:
        if not field.name:
            continue
        name = octets[field.start : octets.index(b":", field.start)].rstrip(b" \t")
        value = field.value.removesuffix(b"\r").replace(b"\r\n", b"\n")[:MOST_VALUE]
        yield name, value if keeps_space else value.removeprefix(b" ")


def _reply(verdict: said.Refuse) -> Reply:
    default = "the message is not taken" if verdict.code >= 500 else "try again later"
    lines = tuple(line for line in verdict.text if line.strip())[:10] or (default,)
    return Reply(verdict.code, verdict.status or f"{verdict.code // 100}.7.1", lines)


def _amendments(changes: list[said.Change], *, leading: bool) -> Iterator[Amendment]:
    body: list[bytes] = []
    is_new = False
    for one in changes:
        if isinstance(one, said.BodyReplaced):
            is_new = True
            body.append(one.octets)
        elif isinstance(one, said.FieldAdded):
            yield AddField(one.name, _value(one.value, leading=leading), one.index)
        elif isinstance(one, said.FieldChanged):
            yield ChangeField(one.name, max(one.occurrence, 1), _value(one.value, leading=leading))
        elif isinstance(one, said.SenderChanged):
            yield NewSender(_path(one.path, may_be_null=True))
        elif isinstance(one, said.RecipientAdded):
            yield AddRecipient(_path(one.path))
        elif isinstance(one, said.RecipientDropped):
            yield DropRecipient(_path(one.path))
    if is_new:
        yield NewBody(b"".join(body))


def _leaves_nobody(letter: Letter, amendments: Sequence[Amendment]) -> bool:
    """Whether all are dropped for whom it was: another way to throw it away."""
    left = {one.address.key for one in letter.recipients}
    for one in amendments if left else ():
        if isinstance(one, AddRecipient):
            left.add(parse_mailbox(one.path).key)
        elif isinstance(one, DropRecipient):
            left.discard(parse_mailbox(one.path).key)
    return bool(letter.recipients) and not left


def _value(value: bytes, *, leading: bool) -> bytes:
    """As it shall stand after the colon; lines that are no continuation become one (RFC 5322 section 2.2.3)."""
    lines = value.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"").split(b"\n")
    folded = [lines[0], *[line if line[:1] in {b" ", b"\t"} else b"\t" + line for line in lines[1:] if line.strip()]]
    octets = b"\r\n".join(folded)
    return octets if leading or not octets else b" " + octets


def _path(octets: bytes, *, may_be_null: bool = False) -> str:
    """An address as RFC 5321 section 4.1.2 has it, without its brackets. Raises ``RemoteError``."""
    text = octets.decode("utf-8", "replace").strip().removeprefix("<").removesuffix(">")
    try:
        return str(parse_mailbox(text)) if text or not may_be_null else ""
    except ValueError:
        raise RemoteError("the filter names an address that is none") from None
