"""TLS inside the loop: the handshake, the upgrade, and what must not get through either."""

import contextlib
import hashlib
import ssl

import pytest

from posthouse.net.ports import Farewell
from posthouse.net.tls import Certificates, Tunnel, client_context
from posthouse.supervisor.authority import make_certificates
from posthouse.testing.connection import Connection
from posthouse.testing.lines import Door, Lines

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    make_certificates(directory, ("localhost", "office.test"), ("127.0.0.1",))
    return directory


class Client:
    """The far end: a TLS client over the connection of a test."""

    def __init__(
        self, wire: Connection, keys, *, alpn: tuple[str, ...] = (), newest=None, verify=True, name="localhost"
    ):
        self.wire = wire
        context = client_context(verify=verify, ca_file=keys / "ca.pem")
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if newest is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
            context.set_ciphers("DEFAULT@SECLEVEL=0")
        self.tunnel = Tunnel(context, server_side=False, server_name=name)

    async def shake_hands(self) -> None:
        self.tunnel.begin()
        self.heard = b""
        while self.tunnel.channel is None:
            said = await self.wire.say(self.tunnel.outgoing())
            if not said:
                raise ConnectionError
            self.heard += self.tunnel.receive(said)
        await self.say(b"")

    async def say(self, octets: bytes) -> bytes:
        wrapped = self.tunnel.wrap(octets) if octets else self.tunnel.outgoing()
        self.heard += self.tunnel.receive(await self.wire.say(wrapped))
        heard, self.heard = self.heard, b""
        return heard


class House:
    def __init__(self, keys, *, implicit_tls: bool = False, **names) -> None:
        pair = (keys / "server.pem", keys / "server.key")
        self.certificates = Certificates(pair, names.get("by_name"), alpn=("imap",))
        self.wire = Connection(self.open, tunnel=self.certificates.tunnel, implicit_tls=implicit_tls)

    def open(self, line):
        self.core, self.door = Lines(), Door(line)
        self.door.handle = lambda event: (b"go ahead\n",) if event == b"starttls" else Door.handle(self.door, event)
        return self.core, self.door


async def test_tls_from_the_first_octet(keys):
    house = House(keys, implicit_tls=True)
    assert await house.wire.connect() == b""
    client = Client(house.wire, keys)
    client.tunnel.begin()
    await client.shake_hands()
    assert await client.say(b"one\n") in {b"hello\nok one\n", b"ok one\n"}
    assert house.core.channel is not None
    assert house.core.channel.version == "TLSv1.3"
    assert house.door.line.channel == house.core.channel


async def test_an_upgrade(keys):
    house = House(keys)
    await house.wire.connect()
    assert await house.wire.say(b"starttls\n") == b"go ahead\n"
    client = Client(house.wire, keys)
    await client.shake_hands()
    assert await client.say(b"one\ntwo\n") == b"ok one\nok two\n"


async def test_an_upgrade_octet_by_octet(keys):
    house = House(keys)
    await house.wire.connect()
    await house.wire.say(b"starttls\n")
    client = Client(house.wire, keys)
    client.tunnel.begin()
    client.heard = b""
    while client.tunnel.channel is None:
        client.tunnel.receive(await house.wire.say_slowly(client.tunnel.outgoing()))
    assert client.tunnel.receive(await house.wire.say_slowly(client.tunnel.wrap(b"one\n"))) == b"ok one\n"


async def test_clear_text_after_the_upgrade_is_never_a_command(keys):
    """Threat T01."""
    house = House(keys)
    await house.wire.connect()
    await house.wire.say(b"starttls\n")
    await house.wire.say(b"evil\n")
    await house.wire.hear()
    assert house.door.heard == []
    assert house.wire.transport.closed


async def test_a_handshake_that_takes_too_long(keys):
    """Threat T06."""
    house = House(keys, implicit_tls=True)
    await house.wire.connect()
    client = Client(house.wire, keys)
    client.tunnel.begin()
    await house.wire.say(client.tunnel.outgoing()[:20])
    await house.wire.pass_time(13)
    assert house.wire.transport.closed
    assert house.door.left == 1


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_versions_are_refused(keys, version):
    house = House(keys, implicit_tls=True)
    await house.wire.connect()
    client = Client(house.wire, keys, newest=version, verify=False)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await client.shake_hands()


async def test_tls_1_2_is_taken(keys):
    house = House(keys, implicit_tls=True)
    await house.wire.connect()
    client = Client(house.wire, keys, newest=ssl.TLSVersion.TLSv1_2)
    await client.shake_hands()
    assert house.core.channel.version == "TLSv1.2"


@pytest.mark.parametrize(
    ("offered", "welcome"), [(("http/1.1",), False), (("h2", "http/1.1"), False), (("imap",), True)]
)
async def test_foreign_protocols_are_hung_up_on(keys, offered, welcome):
    """A browser that was tricked into talking to us (ALPACA)."""
    house = House(keys, implicit_tls=True)
    await house.wire.connect()
    client = Client(house.wire, keys, alpn=offered)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await client.shake_hands()
    await house.wire.hear()
    assert house.wire.transport.closed is not welcome
    assert (house.core.channel is not None) is welcome


async def test_the_channel_binds_to_the_certificate(keys):
    """RFC 5929 section 4: both ends compute the same octets."""
    house = House(keys, implicit_tls=True)
    await house.wire.connect()
    client = Client(house.wire, keys)
    await client.shake_hands()
    pem = (keys / "server.pem").read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----"
    expected = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
    assert house.core.channel.binding == client.tunnel.channel.binding == expected


async def test_a_name_gets_its_own_certificate(keys, tmp_path):
    make_certificates(tmp_path, ("imap.other.test",), ())
    house = House(
        keys, implicit_tls=True, by_name={"imap.other.test": (tmp_path / "server.pem", tmp_path / "server.key")}
    )
    await house.wire.connect()
    client = Client(house.wire, tmp_path, name="imap.other.test")
    await client.shake_hands()
    assert house.core.channel.binding != b""


async def test_a_farewell_goes_through_the_tunnel(keys):
    house = House(keys)
    await house.wire.connect()
    await house.wire.say(b"starttls\n")
    client = Client(house.wire, keys)
    await client.shake_hands()
    house.wire.session.leave(Farewell.SHUTDOWN)
    assert client.tunnel.receive(await house.wire.hear()) == b"bye shutdown\n"
    assert client.tunnel.ended


async def test_large_answers_in_both_directions(keys):
    house = House(keys)
    await house.wire.connect()
    await house.wire.say(b"starttls\n")
    client = Client(house.wire, keys)
    await client.shake_hands()
    assert await client.say(b"many\n") == b"x" * 200_000
    assert await client.say(b"y" * 300_000 + b"\n") == b"ok " + b"y" * 300_000 + b"\n"


async def test_the_certificate_must_name_the_server(keys):
    house = House(keys, implicit_tls=True)
    await house.wire.connect()
    client = Client(house.wire, keys, name="bank.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        await client.shake_hands()
