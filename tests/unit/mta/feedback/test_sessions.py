"""How TLS went on the way out, with real handshakes: what is counted, and by which word of RFC 8460."""

import pytest

from posthouse.mta.feedback.sessions import Sessions
from posthouse.mta.opening import Opening
from posthouse.mta.route import Hop, HostRoute, Routes, Terms, TlsPolicy
from posthouse.net.dialer import TcpDialer
from posthouse.net.tls import client_context, server_context
from posthouse.supervisor.authority import make_certificates
from posthouse.testing.ports import CountedIds, ManualClock


class Heard(Sessions):
    """Remembers instead of counting."""

    def __init__(self) -> None:
        super().__init__(None, ManualClock())
        self.heard: list[tuple[str, str, str]] = []

    def saw(self, domain, host, address, failure) -> None:
        self.heard.append((domain, host, failure))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    return folder, make_certificates(folder, ("hop.test",), ("127.0.0.1",))


@pytest.fixture
def sessions(road, certificates) -> Heard:
    _, authority = certificates
    found = road.relay._sessions = Heard()

    def contexts(verify: bool):
        return client_context(verify=verify, ca_file=authority)

    road.relay._opening = Opening(TcpDialer(road.blobs, contexts), road.clock, CountedIds(), "office.test")
    return found


def server(hop, context=None, *, breaks: bool = False):
    """One that offers STARTTLS if it has a certificate; ``breaks``: it cannot do it."""

    async def conversation(reader, writer):
        writer.write(b"220 hop\r\n")
        offers = context is not None or breaks
        while line := await reader.readline():
            if line.startswith(b"STARTTLS"):
                writer.write(b"220 go\r\n")
                if breaks:
                    await reader.read(10)
                    writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
                    break
                await writer.start_tls(context)
                offers = False
            elif line.startswith(b"EHLO"):
                writer.write(b"250-hop\r\n250 STARTTLS\r\n" if offers else b"250 hop\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 ok\r\n")
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    return conversation


def tls_of(certificates):
    folder, _ = certificates
    return server_context(folder / "server.pem", folder / "server.key")


async def test_a_session_in_tls_went_well(road, hop, item, certificates, sessions) -> None:
    await hop.start(server(hop, tls_of(certificates)))
    await road.carry(item())
    assert sessions.heard == [(item().domain, "hop.test", "")]


async def test_a_server_without_starttls_is_told(road, hop, item, sessions) -> None:
    await hop.start(server(hop))
    await road.carry(item())
    assert sessions.heard == [(item().domain, "hop.test", "starttls-not-supported")]


async def test_a_handshake_that_fails_is_told_though_the_mail_goes_in_the_clear(road, hop, item, sessions) -> None:
    await hop.start(server(hop, breaks=True))
    await road.carry(item())
    assert {failure for _, _, failure in sessions.heard} == {"validation-failure"}


async def test_a_certificate_for_another_name(road, hop, item, certificates, sessions) -> None:
    await hop.start(server(hop, tls_of(certificates)))
    route = HostRoute("x", (Hop("other.test", hop.port, ("127.0.0.1",)),), Terms(tls=TlsPolicy.VERIFY))
    await road.carry(item(), route=route)
    assert sessions.heard == [(item().domain, "other.test", "certificate-host-mismatch")]


async def test_a_certificate_that_nobody_knows(road, hop, item, certificates, sessions, tmp_path) -> None:
    make_certificates(tmp_path, ("hop.test",), ("127.0.0.1",))
    await hop.start(server(hop, server_context(tmp_path / "server.pem", tmp_path / "server.key")))
    await road.carry(item(), route=road.route(tls=TlsPolicy.VERIFY))
    assert sessions.heard == [(item().domain, "hop.test", "certificate-not-trusted")]


async def test_reports_smarthosts_and_lmtp_are_not_counted(road, hop, item, certificates, sessions) -> None:
    await hop.start(server(hop, tls_of(certificates)))
    await road.carry(item(is_report=True))
    route = road.route()
    road.relay._routes = Routes(road.relay._routes._mx, table={}, default=route)
    await road.carry(item(), route=route)
    assert sessions.heard == []


async def test_a_host_that_cannot_be_reached_says_nothing_about_tls(road, item, sessions) -> None:
    await road.carry(item(), route=road.route(1))
    assert sessions.heard == []
