"""The way out: streams that wait no longer than they are told to, over real loopback sockets."""

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress

import pytest

from posthouse.lib.sansio import Slice
from posthouse.net.dialer import TcpDialer
from posthouse.net.house import House
from posthouse.net.listener import Listener, PortTaken, bind, say_goodbye
from posthouse.net.tls import Certificates, client_context
from posthouse.net.watch import Watch
from posthouse.supervisor.authority import make_certificates
from posthouse.supervisor.ports import SystemClock
from posthouse.testing.journal import KeptJournal
from posthouse.testing.lines import Door, Lines

pytestmark = pytest.mark.asyncio


class Blobs:
    async def read(self, _blob: str, start: int, length: int) -> bytes:
        return b"b" * length if start < 200_000 else b""


class OpenGate:
    def __init__(self) -> None:
        self.here = 0

    def admit(self, _peer) -> None:
        self.here += 1

    def left(self, _peer) -> None:
        self.here -= 1


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    make_certificates(directory, ("localhost",), ("127.0.0.1",))
    return directory


class World:
    """A listener with the least protocol, and a dialer."""

    def __init__(self, keys, host: str = "127.0.0.1", *, implicit_tls: bool = False) -> None:
        self.house = House(asyncio.get_running_loop(), SystemClock(), Watch(), Blobs(), KeptJournal())
        self.gate = OpenGate()
        certificates = Certificates((keys / "server.pem", keys / "server.key"))
        self.listener = Listener(
            "lines", bind(host, 0), self.house, self.open, self.gate, certificates, implicit_tls=implicit_tls
        )
        self.host, self.port = host, self.listener.port
        self.dialer = TcpDialer(Blobs(), lambda verify: client_context(verify=verify, ca_file=keys / "ca.pem"))
        self.doors: list[Door] = []

    def open(self, line):
        door = Door(line)
        self.doors.append(door)
        door.handle = lambda event: (b"go ahead\n",) if event == b"starttls" else Door.handle(door, event)
        return Lines(), door

    async def __aenter__(self):
        await self.listener.serve()
        return self

    async def __aexit__(self, *_):
        self.listener.stop()
        await say_goodbye(self.house, 1)

    async def dial(self, **options):
        return await self.dialer.dial(self.host, self.port, deadline_seconds=5, **options)


@asynccontextmanager
async def raw_server(first_words: bytes = b""):
    """A stream to a server that says ``first_words`` after a line of ours, and then only listens."""
    over = []

    async def listen(reader, writer):
        over.append(asyncio.current_task())
        if first_words:
            await reader.readline()
            writer.write(first_words)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        dialer = TcpDialer(Blobs(), lambda _verify: client_context(verify=False))
        stream = await dialer.dial("127.0.0.1", server.sockets[0].getsockname()[1], deadline_seconds=5)
        yield stream
        stream.close()
        await asyncio.gather(*over)


async def lines(stream, number: int = 1) -> bytes:
    heard = b""
    while heard.count(b"\n") < number:
        piece = await stream.read(5)
        assert piece, heard
        heard += piece
    return heard


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_conversation(keys, host):
    async with World(keys, host) as world:
        stream = await world.dial()
        assert await lines(stream) == b"hello\n"
        await stream.write([b"one\n", b"two\n"], 5)
        assert await lines(stream, 2) == b"ok one\nok two\n"
        assert world.doors[0].line.peer.local_address == host
        await stream.write([b"quit\n"], 5)
        assert await lines(stream) == b"bye\n"
        assert await stream.read(5) == b""
        stream.close()


async def test_slices_are_read_piece_by_piece(keys):
    async with World(keys) as world:
        stream = await world.dial()
        await lines(stream)
        await stream.write([b"<", Slice("x", 0, 150_000), b">\n"], 5)
        heard = await lines(stream)
        assert heard == b"ok <" + b"b" * 150_000 + b">\n"
        stream.close()


async def test_an_upgrade_that_is_verified(keys):
    async with World(keys) as world:
        stream = await world.dial()
        await lines(stream)
        await stream.write([b"starttls\n"], 5)
        await lines(stream)
        channel = await stream.secure("localhost", verify=True, deadline_seconds=5)
        assert channel == stream.channel
        await stream.write([b"one\n"], 5)
        assert await lines(stream) == b"ok one\n"
        stream.close()


async def test_a_certificate_for_somebody_else(keys):
    async with World(keys) as world:
        stream = await world.dial()
        await lines(stream)
        await stream.write([b"starttls\n"], 5)
        await lines(stream)
        with pytest.raises(ssl.SSLCertVerificationError):
            await stream.secure("bank.test", verify=True, deadline_seconds=5)
        stream.close()


async def test_opportunistic_tls_takes_any_certificate(keys):
    async with World(keys, implicit_tls=True) as world:
        stream = await world.dial(implicit_tls=True)
        assert await lines(stream) == b"hello\n"
        stream.close()


async def test_what_was_said_before_the_handshake_is_an_attack():
    """Threat T01 the other way round: answers injected before TLS are not taken for answers inside it."""
    async with raw_server(b"250 injected\n") as stream:
        await stream.write([b"starttls\n"], 5)
        while not stream._unread:
            await asyncio.sleep(0)
        with pytest.raises(ConnectionAbortedError):
            await stream.secure("localhost", verify=False, deadline_seconds=5)


async def test_waits_have_an_end():
    async with raw_server() as stream:
        with pytest.raises(TimeoutError):
            await stream.read(0.01)
        with pytest.raises(TimeoutError):
            await stream.secure("localhost", verify=False, deadline_seconds=0.01)


async def test_only_addresses_are_dialled(keys):
    async with World(keys) as world:
        with pytest.raises(ValueError, match="localhost"):
            await world.dialer.dial("localhost", world.port, deadline_seconds=1)


async def test_policy_says_no(keys):
    dialer = TcpDialer(Blobs(), lambda _verify: client_context(verify=False), may=lambda _host, port: port != 25)
    with pytest.raises(PermissionError):
        await dialer.dial("127.0.0.1", 25, deadline_seconds=1)


async def test_nobody_is_there():
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    listening.close()
    dialer = TcpDialer(Blobs(), lambda _verify: client_context(verify=False))
    with pytest.raises(ConnectionRefusedError):
        await dialer.dial("127.0.0.1", port, deadline_seconds=5)


async def test_a_port_that_is_taken():
    with bind("127.0.0.1", 0) as first, pytest.raises(PortTaken, match="Address already in use"):
        bind("127.0.0.1", first.getsockname()[1])


async def test_goodbye_reaches_everybody_and_every_admission_is_given_back(keys):
    async with World(keys) as world:
        streams = [await world.dial() for _ in range(5)]
        for stream in streams:
            await lines(stream)
        assert (world.listener.sessions, world.gate.here) == (5, 5)
        world.listener.stop()
        goodbye = asyncio.create_task(say_goodbye(world.house, 5))
        for stream in streams:
            assert await lines(stream) == b"bye shutdown\n"
            stream.close()
        assert await goodbye == 0
        assert (world.listener.sessions, world.gate.here) == (0, 0)
        assert [door.left for door in world.doors] == [1] * 5


async def test_who_does_not_go_is_cut_off(keys):
    async with World(keys) as world:
        stream = await world.dial()
        await lines(stream)
        await stream.write([b"wait\n"], 5)
        while not world.doors[0].gates:
            await asyncio.sleep(0)
        world.listener.stop()
        assert await say_goodbye(world.house, 0.05) == 1
        with suppress(ConnectionResetError):  # or the end, as the network likes
            assert await stream.read(5) == b""
        stream.close()
