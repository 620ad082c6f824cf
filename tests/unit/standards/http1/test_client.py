"""One request, one bounded response; a server that lies about its length is found out."""

import pytest

from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.standards.http1.client import Content, HttpConnection, Request, Response

ASK = Request("POST", "/checkv2", "scan.test", (("From", "a@x.test"),), 3)


def asked(*, body_octets: int = 1000) -> HttpConnection:
    core = HttpConnection(body_octets=body_octets)
    core.send(ASK)
    core.send(Content(b"abc"))
    return core


def hear(core: HttpConnection, octets: bytes, *, end: bool = False) -> Response | None:
    core.receive_data(octets)
    if end:
        core.receive_data(b"")
    return core.next_event()


def test_a_request_tells_its_length() -> None:
    (head,) = HttpConnection().send(ASK)
    assert head == b"POST /checkv2 HTTP/1.1\r\nHost: scan.test\r\nFrom: a@x.test\r\nContent-Length: 3\r\n\r\n"


def test_a_response_with_a_length_leaves_the_connection_open() -> None:
    core = asked()
    response = hear(core, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n\r\nhi")
    assert (response.status, response.body, response.head.first("server")) == (200, b"hi", "x")
    assert core.is_idle


def test_a_response_in_chunks() -> None:
    octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n"
    assert hear(asked(), octets).body == b"hi!"


def test_a_response_to_the_end_of_the_connection() -> None:
    core = asked()
    assert hear(core, b"HTTP/1.0 200 OK\r\n\r\nhi") is None
    core.receive_data(b"")
    assert core.next_event().body == b"hi"
    assert core.closed


def test_interim_responses_are_forgotten() -> None:
    assert hear(asked(), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n").status == 204


def test_close_is_obeyed() -> None:
    core = asked()
    assert hear(core, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n")
    assert core.closed


def test_an_early_answer_ends_the_session() -> None:
    core = HttpConnection()
    core.send(ASK)
    assert hear(core, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").status == 413
    assert core.closed


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhixx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 3000,
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"ICAP/1.0 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 1500,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1500,
    ],
)
def test_what_is_no_response(octets: bytes) -> None:
    core = asked()
    with pytest.raises(RemoteError):
        hear(core, octets)
    assert core.closed


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi"])
def test_who_hangs_up_has_not_answered(octets: bytes) -> None:
    core = asked()
    core.receive_data(octets) if octets else None
    core.receive_data(b"")
    with pytest.raises(RemoteError):
        core.next_event()


def test_a_second_response_is_nobodys() -> None:
    core = asked()
    assert hear(core, b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert not core.is_idle
    with pytest.raises(RemoteError, match="answers nothing"):
        core.next_event()


def test_no_line_end_gets_into_a_field() -> None:
    with pytest.raises(LocalError):
        HttpConnection().send(Request("GET", "/", "x", (("A", "b\r\nC: d"),)))


def test_content_is_as_long_as_was_said() -> None:
    core = HttpConnection()
    core.send(ASK)
    with pytest.raises(LocalError):
        core.send(Content(b"abcd"))
    with pytest.raises(LocalError):
        core.send(ASK)
