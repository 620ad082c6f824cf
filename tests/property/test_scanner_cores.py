"""Laws of the cores that speak with scanners: any split says the same, and nothing comes out but ``RemoteError``."""

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from posthouse.lib.sansio import RemoteError
from posthouse.standards.clamd.client import Begin as ClamdBegin
from posthouse.standards.clamd.client import Chunk, ClamdConnection
from posthouse.standards.clamd.client import End as ClamdEnd
from posthouse.standards.http1.client import HttpConnection, Request
from posthouse.standards.icap.client import Begin, Content, EndPreview, IcapConnection, Mode, Options, Piece
from posthouse.standards.milter.client import MilterConnection
from posthouse.standards.milter.events import Tell
from posthouse.standards.milter.words import Stage
from posthouse.standards.rspamd.check import parse_verdict

CUTS = st.lists(st.integers(0, 2000), max_size=20)


def packet(word: bytes, content: bytes) -> bytes:
    return struct.pack("!L", len(content) + 1) + word + content


AGREED = packet(b"O", struct.pack("!LLL", 6, 0x1FF, 0x400))
PACKETS = st.lists(
    st.builds(
        packet,
        st.sampled_from([bytes([octet]) for octet in b"+-24abcdefhilmpqrstyO"]),
        st.one_of(st.binary(max_size=30), st.sampled_from([b"A\0b\0", b"\0\0\0\x01A\0b\0", b"550 5.7.1 no\0"])),
    ),
    max_size=8,
).map(b"".join)
CLAMD = st.lists(
    st.sampled_from([b"1: stream: OK\0", b"1: stream: X FOUND\0", b"1: no ERROR\0", b"x", b"\0", b"2: "]), max_size=6
).map(b"".join)
HTTP = st.lists(
    st.sampled_from(
        [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Go\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
         b"\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b"A: b\r\n", b" c\r\n", b"Connection: close\r\n"]
    ),
    max_size=12,
).map(b"".join)  # fmt: skip
ICAP = st.lists(
    st.sampled_from(
        [b"ICAP/1.0 200 OK\r\n", b"ICAP/1.0 204 No\r\n", b"ICAP/1.0 100 Go\r\n", b"\r\n", b" fold\r\n",
         b"Encapsulated: res-body=0\r\n", b"Encapsulated: res-hdr=0, res-body=9\r\n", b"Encapsulated: null-body=0\r\n",
         b"Encapsulated: opt-body=0\r\n", b"HTTP/1.1 403 No\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"Preview: 10\r\n"]
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


def clamd():
    core = ClamdConnection()
    for action in (ClamdBegin(), Chunk(b"x"), ClamdEnd()):
        core.send(action)
    return core


def milter():
    core = MilterConnection(body_octets=1000)
    core.send(Tell(Stage.NEGOTIATE))
    core.receive_data(AGREED)
    core.next_event()
    core.send(Tell(Stage.END_OF_BODY))
    return core


def negotiating():
    core = MilterConnection()
    core.send(Tell(Stage.NEGOTIATE))
    return core


def http():
    core = HttpConnection(body_octets=1000)
    core.send(Request("GET", "/", "x"))
    return core


def icap():
    core = IcapConnection(answer_octets=1000)
    for action in (Begin("h", "s", Mode.RESPMOD, "t", 1), Content(b"x"), EndPreview(False)):
        core.send(action)
    return core


def options():
    core = IcapConnection()
    core.send(Options("h", "s"))
    return core


def hear(core, chunks):
    """The events, pieces of one content put together; ``broken`` at the end of a session that was."""
    events = []
    try:
        for chunk in chunks:
            if chunk:
                core.receive_data(chunk)
            while (event := core.next_event()) is not None:
                if isinstance(event, Piece) and events and isinstance(events[-1], Piece):
                    event = Piece(events.pop().octets + event.octets)
                events.append(event)
        core.receive_data(b"")
        while (event := core.next_event()) is not None:
            events.append(event)
    except RemoteError:
        assert core.closed
        events.append("broken")
    return [event for event in events if not isinstance(event, Piece)]


def pieces(octets, cuts):
    marks = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(marks)]


def law(make, octets, cuts):
    assert hear(make(), [octets]) == hear(make(), pieces(octets, cuts))


@given(octets=st.one_of(CLAMD, st.binary(max_size=100)), cuts=CUTS)
def test_clamd(octets, cuts):
    law(clamd, octets, cuts)


@given(octets=st.one_of(PACKETS, st.binary(max_size=100)), cuts=CUTS)
def test_milter(octets, cuts):
    law(milter, octets, cuts)


@given(octets=st.one_of(PACKETS, st.binary(max_size=100), st.binary(max_size=40).map(AGREED.__add__)), cuts=CUTS)
def test_milter_negotiation(octets, cuts):
    law(negotiating, octets, cuts)


@given(octets=st.one_of(HTTP, st.binary(max_size=100)), cuts=CUTS)
def test_http(octets, cuts):
    law(http, octets, cuts)


@given(octets=st.one_of(ICAP, st.binary(max_size=100)), cuts=CUTS)
def test_icap(octets, cuts):
    law(icap, octets, cuts)


@given(octets=st.one_of(ICAP, st.binary(max_size=100)), cuts=CUTS)
def test_icap_options(octets, cuts):
    law(options, octets, cuts)


@given(body=st.binary(max_size=200))
def test_a_verdict_of_rspamd_or_none(body):
    try:
        parse_verdict(200, body)
    except RemoteError:
        return
