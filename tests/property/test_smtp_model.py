"""Threat S07: random sequences of commands against a reference model that shares no code with the server.

The model below is what RFC 5321, 3030, 3207 and 4954 say about order, written
plainly. Whatever a client says in whatever order, and wherever the door
refuses, the classes of all replies and the set of delivered messages agree.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.mail.reply import Reply, reply
from posthouse.standards.smtp.events import EndChunk, EndContent, Event, Hello, MailFrom, RcptTo, Reset, StartContent
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection
from posthouse.testing.wire import Agreeable, Wire

# ---- the model


@dataclass
class Model:
    """``lmtp`` or not; ``refuse`` is the verb that the office refuses at this turn, or ""."""

    lmtp: bool
    greeted: bool = False
    tls: bool = False
    known: bool = False
    sender: str | None = None
    binary: bool = False
    recipients: list[str] = field(default_factory=list)
    tried: bool = False
    chunks: list[bytes] | None = None
    clean: bool = True
    refused: bool = False
    open: bool = True
    delivered: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)

    def forget(self) -> None:
        self.sender, self.binary, self.recipients, self.tried, self.chunks = None, False, [], False, None
        self.clean, self.refused = True, False

    def hello(self, verb: str, refuse: str) -> list[int]:
        if (verb == "LHLO") != self.lmtp:
            return [500]
        if refuse == "hello":
            return [550]
        self.greeted = True
        self.forget()
        return [250]

    def mail(self, sender: str, binary: bool, refuse: str) -> list[int]:
        if not self.greeted or self.sender is not None:
            return [503]
        if refuse == "mail":
            return [550]
        self.sender, self.binary = sender, binary
        return [250]

    def rcpt(self, recipient: str, refuse: str) -> list[int]:
        if self.sender is None or self.chunks is not None:
            return [503]
        self.tried = True
        if refuse == "rcpt":
            return [550]
        self.recipients.append(recipient)
        return [250]

    def data(self, content: bytes, clean: bool, refuse: str) -> list[int]:
        if self.sender is None or self.chunks is not None:
            return [503]
        if not self.recipients:
            return [554 if self.tried and not self.lmtp else 503]
        if self.binary:
            return [503]
        if refuse == "data":
            self.forget()
            return [451]
        return [354, *self.end(content, clean, refuse)]

    def bdat(self, octets: bytes, last: bool, clean: bool, refuse: str) -> list[int]:
        if not self.recipients:
            silent = self.lmtp and last and self.sender is not None
            code = 554 if self.tried and not self.lmtp else 503
            self.forget()
            return [] if silent else [code]
        if self.chunks is None:
            self.chunks = []
            self.refused = refuse == "data"
        self.chunks.append(octets)
        self.clean = self.clean and (clean or self.binary)
        code = 451 if self.refused else 250 if self.clean else 550
        if code != 250 and (last or not self.lmtp):
            codes = [code] * (len(self.recipients) if self.lmtp else 1)
            self.open = self.clean  # what could be a smuggled message ends the session, too
            self.forget()
            return codes
        if last:
            return self.end(b"".join(self.chunks), True, refuse)
        if refuse == "chunk":
            self.forget()
            return [452]
        return [250]

    def end(self, content: bytes, clean: bool, refuse: str) -> list[int]:
        count = len(self.recipients) if self.lmtp else 1
        code = 250
        if not clean:
            code, self.open = 550, False
        elif refuse == "end":
            code = 554
        else:
            self.delivered.append((self.sender or "", tuple(self.recipients), content))
        self.forget()
        return [code] * count

    def reset(self, refuse: str) -> list[int]:
        if refuse == "reset":
            return [451]
        self.forget()
        return [250]

    def starttls(self) -> list[int]:
        if self.chunks is not None or self.tls:
            return [503]
        self.tls, self.greeted, self.known = True, False, False
        self.forget()
        return [220]

    def auth(self) -> list[int]:
        if not self.greeted or self.sender is not None or self.known:
            return [503]
        if not self.tls:
            return [538]
        self.known = True
        return [235]


# ---- the same words, said to the server

CLEAN = [b"", b"Subject: x\r\n\r\nhello\r\n", b"..\r\n.\r\nRSET\r\nQUIT\r\n"]
DIRTY = [b"a\nb\r\n", b"\r\rx\r\n", b"a\0b\r\n"]
contents = st.one_of(st.sampled_from(CLEAN), st.sampled_from(CLEAN), st.sampled_from(CLEAN), st.sampled_from(DIRTY))
senders = st.sampled_from([("MAIL", "a@a.example", False), ("MAIL", "b@a.example", True)])
recipients = st.sampled_from([("RCPT", "x@office.test"), ("RCPT", "y@office.test")])
data = st.tuples(st.just("DATA"), contents)
chunks = st.tuples(st.just("BDAT"), contents, st.booleans())
others = st.sampled_from(
    [
        (verb,)
        for verb in [
            "EHLO",
            "LHLO",
            "HELO",
            "RSET",
            "STARTTLS",
            "AUTH",
            "NOOP",
            "VRFY",
            "EXPN",
            "JUNK",
            "MAIL?",
            "RCPT?",
        ]
    ]
)
stretches = st.one_of(  # single words in any order, and stretches that lead somewhere
    st.tuples(st.one_of(senders, recipients, data, chunks, others)),
    st.tuples(senders, recipients),
    st.tuples(senders, recipients, data),
    st.tuples(senders, recipients, others, st.one_of(recipients, senders), data),
    st.tuples(senders, recipients, chunks, chunks),
    st.tuples(senders, recipients, recipients, chunks, st.one_of(chunks, others), chunks),
)
faults = st.sampled_from([""] * 12 + ["hello", "mail", "rcpt", "data", "chunk", "end", "reset"])
REFUSALS: dict[str, tuple[type[Event], Reply]] = {
    "hello": (Hello, reply(550, "5.7.1", "no")),
    "mail": (MailFrom, reply(550, "5.7.1", "no")),
    "rcpt": (RcptTo, reply(550, "5.1.1", "no")),
    "data": (StartContent, reply(451, "4.3.0", "no")),
    "chunk": (EndChunk, reply(452, "4.3.1", "no")),
    "reset": (Reset, reply(451, "4.3.0", "no")),
}


class Office(Agreeable):
    """Refuses what it is told to, and files what it accepts with its envelope."""

    def __init__(self, core: ServerConnection) -> None:
        super().__init__(core)
        self.filed: list[tuple[str, tuple[str, ...], bytes]] = []
        self.envelope: tuple[str, list[str]] = ("", [])
        self.refuse_end = False

    def handle(self, event: Event):
        if isinstance(event, EndContent):
            refused = event.fault or (reply(554, "5.7.1", "no") if self.refuse_end else None)
            content, self._content = self._content, b""
            if refused is None:
                self.filed.append((self.envelope[0], tuple(self.envelope[1]), content))
            for _ in range(self.core.transaction.accepted if self.core.offer.lmtp else 1):
                yield refused or reply(250, "2.0.0", "ours")
            return
        for answer in super().handle(event):
            if isinstance(event, MailFrom) and answer.accepted:
                self.envelope = (str(event.reverse_path), [])
            if isinstance(event, RcptTo) and answer.accepted:
                self.envelope[1].append(str(event.recipient.address))
            yield answer


def say(wire: Wire, model: Model, command: tuple, refuse: str) -> list[int]:
    """Say ``command`` on the wire; give the codes that the model expects."""
    match command:
        case (("EHLO" | "HELO" | "LHLO") as verb,):
            wire.client(f"{verb} a.example")
            return model.hello(verb, refuse)
        case "MAIL", sender, binary:
            wire.client(f"MAIL FROM:<{sender}>{' BODY=BINARYMIME' if binary else ''}")
            return model.mail(sender, binary, refuse)
        case "RCPT", recipient:
            wire.client(f"RCPT TO:<{recipient}>")
            return model.rcpt(recipient, refuse)
        case "DATA", content:
            expected = model.data(content, content in CLEAN, refuse)
            wire.client("DATA")
            if expected[0] == 354:
                stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
                wire.client(stuffed + b".\r\n")
            return expected
        case "BDAT", octets, last:
            wire.client(b"BDAT %d%s\r\n%s" % (len(octets), b" LAST" if last else b"", octets))
            return model.bdat(octets, last, octets in CLEAN, refuse)
        case ("RSET",):
            wire.client("RSET")
            return model.reset(refuse)
        case ("STARTTLS",):
            wire.client("STARTTLS")
            if wire.core.wants_tls:
                wire.secured()
            return model.starttls()
        case ("AUTH",):
            wire.client("AUTH PLAIN AGEAYg==")
            return model.auth()
        case (("NOOP" | "VRFY") as verb,):
            wire.client(f"{verb} x")
            return [250]
        case ("EXPN",):
            wire.client("EXPN x")
            return [502]
        case ("MAIL?",):
            wire.client("MAIL FROM:<@>")
            return [501] if model.greeted and model.sender is None else [503]
        case ("RCPT?",):
            wire.client("RCPT TO:<@>")
            if model.sender is None or model.chunks is not None:
                return [503]
            model.tried = True
            return [501]
    wire.client("JUNK")
    return [500]


def codes(written: bytes) -> list[int]:
    return [int(line[:3]) for line in written.split(b"\r\n") if line[3:4] == b" "]


@settings(max_examples=600)
@given(
    st.booleans(),
    st.lists(stretches, max_size=8),
    st.lists(faults, min_size=25, max_size=25),
    st.sampled_from([None, 1, 7]),
)
def test_the_server_agrees_with_the_model(lmtp, said, refused, piece):
    commands = [command for stretch in said for command in stretch][:25]
    offer = Offer(hostname="h.test", max_octets=10_000, starttls=True, mechanisms=("PLAIN",), lmtp=lmtp)
    core = ServerConnection(offer)
    office = Office(core)
    wire = Wire(core, office, piece=piece)
    model = Model(lmtp)
    wire.written = b""
    for command, refuse in ((("LHLO",) if lmtp else ("EHLO",), ""), *zip(commands, refused, strict=False)):
        office.instead = dict([REFUSALS[refuse]]) if refuse in REFUSALS else {}
        office.refuse_end = refuse == "end"
        expected = say(wire, model, command, refuse)
        assert codes(wire.written) == expected, (command, refuse)
        wire.written = b""
        assert core.closed is not model.open
        if not model.open:
            break
    assert office.filed == model.delivered
