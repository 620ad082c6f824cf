"""TLS on the way out, with real handshakes: what each policy accepts, and that nothing confidential leaves before."""

import ssl

import pytest

from posthouse.mail.outcome import Deferred, Relayed
from posthouse.mta.opening import Opening
from posthouse.mta.route import Credentials, Hop, HostRoute, Terms, TlsPolicy
from posthouse.net.dialer import TcpDialer
from posthouse.net.tls import client_context, server_context
from posthouse.supervisor.authority import make_certificates
from posthouse.testing.ports import CountedIds


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    return folder, make_certificates(folder, ("hop.test",), ("127.0.0.1",))


def tls_of(certificates) -> ssl.SSLContext:
    folder, _ = certificates
    return server_context(folder / "server.pem", folder / "server.key")


def starttls(hop, context, heard):
    """A server that offers STARTTLS, and AUTH only inside."""

    async def conversation(reader, writer):
        inside = False
        writer.write(b"220 hop\r\n")
        while line := await reader.readline():
            heard.append((inside, line))
            if line.startswith(b"STARTTLS"):
                writer.write(b"220 go\r\n")
                await writer.start_tls(context)
                inside = True
            elif line.startswith(b"EHLO"):
                writer.write(b"250-hop\r\n" + (b"250 AUTH PLAIN\r\n" if inside else b"250 STARTTLS\r\n"))
            elif line.startswith(b"AUTH"):
                writer.write(b"235 2.7.0 welcome\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 ok\r\n")
            else:
                writer.write(b"250 ok\r\n")

    return conversation


@pytest.fixture
def trust(road, certificates):
    """A relay that trusts the test's authority, or only the system's."""
    _, authority = certificates

    def relay_that(*, trusts: bool) -> None:
        def contexts(verify: bool) -> ssl.SSLContext:
            return client_context(verify=verify, ca_file=authority if trusts else None)

        road.relay._opening = Opening(TcpDialer(road.blobs, contexts), road.clock, CountedIds(), "office.test")

    return relay_that


@pytest.mark.parametrize(
    ("policy", "trusts", "outcome"),
    [
        (TlsPolicy.MAY, False, Relayed),
        (TlsPolicy.MUST, False, Relayed),
        (TlsPolicy.VERIFY, True, Relayed),
        (TlsPolicy.VERIFY, False, Deferred),
    ],
)
async def test_what_each_policy_accepts(road, hop, item, certificates, trust, policy, trusts, outcome):
    heard = []
    await hop.start(starttls(hop, tls_of(certificates), heard))
    trust(trusts=trusts)
    trip = await road.carry(item(), route=road.route(tls=policy))
    assert isinstance(trip.outcomes[1], outcome)
    assert not any(line.startswith((b"MAIL", b"AUTH")) for inside, line in heard if not inside)


async def test_a_certificate_for_another_name_is_not_accepted(road, hop, item, certificates, trust):
    heard = []
    await hop.start(starttls(hop, tls_of(certificates), heard))
    trust(trusts=True)
    route = HostRoute("x", (Hop("other.test", hop.port, ("127.0.0.1",)),), Terms(tls=TlsPolicy.VERIFY))
    trip = await road.carry(item(), route=route)
    assert trip.outcomes[1].reply.status == "4.7.5"


async def test_the_password_goes_only_inside(road, hop, item, certificates, trust):
    heard = []
    await hop.start(starttls(hop, tls_of(certificates), heard))
    trust(trusts=True)
    trip = await road.carry(item(), route=road.route(tls=TlsPolicy.VERIFY, credentials=Credentials("user", "secret")))
    assert isinstance(trip.outcomes[1], Relayed)
    assert [inside for inside, line in heard if line.startswith(b"AUTH")] == [True]


@pytest.mark.parametrize(("trusts", "outcome"), [(True, Relayed), (False, Deferred)])
async def test_implicit_tls_is_verified_too(road, hop, item, certificates, trust, trusts, outcome):
    await hop.start(hop.speak(), tls_of(certificates))
    trust(trusts=trusts)
    trip = await road.carry(item(), route=road.route(tls=TlsPolicy.VERIFY, implicit_tls=True))
    assert isinstance(trip.outcomes[1], outcome)
