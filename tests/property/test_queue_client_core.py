"""Laws of the client core and of stuffing: any split says the same, and the end of the data is where we put it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from posthouse.lib.sansio import RemoteError
from posthouse.mail.envelope import Recipient
from posthouse.standards.smtp.client import ClientConnection
from posthouse.standards.smtp.commands import DATA, STARTTLS, hello, mail_from, rcpt_to
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.standards.smtp.stuffing import BareLineEnd, Stuffing

LINES = st.sampled_from(
    [
        b"250 ok\r\n",
        b"250-x\r\n",
        b"550 5.1.1 no\r\n",
        b"354 go\r\n",
        b"421 bye\r\n",
        b"220 go\r\n",
        b"220 go\n",
        b"x\r\n",
        b"\r\n",
    ]
)
OCTETS = st.one_of(st.lists(LINES, max_size=12).map(b"".join), st.binary(max_size=200))


def pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(marks)]


def hear(chunks: list[bytes], *, tls: bool):
    core = ClientConnection()
    core.receive_data(b"220 hop\r\n")
    core.next_event()
    core.send(hello("me"))
    core.receive_data(b"250-hop\r\n250-STARTTLS\r\n250 PIPELINING\r\n")
    core.next_event()
    actions = [STARTTLS] if tls else [mail_from(""), rcpt_to(Recipient(parse_mailbox("a@b.test")), dsn=False), DATA]
    for action in actions:
        core.send(action)
    events = []
    try:
        for chunk in chunks:
            if chunk:
                core.receive_data(chunk)
            while (event := core.next_event()) is not None:
                events.append(event)
    except RemoteError:
        events.append("broken")
    return events


@given(octets=OCTETS, cuts=st.lists(st.integers(0, 300), max_size=20), tls=st.booleans())
def test_any_split_gives_the_same_answers(octets, cuts, tls):
    whole, split = hear([octets], tls=tls), hear(pieces(octets, cuts), tls=tls)
    if tls and whole != split:  # what comes after the 220 is noticed at the 220 or right after it: it ends either way
        assert whole[-1] == split[-1] == "broken"
    else:
        assert whole == split


@given(
    content=st.lists(st.sampled_from([b".", b"\r\n", b"a", b"..", b"\r", b"\n"]), max_size=30).map(b"".join),
    cuts=st.lists(st.integers(0, 60), max_size=10),
)
def test_the_end_of_data_stands_once_and_the_content_comes_back(content, cuts):
    stuffing = Stuffing()
    clean = content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    try:
        wire = b"".join(stuffing.add(piece) for piece in pieces(content, cuts)) + stuffing.end()
    except BareLineEnd:
        assert not clean
        return
    assert clean
    assert (b"\r\n" + wire).find(b"\r\n.\r\n") == len(wire) - 3
    lines = wire[:-3].split(b"\r\n")
    back = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    assert back == content or back == content + b"\r\n"
