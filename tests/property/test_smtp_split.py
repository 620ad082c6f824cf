"""Laws of the SMTP server core: any split gives the same events; whatever comes, an event or the end."""

from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.smtp.events import ContentChunk, EndContent, Event
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection
from posthouse.testing.wire import Wire

OFFER = Offer(
    hostname="mx.office.test", max_octets=2000, starttls=True, mechanisms=("PLAIN", "LOGIN"), command_octets=128,
    auth_octets=256, drain_octets=512, line_octets=300, chunks_max=8,
)  # fmt: skip

LINES = [
    b"MAIL FROM:<a@a.example>", b"MAIL FROM:<> SIZE=10 BODY=BINARYMIME", b"MAIL FROM:<\xc3\xa9@a.example> SMTPUTF8",
    b"RCPT TO:<b@office.test>", b"RCPT TO:<c@office.test> NOTIFY=NEVER", b"RCPT TO:<", b"RSET", b"HELP",
    b"BDAT 5\r\nab\r\nc", b"BDAT 4 LAST\r\nab\r\n", b"BDAT 3\r\na\nb", b"BDAT 2\r\na\r", b"BDAT 1\r\n\n", b"BDAT 0 LAST",
    b"X" * 200, b"NO\rOP", b"RSET\n", b"BDAT 1500\r\n" + b"abc\r\n" * 300, b"BDAT x", b"QUIT",
]  # fmt: skip
WAITED = [
    b"EHLO a.example\r\n", b"HELO a.example\r\n", b"NOOP\r\n", b"VRFY x\r\n", b"DATA\r\n", b"AUTH LOGIN\r\n", b"EHLO\r\n",
    b"Subject: x\r\n\r\n..y\r\n.\r\n", b".\r\n", b"a\rb\r\n.\r\n", b"x" * 400 + b"\r\n.\r\n", b"*\r\n", b"YWJj\r\n", b"y\r\n" * 700,
    b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\r\n",
]  # fmt: skip

turns = st.lists(
    st.one_of(
        st.sampled_from(WAITED),
        st.lists(st.sampled_from(LINES), min_size=1, max_size=5).map(lambda lines: b"\r\n".join(lines) + b"\r\n"),
        st.text("\r\n.\0ax ", min_size=1, max_size=40).map(str.encode),
    ),
    max_size=12,
)


def told(heard: list[Event]) -> list[Event]:
    """What a faulty content held before its fault was seen may differ: nobody uses it."""
    kept: list[Event] = []
    for event in heard:
        if isinstance(event, EndContent) and event.fault is not None:
            while kept and isinstance(kept[-1], ContentChunk):
                kept.pop()
            kept.append(EndContent(0, event.fault))
        else:
            kept.append(event)
    if kept and isinstance(kept[-1], ContentChunk):
        kept.pop()  # how much of an unfinished content is out already
    return kept


def hear(
    octets_of_turns: list[bytes], cut: st.DataObject | None, *, piece: int | None = None
) -> tuple[list[Event], bool]:
    """A client that waits for all answers between two turns, each of which comes whole or cut somewhere."""
    wire = Wire(ServerConnection(OFFER), piece=piece)
    for octets in octets_of_turns:
        if cut is None:
            wire.client(octets)
            continue
        places = sorted(cut.draw(st.lists(st.integers(0, len(octets)), max_size=4)))
        for start, end in zip([0, *places], [*places, len(octets)], strict=True):
            wire.core.receive_data(octets[start:end]) if end > start else None
        wire._run()
    return told(wire.door.heard), wire.core.closed


def synchronous(octets: bytes) -> bool:
    """Whether a turn keeps to RFC 2920: then when its octets come cannot matter."""
    return octets in WAITED or not any(word in octets.upper() for word in (b"EHLO", b"NOOP", b"VRFY", b"DATA", b"AUTH"))


@given(turns)
def test_octet_by_octet_gives_the_same_events(said):
    said = [b"EHLO a.example\r\n", *filter(synchronous, said)]
    whole, drip = hear(said, None), hear(said, None, piece=1)
    early = [
        event
        for event in whole[0] + drip[0]
        if getattr(getattr(event, "offence", None), "value", "") == "talked before the reply"
    ]
    if not early:
        assert whole == drip


@given(turns, st.data())
def test_any_split_of_what_has_arrived_gives_the_same_events(said, cut):
    said = [b"EHLO a.example\r\n", *said]
    assert hear(said, None) == hear(said, cut)


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_anything_is_an_event_or_the_end(pieces):
    wire = Wire(ServerConnection(OFFER))
    for piece in pieces:
        if piece:
            wire.client(piece)
        assert wire.core.next_event() is None, "all that could be read was read"
        assert len(wire.core._buffer) <= OFFER.auth_octets + OFFER.drain_octets
    wire.client_hangs_up()
    assert wire.core.closed
