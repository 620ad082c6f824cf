"""A real socket, a real listener, on both loops: what only happens there."""

import asyncio
import socket

import pytest
import uvloop

from posthouse.net.house import House
from posthouse.net.listener import Listener, bind
from posthouse.net.watch import Watch
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection
from posthouse.testing.connection import NoBlobs
from posthouse.testing.journal import KeptJournal
from posthouse.testing.lines import Door, Lines
from posthouse.testing.ports import ManualClock
from posthouse.testing.wire import Agreeable

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


class Everybody:
    """A gate that turns nobody away."""

    def admit(self, _peer) -> None:
        return None

    def left(self, _peer) -> None:
        return None


class Mail(Agreeable):
    """``Agreeable`` for the loop."""

    patience = 60.0
    receives_content = False

    def farewell(self, _reason):
        return ()


def lines(line):
    return Lines(), Door(line)


def mail(_line):
    core = ServerConnection(Offer(hostname="mx.office.test", max_octets=1000))
    return core, Mail(core)


async def call(open_door, first: bytes, then: bytes) -> bytes:
    """All that a caller hears who said ``first`` before we could greet, and ``then`` after it.

    The kernel completes the connection and takes ``first`` before the loop gets its turn to accept.
    """
    loop = asyncio.get_running_loop()
    house = House(loop, ManualClock(), Watch(), NoBlobs(), KeptJournal())
    listener = Listener("test", bind("127.0.0.1", 0), house, open_door, Everybody())
    await listener.serve()
    try:
        with socket.create_connection(("127.0.0.1", listener.port), 2) as caller:
            caller.sendall(first)
            heard = await asyncio.to_thread(caller.recv, 1000)
            caller.sendall(then)
            while more := await asyncio.to_thread(caller.recv, 1000):
                heard += more
    finally:
        listener.stop()
    return heard


def run(loop_factory, *said) -> bytes:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(call(*said))


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("first", [b"EHLO a.test\r\n", b"Q", b"EHLO a.test\r\nQUIT\r\n"])
def test_who_speaks_smtp_before_the_greeting_is_sent_away(loop_factory, first):
    """Threat S03: nothing of it is carried out."""
    heard = run(loop_factory, mail, first, b"")
    assert heard == b"220 mx.office.test ESMTP\r\n554 5.5.1 you spoke before we answered\r\n"


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_who_waits_for_the_greeting_is_served(loop_factory):
    heard = run(loop_factory, mail, b"", b"QUIT\r\n")
    assert heard == b"220 mx.office.test ESMTP\r\n221 2.0.0 bye\r\n"


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_where_a_protocol_does_not_mind_what_came_early_is_answered_after_the_greeting(loop_factory):
    assert run(loop_factory, lines, b"one\ntwo\n", b"quit\n") == b"hello\nok one\nok two\nbye\n"


def test_who_waits_at_a_deaf_listener_is_seen_and_let_in():
    """A loop that had no memory for a connection never looked at its socket again."""

    async def story():
        loop = asyncio.get_running_loop()
        house = House(loop, ManualClock(), Watch(), NoBlobs(), KeptJournal())
        listener = Listener("test", bind("127.0.0.1", 0), house, mail, Everybody())
        await listener.serve()
        loop.remove_reader(listener.socket.fileno())
        with socket.create_connection(("127.0.0.1", listener.port), 2) as caller:
            await asyncio.sleep(0)
            assert listener.waiting == 1
            await listener.listen_again()
            heard = await asyncio.to_thread(caller.recv, 1000)
        listener.stop()
        return heard

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        assert runner.run(story()).startswith(b"220 ")


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_who_listens_again_hears_those_that_come_later(loop_factory):
    async def story():
        house = House(asyncio.get_running_loop(), ManualClock(), Watch(), NoBlobs(), KeptJournal())
        listener = Listener("test", bind("127.0.0.1", 0), house, mail, Everybody())
        await listener.serve()
        await listener.listen_again()
        with socket.create_connection(("127.0.0.1", listener.port), 2) as caller:
            heard = await asyncio.to_thread(caller.recv, 1000)
        assert listener.waiting == 0
        listener.stop()
        return heard

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(story()).startswith(b"220 ")
