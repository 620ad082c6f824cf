"""THE loop: the only place where a socket meets a core.

A session belongs to a connection from its first octet to its last. It feeds
the core, asks the door for answers, and writes them; deadlines, back-pressure,
the TLS upgrade, slow peers and last words live here once, for every protocol.

What costs nothing here is what most connections do: no task while answers
need no waiting, one write for the replies of a batch, no timer for a packet
(``net.watch``), no buffer while idle. An answer that must wait runs in one
task; until it is done what arrives is kept in the core, at most
``BACKLOG_OCTETS`` before the socket is not read any more.

States: *shaking hands* (a tunnel without a channel), *talking*, *busy* (a task
runs), *over* (last words are being written, input is ignored), gone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, cast

from posthouse.lib.sansio import Channel, Conversation, Piece, RemoteError, Slice
from posthouse.net.connection import BACKLOG_OCTETS, Connection, arrived, peer_of
from posthouse.net.house import Porch
from posthouse.net.pace import SenderPace
from posthouse.net.ports import Answer, Door, Farewell
from posthouse.net.tls import HANDSHAKE_SECONDS
from posthouse.observe.ports import Level

FAIR_EVENTS = 64
"""Events of one session in a row before its neighbours get their turn."""

LINGER_OCTETS = 1024 * 1024
"""How much of what it still sends meanwhile is thrown away (a reset would destroy the last words on their way)."""

Later = Awaitable[Iterable[Any]] | AsyncIterator[Any]
"""An answer that must wait."""


class Session(Connection):
    """One connection. Implements ``net.ports.Line`` for its door."""

    __slots__ = (
        "_busy", "_core", "_door", "_heard", "_leaving", "_more", "_open", "_sender", "_stuck", "_woken",
    )  # fmt: skip

    def __init__(self, porch: Porch) -> None:
        super().__init__(porch)
        self._core: Conversation[Any, Any]
        self._door: Door[Any, Any]
        self._open = False
        """There is a core and a door."""
        self._busy: asyncio.Task[None] | None = None
        self._leaving: Farewell | None = None
        self._heard = False
        """Something whole was heard or said since the deadline was set: single octets buy no time (I03, S04)."""
        self._more = self._woken = False
        self._sender: SenderPace | None = None
        """While a content comes in."""
        self._stuck: tuple[asyncio.Task[None], int, float] | None = None
        """A task that took longer than a deadline: what had been sent by then, and when it was."""

    # -- what the door sees

    def wake(self) -> None:
        if not self._woken and not self._over:
            self._woken = True
            if self._busy is None:
                self._house.loop.call_soon(self._pump)

    @property
    def busy(self) -> bool:
        """Whether something is in progress that does not wait for the peer."""
        return self._busy is not None or self._more

    # -- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        try:
            self._come_in(transport)
        except MemoryError:  # threat R06: nobody would ever read from it, nor hear that it is closed
            self._over = True
            transport.abort()  # type: ignore[attr-defined] # a stream has it
            raise

    def _come_in(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = peer_of(self._transport)
        refusal = self._porch.admit(self.peer)
        if refusal is not None:
            self._turn_away(refusal)
            return
        try:
            self._core, self._door = self._porch.open(self)
        except Exception as error:  # noqa: BLE001 - a bug in a door must not cost the listener
            self._porch.left(self.peer)
            self._bug("net.open", error)
            self._turn_away(b"")
            return
        self._open = True
        if self._porch.implicit_tls:
            self._shake_hands()
            return
        early = arrived(self._transport)
        if early:  # threat S03: the core shall know of it when it greets
            self._more = True
            self.data_received(early)
        if not self._over:
            self._begin(self._door.greet)

    def data_received(self, data: bytes) -> None:
        tunnel = self._tunnel
        if tunnel is not None:
            was_open = tunnel.channel is not None
            data = self._unwrap(data, tunnel)
            if not was_open and tunnel.channel is not None and not self._over:
                self._secured(tunnel.channel)
            if not data:
                if tunnel.ended and not self.eof_received():
                    self._transport.close()
                return
        self._received += len(data)
        if self._over:
            if self._received > LINGER_OCTETS:
                self._abort()
            return
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            self._core.receive_data(data)
        except RemoteError as error:
            self._break_off(error)
            return
        except Exception as error:  # noqa: BLE001 - a bug in a core must not cost the neighbours
            self._trouble(error)
            return
        if self._busy is None and self._drained is None and not self._more:
            self._pump()
            return
        self._backlog += len(data)
        if self._backlog > BACKLOG_OCTETS:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        if self._over or self._in_handshake:
            return False
        if not self._eof:
            self._eof = True
            self._feed(b"")
        return not self._over

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)
        if self._busy is None and not self._over:
            self._heard = True
            self._pump()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._lost = self._over = True
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)
        if self._busy is None or self._busy.done():
            self._gone()
        else:
            self._expect(self._patience())

    # -- answering

    def _begin(self, answer: Callable[[], Answer[Any]]) -> None:
        """Start with the greeting, then go on with what the peer says."""
        self._heard = True
        pieces: list[Piece] = []
        try:
            waiting = self._perform(answer(), pieces)
        except Exception as error:  # noqa: BLE001 - see _feed
            self._trouble(error)
            return
        self._go_on(waiting, pieces)

    def _pump(self) -> None:
        """Answer what the core has understood so far; only while no answer is in progress."""
        if self._busy is not None or self._over or self._drained is not None:
            return
        if self._tunnel is not None and self._in_handshake:
            return
        pieces: list[Piece] = []
        try:
            waiting = self._advance(pieces)
        except RemoteError as error:
            self._break_off(error, pieces)
        except Exception as error:  # noqa: BLE001 - see _feed
            self._trouble(error, pieces)
        else:
            self._go_on(waiting, pieces)

    def _advance(self, pieces: list[Piece]) -> Later | None:
        """Answer events into ``pieces`` until one must wait: that answer, or None when nothing is left to do."""
        core, door = self._core, self._door
        answer: Any
        self._more = False
        for _ in range(FAIR_EVENTS):
            event = core.next_event()
            if event is None:
                break
            self._heard = True
            answer = door.handle(event)
            if type(answer) is not tuple and _waits(answer):
                return answer  # type: ignore[no-any-return] # a cast would be a call for every event
            for action in answer:
                pieces += core.send(action)
            if core.closed or core.wants_tls:
                return None
        else:
            self._more = True
        if self._woken:
            self._woken = False
            return self._perform(door.woken(), pieces)
        return None

    def _perform(self, answer: Answer[Any], pieces: list[Piece]) -> Later | None:
        if _waits(answer):
            return cast("Later", answer)
        for action in cast("Iterable[Any]", answer):
            pieces += self._core.send(action)
        return None

    def _go_on(self, waiting: Later | None, pieces: list[Any]) -> None:
        if waiting is None and Slice not in map(type, pieces):
            self._write(pieces)
            self._settle_down()
        else:
            self._start(self._work(waiting, pieces))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = asyncio.Task(work, loop=self._house.loop, name=self._porch.name)  # a number would be formatted
        self._expect(self._patience())

    async def _work(self, waiting: Later | None, pieces: list[Piece]) -> None:
        """The rest of a batch that must wait for something."""
        try:
            while True:
                said, pieces = pieces, []
                if said:
                    await self._copy(said)
                if waiting is not None:
                    await self._carry_out(waiting)
                if self._over or self._core.closed or self._core.wants_tls:
                    break
                if self._more:
                    await asyncio.sleep(0)
                waiting = self._advance(pieces)
                if waiting is None and not pieces and not self._more:
                    break
        except RemoteError as error:
            self._done_working()
            self._break_off(error, pieces)
        except ConnectionError:
            self._done_working()
        except asyncio.CancelledError:
            if isinstance(waiting, Coroutine):  # it may not have begun
                waiting.close()
            self._done_working()
            self._abort()
        except Exception as error:  # noqa: BLE001 - see _feed
            self._done_working()
            self._trouble(error, pieces)
        else:
            self._done_working()
            self._settle_down()

    def _done_working(self) -> None:
        self._busy = None
        if self._lost:
            self._gone()

    async def _carry_out(self, answer: Later) -> None:
        """Write the actions of ``answer`` as fast as the peer reads; stop asking for more when it is gone."""
        if not hasattr(answer, "__anext__"):
            for action in await answer:
                if self._over:
                    return
                await self._copy(self._core.send(action))
            return
        async for action in cast("AsyncIterator[Any]", answer):
            if self._over:
                break
            pieces = self._core.send(action)
            if pieces:
                await self._copy(pieces)
        else:
            return
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()

    # -- between two batches

    def _settle_down(self) -> None:
        """A batch is done: upgrade, hang up, go on, or wait for the peer."""
        if self._over:
            return
        if self._core.closed:
            self._hang_up(linger=self._door.receives_content)
        elif self._core.wants_tls:
            self._shake_hands()
        elif self._more:
            self._house.loop.call_soon(self._pump_more)
        elif self._eof:
            self._hang_up(linger=False)
        elif self._leaving is not None:
            self._say_farewell(self._leaving)
        else:
            self._listen()

    def _pump_more(self) -> None:
        self._more = False
        self._pump()

    def _listen(self) -> None:
        if self._backlog:
            if self._backlog > BACKLOG_OCTETS:
                self._transport.resume_reading()
            self._backlog = 0
        if self._woken:
            self._house.loop.call_soon(self._pump)
        if self._drained is not None:  # it has to read first
            return
        if self._door.receives_content:
            self._keep_rate()
        else:
            self._sender = None
            if self._heard:
                self._heard = False
                self._expect(self._door.patience)

    def _keep_rate(self) -> None:
        now, sender = self._house.clock.monotonic(), self._sender
        if sender is None:
            sender = self._sender = SenderPace(now, self._received)
        elif not sender.prompted:
            sender.prompted = True
            self._acknowledge_at_once()
        self._expect(min(self._door.patience, sender.left(now)))

    # -- deadlines

    def _patience(self) -> float:
        return self._door.patience if self._open else HANDSHAKE_SECONDS

    def due(self, now: float) -> None:
        """The wheel says that the deadline may have passed."""
        if self._deadline > now:
            self._house.watch.put(self, self._deadline)
        elif self._lost:
            self._await_ourselves(now)
        elif self._over:
            self._abort()
        elif self._drained is not None and self._reader is not None:
            self._judge_reader(now, self._reader)
        elif self._busy is not None:  # they wait for us, not we for them
            if self._sender is not None:
                self._sender.renew(now, self._received)
            self._await_ourselves(now)
        elif self._sender is not None and self._sender.is_over(now):
            self._judge_sender(now, self._sender)
        elif self._in_handshake:
            self._abort()  # nothing can be said yet
        else:
            self._say_farewell(Farewell.IDLE)

    def _await_ourselves(self, now: float) -> None:
        """For as long as anything may take. A task that lost its turn for want of memory never ends (threat R06), and
        may not hold this place for ever.
        """
        task, stuck = self._busy, self._stuck
        if task is None:
            return
        if stuck is None or stuck[0] is not task or stuck[1] != self._sent:
            self._stuck = stuck = (task, self._sent, now)
        if not task.done() and now - stuck[2] < self._house.transfer_seconds:
            self._expect(self._patience())
            return
        self._note("net.stuck", Level.ALARM, seconds=round(now - stuck[2]))
        task.cancel()
        self._abort()
        self._done_working()

    def _judge_sender(self, now: float, sender: SenderPace) -> None:
        """L18: at least ``least_rate`` on average over each window but the first; and an end to every content."""
        house, seconds = self._house, sender.seconds(now)
        if sender.is_too_slow(now, self._received, house.least_rate) or seconds > house.transfer_seconds:
            self._note("net.slow_sender", octets=sender.came(self._received), seconds=round(seconds))
            self._say_farewell(Farewell.SLOW)
            return
        sender.renew(now, self._received)
        self._keep_rate()

    # -- TLS

    def _secured(self, channel: Channel) -> None:
        try:
            self._core.secured(channel)
        except Exception as error:  # noqa: BLE001 - see _feed
            self._trouble(error)
            return
        if self._porch.implicit_tls:
            self._begin(self._door.greet)
        else:
            self._heard = True
            self._listen()

    # -- the end

    def leave(self, reason: Farewell) -> None:
        """Finish what is in progress, then say farewell."""
        if self._over:
            return
        self._leaving = reason
        if self._busy is None and self._drained is None:
            if self._in_handshake:
                self._abort()
            else:
                self._say_farewell(reason)

    def cut(self) -> None:
        """End now, whatever is in progress."""
        if self._busy is not None:
            self._busy.cancel()
        self._abort()

    def _say_farewell(self, reason: Farewell) -> None:
        pieces: list[Piece] = []
        try:
            for action in self._door.farewell(reason):
                pieces += self._core.send(action)
        except Exception as error:  # noqa: BLE001 - the last words failed: go without
            self._bug("net.farewell", error)
        self._write([piece for piece in pieces if isinstance(piece, bytes)])
        self._hang_up(linger=True)

    def _break_off(self, error: RemoteError, pieces: Sequence[Piece] = ()) -> None:
        """The peer broke the protocol beyond repair; the core has said what there was to say."""
        self._note("net.broken_off", Level.INFO, reason=str(error))
        if self._say_whole(pieces):
            self._hang_up(linger=True)

    def _trouble(self, error: BaseException, pieces: Sequence[Piece] = ()) -> None:
        """A bug of ours: it costs this session its life, and nobody else anything."""
        try:
            self._bug("net.session", error)
            if not self._lost and self._say_whole(pieces):
                self._say_farewell(Farewell.TROUBLE)
        except MemoryError:  # not even for last words, nor to wait for the deadline
            self._abort()
            raise

    def _say_whole(self, pieces: Sequence[Piece]) -> bool:
        """What was answered before it broke; False if that is in mid-copy or yet to be copied: nothing may follow."""
        if self._busy is not None or Slice in map(type, pieces):
            self._abort()
            return False
        self._write([piece for piece in pieces if isinstance(piece, bytes)])
        return True

    def _gone(self) -> None:
        """Once, when nothing of the session is left."""
        self._house.watch.drop(self)
        if not self._open:
            return
        self._open = False
        door, self._tunnel = self._door, None
        del self._core, self._door, self._transport  # or a cycle would keep them all until a collection
        try:
            door.gone()
        except Exception as error:  # noqa: BLE001 - see _feed
            self._bug("net.gone", error)
        finally:
            self._porch.left(self.peer)


def _waits(answer: Answer[Any]) -> bool:
    return type(answer) is not tuple and (hasattr(answer, "__await__") or hasattr(answer, "__anext__"))
