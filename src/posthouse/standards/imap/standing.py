"""Where a session stands: its state, whether it is secured, what is enabled; and what may be said there."""

import re
from dataclasses import dataclass, field, replace

from posthouse.standards.imap import events as e
from posthouse.standards.imap.commands import COMMANDS, AppendHead, Command, Context, State, parse_append_head
from posthouse.standards.imap.offer import Offer, format_capabilities
from posthouse.standards.imap.scanner import ParseError, Scanner

_HEAD = re.compile(rb'([^\x00-\x20(){%*"\\+\x7f-\xff]{1,100}) ((?i:UID )?[A-Za-z]{1,20})(?= |\Z)')
_TAG = re.compile(rb'[^\x00-\x20(){%*"\\+\x7f-\xff]{1,100}(?= |\Z)')
_SAVING = re.compile(rb" RETURN \([^)]*\bSAVE\b", re.IGNORECASE)
_FOREIGN = re.compile(
    rb"(?i:(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) \S+ HTTP/|SSH-|(?:EHLO|HELO|LHLO|MAIL|RCPT) )"
)


@dataclass(frozen=True, slots=True)
class Head:
    """A command that may come, from its first line; ``at`` is where its parameters begin."""

    tag: str
    verb: str
    command: Command
    at: int


@dataclass(slots=True)
class Standing:
    """Changed only by our own answers; what the client says is judged by it."""

    offer: Offer
    state: State = State.NOT_AUTHENTICATED
    secured: bool = False
    enabled: frozenset[str] = frozenset()
    utf8: bool = False
    """Names and quoted strings may be UTF-8."""
    _context: Context | None = field(default=None)

    @property
    def early(self) -> bool:
        """Nobody has logged in yet: the limits are narrow."""
        return self.state is State.NOT_AUTHENTICATED

    @property
    def authenticated(self) -> bool:
        return self.state in {State.AUTHENTICATED, State.SELECTED}

    @property
    def capabilities(self) -> bytes:
        """What holds now, as CAPABILITY lists it."""
        return format_capabilities(self.offer, secured=self.secured, authenticated=self.authenticated)

    def enable(self, capabilities: tuple[str, ...]) -> None:
        self.enabled |= frozenset(capabilities)
        if "QRESYNC" in self.enabled:
            self.enabled |= {"CONDSTORE"}  # RFC 7162 section 3.2.3
        self.utf8 = not self.enabled.isdisjoint({"UTF8=ACCEPT", "IMAP4REV2"})
        self._context = None

    def admit(self, line: bytes) -> Head | e.Malformed:
        """May the command that begins so come now? (RFC 9051 section 3.)"""
        if self.early and _FOREIGN.match(line):
            return e.Malformed("", "This is an IMAP server", fatal=True)
        found = _HEAD.match(line)
        if found is None:
            only = _TAG.match(line)
            return e.Malformed(only[0].decode("ascii") if only else "", "Tag and command expected")
        tag, verb = found[1].decode("ascii"), found[2].decode("ascii").upper()
        command = COMMANDS.get(verb)
        if command is None:
            return e.Malformed(tag, "Unknown command")
        if not command.states & self.state:
            return e.Malformed(tag, "Command is not allowed in this state")
        if verb == "STARTTLS" and (self.secured or not self.offer.starttls):
            return e.Malformed(tag, "STARTTLS is not available")
        if verb in {"LOGIN", "AUTHENTICATE"} and not (self.secured or self.offer.login_in_clear):
            return e.Malformed(tag, "Login needs TLS first", condition="NO", code="PRIVACYREQUIRED")
        return Head(tag, verb, command, found.end())

    def parse(self, head: Head, text: bytes, literals: list[bytes]) -> e.Event:
        """The event that a whole command is."""
        try:
            event = head.command.parse(self._scanner(head, text, literals), head.tag, self._known())
        except ParseError as error:
            refused = _malformed(head, error)
            if error.condition == "NO" and head.verb in {"SELECT", "EXAMINE"}:
                self.state = State.AUTHENTICATED
                return replace(refused, deselects=True)
            if error.condition == "NO" and head.verb in {"SEARCH", "UID SEARCH"}:
                return replace(refused, forgets=_SAVING.match(text, head.at) is not None)
            return refused
        if isinstance(event, e.Authenticate) and event.mechanism not in self.offer.mechanisms:
            return e.Malformed(head.tag, "Unknown mechanism", condition="NO")
        return event

    def parse_append(self, head: Head, text: bytes, literals: list[bytes], size: int) -> AppendHead | e.Malformed:
        """APPEND as far as it goes before its message of ``size`` octets."""
        try:
            target = parse_append_head(self._scanner(head, text, literals))
        except ParseError as error:
            return _malformed(head, error)
        if size > self.offer.append_octets:
            return e.Malformed(head.tag, "Message is too big", condition="NO", code="TOOBIG")
        return target

    def _scanner(self, head: Head, text: bytes, literals: list[bytes]) -> Scanner:
        depth = self.offer.early_depth if self.early else self.offer.depth
        return Scanner(text, literals, at=head.at, depth=depth, utf8=self.utf8)

    def _known(self) -> Context:
        if self._context is None:
            self._context = Context(
                rev2="IMAP4REV2" in self.enabled,
                qresync="QRESYNC" in self.enabled,
                enableable=self.offer.enableable,
                utf8_accept="UTF8=ACCEPT" in self.enabled,
            )
        return self._context


def _malformed(head: Head, error: ParseError) -> e.Malformed:
    return e.Malformed(head.tag, error.text, condition=error.condition, code=error.code)
