"""Laws of the IMAP server core: any split gives the same events; whatever comes, an event; memory stays bounded."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.lib.sansio import Channel
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.server import ServerConnection

CHANNEL = Channel("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
OFFER = Offer(append_octets=200, mechanisms=("PLAIN",), line_octets=500, early_line_octets=300, drain_octets=100)


class AgreeableDoor:
    """Says OK to all; keeps the events, chunks joined."""

    def __init__(self, *, refuse_appends: bool = False) -> None:
        self.core = ServerConnection(OFFER)
        self.core.secured(CHANNEL)
        self.events: list[object] = []
        self.written = b""
        self.refuse_appends = refuse_appends

    def feed(self, octets: bytes) -> None:
        if not octets:
            return
        self.core.receive_data(octets)
        while (event := self.core.next_event()) is not None:
            self.keep(event)
            for action in self.answers(event):
                self.written += b"".join(self.core.send(action))

    def keep(self, event: e.Event) -> None:
        if isinstance(event, e.AppendChunk) and self.events and isinstance(self.events[-1], e.AppendChunk):
            self.events[-1] = e.AppendChunk(self.events[-1].octets + event.octets)
        else:
            self.events.append(event)

    def answers(self, event: e.Event) -> list[r.Response]:
        match event:
            case e.AppendChunk():
                return []
            case e.StartAppend() if self.refuse_appends:
                return [r.Tagged(event.tag, r.Condition.NO, "no", "TRYCREATE")]
            case e.LiteralWanted() | e.StartAppend() | e.Idle():
                return [r.Continuation()]
            case e.Authenticate(initial=None):
                return [r.Challenge(b"x")]
            case e.Enable():
                return [r.Enabled(event.capabilities), r.Tagged(event.tag, r.Condition.OK, "done")]
            case e.Malformed():
                return [r.refuse(event)]
            case _:
                return [r.Tagged(event.tag, r.Condition.OK, "done")]


ATOMS = st.sampled_from(
    ["INBOX", '"Sent"', "alice", '"a\\"b"', "1:*", "2,4:7,*", "()", "(\\Seen)", "FLAGS", "BODY[]", "BODY.PEEK[HEADER]", "ALL",
     "NOT", "OR", "(", ")", "{3+}\r\nabc", "{0+}\r\n", "{3}\r\nabc", "{500+}\r\n", "{99999999999+}\r\n", "~{3+}\r\nabc", "RETURN",
     "(MIN MAX)", "CHARSET UTF-8", '"*"', "%", "LIST", "UTF8 (~{3+}\r\nabc)", "=", "AAAA", '" 1-Jan-2020 00:00:00 +0000"', "é"]
)  # fmt: skip
VERBS = st.sampled_from(
    ["CAPABILITY", "NOOP", "LOGIN", "AUTHENTICATE PLAIN", "SELECT", "APPEND", "UID FETCH", "FETCH", "SEARCH", "UID SEARCH",
     "STORE", "COPY", "IDLE", "DONE", "LIST", "ENABLE IMAP4rev2", "ENABLE QRESYNC", "CLOSE", "LOGIN a b", "SELECT INBOX", "FOO",
     "ID", "STATUS", "CREATE", "UID EXPUNGE", "LOGOUT", "STARTTLS"]
)  # fmt: skip
LINES = st.builds(
    lambda tag, verb, atoms, end: (" ".join([tag, verb, *atoms]) + end).encode(),
    st.sampled_from(["a", "b1", "", "+", "*", "DONE"]),
    VERBS,
    st.lists(ATOMS, max_size=5),
    st.sampled_from(["\r\n"] * 8 + ["\n", "\r", ""]),
)
SESSIONS = st.builds(
    lambda begin, lines: begin + b"".join(lines),
    st.sampled_from([b"", b"a LOGIN a b\r\n", b"a LOGIN a b\r\nb SELECT INBOX\r\n"]),
    st.lists(st.one_of(LINES, st.binary(max_size=20)), max_size=12),
)


@settings(max_examples=300)
@given(SESSIONS, st.lists(st.integers(0, 400), max_size=6), st.booleans())
def test_any_split_gives_the_same_events(session, cuts, refuse_appends):
    whole = AgreeableDoor(refuse_appends=refuse_appends)
    whole.feed(session)
    parts = AgreeableDoor(refuse_appends=refuse_appends)
    edges = sorted({0, len(session), *(cut for cut in cuts if cut < len(session))})
    for start, end in itertools.pairwise(edges):
        parts.feed(session[start:end])
    octetwise = AgreeableDoor(refuse_appends=refuse_appends)
    for at in range(len(session)):
        octetwise.feed(session[at : at + 1])
    assert whole.events == parts.events == octetwise.events
    assert whole.written == parts.written == octetwise.written
    assert whole.core.closed == parts.core.closed == octetwise.core.closed


@settings(max_examples=200)
@given(SESSIONS)
def test_every_line_that_goes_out_is_one_of_ours(session):
    """Nothing of the client's can begin a line of the server's."""
    door = AgreeableDoor()
    door.feed(session)
    for line in door.written.split(b"\r\n")[:-1]:
        assert line.startswith((b"+", b"* ", b"a ", b"b1 ", b"DONE ")) or line.split(b" ")[1] in {b"OK", b"NO", b"BAD"}
        assert b"\n" not in line
        assert b"\r" not in line


@settings(max_examples=100)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20))
def test_what_is_kept_between_events_is_bounded(pieces):
    door = AgreeableDoor()
    for piece in pieces:
        if door.core.closed:
            break
        door.feed(piece)
        assert door.core.kept <= OFFER.early_literal_octets + 300
