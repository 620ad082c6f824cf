"""Reports handed over by HTTPS, to a real server on loopback; and where we do not go, whoever asks."""

import asyncio
from typing import Self

import pytest

from posthouse.mta.feedback.web import NotTaken, Web, is_in_the_open
from posthouse.net.dialer import TcpDialer
from posthouse.net.tls import client_context, server_context
from posthouse.supervisor.authority import make_certificates
from posthouse.testing.zone import Zone

NAME = "reports.far.test"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    return folder, make_certificates(folder, (NAME,), ("127.0.0.1",))


class Desk:
    """An HTTPS server that answers ``says`` and remembers what it heard."""

    def __init__(self, folder, says: bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n") -> None:
        self.context = server_context(folder / "server.pem", folder / "server.key")
        self.says = says
        self.heard = b""
        self.port = 0

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _talk(self, reader, writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        self.heard = head + await reader.readexactly(length)
        writer.write(self.says)
        await writer.drain()
        writer.close()


@pytest.fixture
def web(certificates) -> Web:
    _, authority = certificates

    def contexts(verify: bool):
        assert verify
        return client_context(verify=verify, ca_file=authority)

    zone = Zone({NAME: {"a": ("127.0.0.1",)}, "other.test": {"a": ("127.0.0.1",)}, "nowhere.test": {}})
    return Web(TcpDialer(None, contexts), zone, may=lambda _: True)


async def test_a_report_is_handed_over(web, certificates) -> None:
    async with Desk(certificates[0]) as desk:
        await web.post(f"https://{NAME}:{desk.port}/v1/tls?x=1", "application/tlsrpt+gzip", b"\x1f\x8bpacked")
    assert desk.heard.startswith(b"POST /v1/tls?x=1 HTTP/1.1\r\nHost: reports.far.test\r\n")
    assert b"Content-Type: application/tlsrpt+gzip\r\n" in desk.heard
    assert desk.heard.endswith(b"\r\n\r\n\x1f\x8bpacked")


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "302"),
        (b"SSH-2.0-x\r\n\r\n", "RemoteError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(200_000), "RemoteError"),
        (b"", "RemoteError"),
    ],
)
async def test_what_is_no_yes_is_a_no(web, certificates, says, why) -> None:
    async with Desk(certificates[0], says) as desk:
        with pytest.raises(NotTaken, match=why):
            await web.post(f"https://{NAME}:{desk.port}/", "x/y", b"x")


async def test_a_certificate_for_another_name_is_not_talked_to(web, certificates) -> None:
    async with Desk(certificates[0]) as desk:
        with pytest.raises(NotTaken, match="SSL"):
            await web.post(f"https://other.test:{desk.port}/", "x/y", b"x")
    assert desk.heard == b""


@pytest.mark.parametrize(
    "uri",
    [
        "http://reports.far.test/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://user@reports.far.test/",
        "https://reports.far.test:0/",
        "https://reports.far.test:99999/",
        "https://reports.far.test/a b",
        "https://reports.far.test/\r\nX: y",
        "https://nowhere.test/",
        "https://",
    ],
)
async def test_where_we_do_not_go(web, uri) -> None:
    with pytest.raises(NotTaken):
        await web.post(uri, "x/y", b"x")


@pytest.mark.parametrize(
    ("address", "open_"),
    [
        ("8.8.8.8", True), ("2606:4700::1", True), ("127.0.0.1", False), ("10.1.2.3", False), ("169.254.169.254", False),
        ("192.168.0.1", False), ("100.64.0.1", False), ("::1", False), ("fd00::1", False), ("fe80::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_only_into_the_open_internet(address, open_) -> None:
    assert is_in_the_open(address) is open_


async def test_an_inner_address_is_not_dialled(certificates) -> None:
    zone = Zone({NAME: {"a": ("127.0.0.1", "10.0.0.1"), "aaaa": ("::1",)}})
    async with Desk(certificates[0]) as desk:
        with pytest.raises(NotTaken, match="open Internet"):
            await Web(TcpDialer(None, lambda _: None), zone).post(f"https://{NAME}:{desk.port}/", "x/y", b"x")
    assert desk.heard == b""
