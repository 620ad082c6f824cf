"""ICAP as a dialogue: preview, 204, what is changed, and liars (RFC 3507)."""

import pytest

from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.standards.icap.client import (
    Begin,
    Content,
    Done,
    End,
    EndPreview,
    Failed,
    GoOn,
    IcapConnection,
    Mode,
    Modified,
    Offered,
    Options,
    Piece,
    Unmodified,
)  # fmt: skip

BEGIN = Begin("h", "avscan", Mode.RESPMOD, "t1", 4)
OK = b"ICAP/1.0 204 No\r\nISTag: x\r\n\r\n"
CHANGED = (
    b"ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0;\r\n\tThreat=Eicar\r\nEncapsulated: res-hdr=0, res-body=30\r\n\r\n"
    b"HTTP/1.1 403 Forbidden\r\nA: b\r\n\r\n3\r\nbad\r\n0\r\n\r\n"
)


def sent(core: IcapConnection, *actions: object) -> bytes:
    return b"".join(piece for action in actions for piece in core.send(action))


def hear(core: IcapConnection, octets: bytes) -> list[object]:
    core.receive_data(octets)
    found = []
    while (event := core.next_event()) is not None:
        found.append(event)
    return found


def previewed(*, whole: bool = False) -> IcapConnection:
    core = IcapConnection()
    sent(core, BEGIN, Content(b"abcd"), EndPreview(whole))
    return core


def complete() -> IcapConnection:
    core = IcapConnection()
    sent(core, Begin("h", "s", Mode.RESPMOD, "t1"), Content(b"abcd"), End())
    return core


def test_options() -> None:
    core = IcapConnection()
    assert sent(core, Options("h", "avscan")) == (
        b"OPTIONS icap://h/avscan ICAP/1.0\r\nHost: h\r\nEncapsulated: null-body=0\r\n\r\n"
    )
    answer = b'ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nPreview: 1024\r\nAllow: 204\r\nISTag: "a"\r\n\r\n'
    assert hear(core, answer) == [Offered(frozenset({"RESPMOD", "REQMOD"}), 1024, True, None, '"a"')]
    assert core.is_idle


def test_options_with_a_body() -> None:
    core = IcapConnection()
    sent(core, Options("h", "s"))
    assert hear(core, b"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nEncapsulated: opt-body=0\r\n\r\n2\r\nx") == []
    assert len(hear(core, b"y\r\n0\r\n\r\n")) == 1
    assert core.is_idle


def test_a_message_goes_inside_an_http_response_after_a_preview() -> None:
    core = IcapConnection()
    octets = sent(core, BEGIN, Content(b"abcd"), EndPreview(False))
    head, _, rest = octets.partition(b"\r\n\r\n")
    assert head.startswith(b"RESPMOD icap://h/avscan ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nPreview: 4\r\n")
    request = b"GET /t1 HTTP/1.1\r\nHost: mail\r\n\r\n"
    response = b"HTTP/1.1 200 OK\r\nContent-Type: message/rfc822\r\n\r\n"
    places = f"req-hdr=0, res-hdr={len(request)}, res-body={len(request + response)}"
    assert head.endswith(f"Encapsulated: {places}".encode())
    assert rest == request + response + b"4\r\nabcd\r\n0\r\n\r\n"


def test_a_message_inside_an_http_request() -> None:
    octets = sent(IcapConnection(), Begin("h", "s", Mode.REQMOD, "t1"), Content(b"a"), End())
    assert b"Encapsulated: req-hdr=0, req-body=" in octets
    assert octets.endswith(b"\r\n\r\n1\r\na\r\n0\r\n\r\n")


def test_the_rest_is_sent_when_it_is_asked_for() -> None:
    core = previewed()
    assert hear(core, b"ICAP/1.0 100 Continue\r\n\r\n") == [GoOn()]
    assert sent(core, Content(b"ef"), End()) == b"2\r\nef\r\n0\r\n\r\n"
    assert isinstance(hear(core, OK)[0], Unmodified)
    assert core.is_idle


def test_a_content_shorter_than_its_preview_says_so() -> None:
    core = IcapConnection()
    assert sent(core, BEGIN, Content(b"ab"), EndPreview(True)).endswith(b"2\r\nab\r\n0; ieof\r\n\r\n")
    with pytest.raises(RemoteError):
        hear(core, b"ICAP/1.0 100 Continue\r\n\r\n")


def test_what_was_found_is_told_with_what_to_use_instead() -> None:
    core = previewed()
    modified, piece, done = hear(core, CHANGED)
    assert isinstance(modified, Modified)
    assert modified.status == 403
    assert modified.head.first("x-infection-found") == "Type=0; Threat=Eicar"
    assert (piece, done) == (Piece(b"bad"), Done())
    assert core.is_idle


def test_a_server_may_begin_to_answer_while_it_still_gets_content() -> None:
    core = previewed()
    hear(core, b"ICAP/1.0 100 Continue\r\n\r\n")
    first = hear(core, b"ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n2\r\nab\r\n")
    assert [type(one) for one in first] == [Modified, Piece]
    assert sent(core, Content(b"ef"), End())
    assert hear(core, b"0\r\n\r\n") == [Done()]
    assert core.is_idle


def test_close_is_obeyed() -> None:
    core = complete()
    hear(core, b"ICAP/1.0 204 No\r\nConnection: close\r\n\r\n")
    assert core.closed


def test_an_error_is_no_verdict() -> None:
    core = complete()
    assert hear(core, b"ICAP/1.0 500 Trouble\r\n\r\n") == [Failed(500)]
    assert core.closed


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 204 No\r\n\r\n",
        b"ICAP/1.0 100 Continue\r\n\r\n",
        b"ICAP/1.0 200 OK\r\n\r\n",
        b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0\r\n\r\n",
        b"ICAP/1.0 200 OK\r\nEncapsulated: nonsense\r\n\r\n",
        b"ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\nxx\r\n",
        b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=9\r\n\r\nHTTP/2 200\r\n\r\n",
        b"x" * 70_000,
        b"ICAP/1.0 200 OK\r\nA: b\r\n" + b" c\r\n" * 300,
        b"",
    ],
)
def test_what_is_no_answer(octets: bytes) -> None:
    core = complete()
    with pytest.raises(RemoteError):
        hear(core, octets)
    assert core.closed


def test_a_verdict_before_the_preview_is_sent_is_a_lie() -> None:
    core = IcapConnection()
    sent(core, BEGIN)
    with pytest.raises(RemoteError, match="before"):
        hear(core, OK)


def test_unmodified_before_the_content_is_sent_is_a_lie() -> None:
    core = IcapConnection()
    sent(core, Begin("h", "s", Mode.RESPMOD, "t1"), Content(b"a"))
    with pytest.raises(RemoteError, match="before"):
        hear(core, OK)


def test_an_answer_has_an_end() -> None:
    core = IcapConnection(answer_octets=10)
    sent(core, Begin("h", "s", Mode.RESPMOD, "t1"), Content(b"a"), End())
    with pytest.raises(RemoteError, match="too large"):
        hear(core, b"ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\nb\r\n12345678901\r\n")


def test_out_of_turn() -> None:
    with pytest.raises(LocalError):
        IcapConnection().send(Content(b"x"))
    core = previewed()
    with pytest.raises(LocalError):
        core.send(Content(b"more"))
    with pytest.raises(LocalError):
        core.send(Options("h", "s"))
