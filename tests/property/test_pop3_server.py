"""Laws of the POP3 core: any split gives the same events; whatever comes in, an event; what is stuffed comes back."""

import poplib
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from posthouse.lib.sansio import Channel
from posthouse.standards.pop3.events import AuthStart, Challenge, Fault, Negative, Positive, Quit
from posthouse.standards.pop3.excerpt import Excerpt, Surrogate
from posthouse.standards.pop3.server import Offer, ServerConnection
from posthouse.standards.pop3.stuffing import Stuffer

TLS = Channel("TLSv1.3", "x", 256)
LINES = st.lists(
    st.sampled_from(
        [b"USER a", b"PASS b", b"AUTH PLAIN", b"AUTH PLAIN =", b"*", b"AGEAYg==", b"CAPA", b"STAT", b"LIST", b"LIST 1",
         b"RETR 2", b"TOP 1 5", b"DELE 1", b"RSET", b"NOOP", b"UTF8", b"LANG en", b"STLS", b"QUIT", b"", b"A" * 700]
    )
    | st.binary(max_size=30),
    max_size=20,
)  # fmt: skip


def events(chunks: list[bytes]) -> list[object]:
    """What a core makes of ``chunks``; every command but a fault is answered well."""
    core = ServerConnection(Offer())
    core.secured(TLS)
    seen: list[object] = []
    for chunk in [*chunks, b""]:
        core.receive_data(chunk)
        while (event := core.next_event()) is not None:
            seen.append(event)
            if isinstance(event, Fault):
                core.send(Negative(event.text, hang_up=event.hang_up))
            elif isinstance(event, AuthStart) and event.initial is None:
                core.send(Challenge(b"x"))
            else:
                core.send(Positive())
    assert core.closed
    assert sum(isinstance(event, Quit) for event in seen) <= 1
    return seen


@given(LINES, st.lists(st.integers(0, 2000), max_size=30))
def test_any_split_gives_the_same_events(lines: list[bytes], cuts: list[int]) -> None:
    octets = b"".join(line + b"\r\n" for line in lines)
    places = sorted({cut for cut in cuts if 0 < cut < len(octets)})
    parts = [octets[a:b] for a, b in zip([0, *places], [*places, len(octets)], strict=True)]
    whole = events([octets])
    assert whole == events([part for part in parts if part])
    assert whole == events([octets[at : at + 1] for at in range(len(octets))])


CONTENT = st.lists(st.sampled_from([b".", b"\r\n", b"a", b"..", b"\r\n.\r\n", b"text", b"\xc3\xbc", b": "])).map(
    b"".join
)


@given(CONTENT, st.integers(1, 5))
def test_what_is_stuffed_comes_back_through_another_client(content: bytes, step: int) -> None:
    stuffer = Stuffer()
    parts = [stuffer.stuff(content[at : at + step]) for at in range(0, len(content), step)]
    wire = b"+OK\r\n" + b"".join(parts) + stuffer.end()
    client = poplib.POP3.__new__(poplib.POP3)
    client.file, client._debugging = BytesIO(wire), 0
    _, lines, _ = client._getlongresp()
    expected = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert expected == b"".join(line + b"\r\n" for line in lines)
    assert not client.file.read()


@given(CONTENT, st.integers(0, 4), st.integers(1, 5))
def test_any_split_gives_the_same_top_and_surrogate(content: bytes, lines: int, step: int) -> None:
    chunks = [content[at : at + step] for at in range(0, len(content), step)] or [b""]
    one, many = Excerpt(lines), Excerpt(lines)
    assert one.cut(content) == b"".join(many.cut(chunk) for chunk in chunks)
    whole, parts = Surrogate(), Surrogate()
    split = b"".join(parts.convert(chunk, last=at == len(chunks) - 1) for at, chunk in enumerate(chunks))
    assert whole.convert(content, last=True) == split
