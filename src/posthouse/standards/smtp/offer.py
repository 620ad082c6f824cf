"""What a server offers in its answer to EHLO, and the bounds it works within (RFC 5321 section 4.1.1.1)."""

from dataclasses import dataclass, field
from typing import Final

from posthouse.mail.reply import Reply
from posthouse.standards.smtp.events import Hello

MOST: Final = 999_999
"""The largest limit that can be announced: a value has six digits (RFC 9422 section 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One door's offer, shared by all its connections. What is announced here is what the core enforces."""

    hostname: str
    max_octets: int
    """L1; announced as SIZE (RFC 1870 section 4)."""
    starttls: bool = False
    mechanisms: tuple[str, ...] = ()
    """SASL mechanisms, upper case; announced and accepted under TLS only (RFC 4954 section 4)."""
    recipients_max: int = 200
    """L12; announced as RCPTMAX. The office refuses the one too many, not the core."""
    messages_max: int = 50
    """L13; announced as MAILMAX."""
    command_octets: int = 2048
    """L2, with CRLF."""
    auth_octets: int = 12288
    """L2; RFC 4954 section 4 finds this length sufficient."""
    drain_octets: int = 65536
    """L2: read of an endless line before we hang up."""
    line_octets: int = 65536
    """L3: longest line of content."""
    chunks_max: int = 10000
    """S08: so many BDAT are nobody's need, unless they carry ``chunk_octets`` each on average."""
    chunk_octets: int = 512
    lmtp: bool = False
    greeting: Reply = field(init=False, repr=False, compare=False, default=Reply(220, None, ()))
    _hellos: tuple[Reply, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        answers = [self._ehlo(secured, known) for secured in (False, True) for known in (False, True)]
        helo = Reply(250, None, (self.hostname,))
        object.__setattr__(self, "_hellos", (*answers, helo))
        greeting = f"{self.hostname} {'LMTP' if self.lmtp else 'ESMTP'} Posthouse"
        object.__setattr__(self, "greeting", Reply(220, None, (greeting,)))

    def _ehlo(self, secured: bool, authenticated: bool) -> Reply:
        lines = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self.max_octets}",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "BINARYMIME",
            "ENHANCEDSTATUSCODES",
            "DSN",
            f"LIMITS RCPTMAX={min(self.recipients_max, MOST)} MAILMAX={min(self.messages_max, MOST)}",
        ]
        if self.starttls and not secured:  # RFC 3207 section 4.2: not offered under TLS
            lines.append("STARTTLS")
        if self.mechanisms and secured and not authenticated:
            lines.append("AUTH " + " ".join(self.mechanisms))
        lines.append("HELP")
        return Reply(250, None, tuple(lines))

    def hello(self, verb: str, *, secured: bool, authenticated: bool) -> Reply:
        """The answer to ``verb``; HELO gets one line (RFC 5321 section 4.1.1.1)."""
        return self._hellos[4 if verb == "HELO" else 2 * secured + authenticated]


def hello_reply(offer: Offer, hello: Hello, *, secured: bool, authenticated: bool) -> Reply:
    """The positive answer to ``hello``, with the extensions that hold at this point of the session."""
    return offer.hello(hello.verb, secured=secured, authenticated=authenticated)
