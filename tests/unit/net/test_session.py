"""The loop: what every protocol may rely on, told with the least protocol there can be."""

import asyncio

import pytest

from posthouse.net.connection import BACKLOG_OCTETS, SLICE_OCTETS
from posthouse.net.ports import Farewell, Line
from posthouse.net.session import FAIR_EVENTS
from posthouse.testing.connection import HIGH_WATER, Connection
from posthouse.testing.lines import Door, Lines

pytestmark = pytest.mark.asyncio


class Blobs:
    def __init__(self) -> None:
        self.most = 0

    async def read(self, _blob: str, start: int, length: int) -> bytes:
        self.most = max(self.most, length)
        await asyncio.sleep(0)
        return bytes((at % 251) for at in range(start, start + length))


class House:
    def __init__(self, **options) -> None:
        self.blobs = Blobs()
        self.wire = Connection(self.open, blobs=self.blobs, **options)

    def open(self, line: Line):
        self.core, self.door = Lines(), Door(line)
        return self.core, self.door


async def test_a_dialogue():
    house = House()
    assert await house.wire.connect() == b"hello\n"
    assert await house.wire.say(b"one\ntwo\n") == b"ok one\nok two\n"
    assert await house.wire.say(b"quit\n") == b"bye\n"
    assert house.wire.transport.closed
    assert house.door.left == 1
    assert house.wire.here == 0


async def test_replies_of_one_batch_are_one_write():
    house = House()
    await house.wire.connect()
    before = house.wire.transport.writes
    await house.wire.say(b"a\nb\nc\nd\n")
    assert house.wire.transport.writes == before + 1


async def test_any_split_gives_the_same_answers():
    whole, slow = House(), House()
    text = b"one\nwait\ntwo\nquit\n"
    await whole.wire.connect()
    await slow.wire.connect()
    first = await _with_gates_open(whole, whole.wire.say(text))
    second = await _with_gates_open(slow, slow.wire.say_slowly(text))
    assert first == second == b"ok one\ndone 0\nok two\nbye\n"


async def _with_gates_open(house: House, saying) -> bytes:
    task = asyncio.ensure_future(saying)
    while not task.done():
        await asyncio.sleep(0)
        for gate in house.door.gates:
            gate.set()
    return task.result()


async def test_while_an_answer_waits_nothing_else_is_answered():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\nnext\n")
    for _ in range(5):
        await asyncio.sleep(0)
    assert house.door.heard == [b"wait"]
    house.door.gates[0].set()
    assert await house.wire.hear() == b"done 0\nok next\n"


async def test_earlier_replies_do_not_wait_for_a_later_answer():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"one\nwait\n")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert bytes(house.wire.transport.written).endswith(b"ok one\n")
    house.door.gates[0].set()
    await house.wire.hear()


async def test_a_peer_that_talks_on_while_we_are_busy_is_not_read_for_ever():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\n")
    await asyncio.sleep(0)
    house.wire.session.data_received(b"z" * BACKLOG_OCTETS + b"\n")
    assert not house.wire.transport.reading
    house.door.gates[0].set()
    await house.wire.hear()
    assert house.wire.transport.reading


async def test_a_slice_is_copied_in_small_parts():
    house = House()
    await house.wire.connect()
    sent = await house.wire.say(b"blob\n")
    assert sent == b"<" + bytes(at % 251 for at in range(10, 150_010)) + b">"
    assert house.blobs.most <= 64 * 1024


@pytest.mark.parametrize("answer", [b"wait many\n", b"wait large\n"])
async def test_a_peer_that_does_not_read_stops_the_work(answer):
    house = House()
    await house.wire.connect()
    house.wire.transport.reads = False
    house.wire.session.data_received(answer)
    await asyncio.sleep(0)
    house.door.gates[0].set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(house.wire.transport.stuck) <= HIGH_WATER + SLICE_OCTETS
    for _ in range(50):
        house.wire.transport.read_on()
        await asyncio.sleep(0)
    assert len(await house.wire.hear()) == 300_000


async def test_commands_are_not_answered_into_a_full_buffer():
    house = House()
    await house.wire.connect()
    house.wire.transport.reads = False
    await house.wire.say(b"many\n")
    await house.wire.say(b"one\n" * 1000)
    assert len(house.door.heard) == 1
    house.wire.transport.read_on()
    assert (await house.wire.hear()).endswith(b"ok one\n")
    assert len(house.door.heard) == 1001


async def test_a_slow_reader_is_hung_up_on():
    house = House()
    await house.wire.connect()
    house.wire.transport.reads = False
    await house.wire.say(b"many\n")
    await house.wire.pass_time(63)
    assert house.wire.transport.closed
    assert house.door.left == 1


async def test_silence_ends_with_a_farewell():
    house = House()
    await house.wire.connect()
    assert await house.wire.pass_time(59) == b""
    await house.wire.say(b"x\n")
    assert await house.wire.pass_time(59) == b""
    assert await house.wire.pass_time(3) == b"bye idle\n"
    assert house.wire.transport.half_closed
    await house.wire.pass_time(7)
    assert house.wire.transport.closed
    assert house.door.left == 1


async def test_silence_of_ours_is_not_held_against_the_peer():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\n")
    await asyncio.sleep(0)
    for _ in range(200):
        house.wire.clock.pass_time(1)
        house.wire.house.watch.turn(house.wire.clock.monotonic())
    house.door.gates[0].set()
    assert await house.wire.hear() == b"done 0\n"


async def test_content_that_trickles_is_refused_after_the_second_window():
    """L18."""
    house = House()
    await house.wire.connect()
    house.door.receives_content = True
    heard = b""
    for _ in range(62):
        heard += await house.wire.say(b".")
        heard += await house.wire.pass_time(1)
    assert heard == b"bye slow\n"
    assert house.door.farewells == [Farewell.SLOW]


async def test_content_at_the_least_rate_is_taken():
    house = House()
    await house.wire.connect()
    house.door.receives_content = True
    for _ in range(120):
        await house.wire.say(b"." * 1200)
        await house.wire.pass_time(1)
    assert house.door.farewells == []


async def test_content_may_not_last_for_ever():
    house = House()
    await house.wire.connect()
    house.door.receives_content = True
    for _ in range(1900):
        if house.door.farewells:
            break
        house.wire.session.data_received(b"." * 1999 + b"\n")
        house.wire.clock.pass_time(1)
        house.wire.house.watch.turn(house.wire.clock.monotonic())
    assert house.door.farewells == [Farewell.SLOW]


async def test_any_number_of_wakes_is_one():
    house = House()
    await house.wire.connect()
    for _ in range(5):
        house.door.line.wake()
    assert await house.wire.hear() == b"news\n"


async def test_a_wake_during_an_answer_is_heard_after_it():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\n")
    await asyncio.sleep(0)
    house.door.line.wake()
    house.door.gates[0].set()
    assert await house.wire.hear() == b"done 0\nnews\n"


@pytest.mark.parametrize("text", [b"one\nbug\ntwo\n", b"one\nwait bug\n"])
async def test_a_bug_costs_its_session_and_no_traceback_reaches_the_peer(text):
    house = House()
    await house.wire.connect()
    heard = await _with_gates_open(house, house.wire.say(text))
    assert heard == b"ok one\nbye trouble\n"
    assert [type(bug) for bug in house.wire.journal.bugs] == [ValueError]
    await house.wire.end()
    assert house.door.left == 1


async def test_a_door_that_cannot_be_opened_costs_the_listener_nothing():
    def fail(_line):
        raise ValueError("on purpose")

    wire = Connection(fail)
    await wire.connect()
    assert wire.transport.closed
    assert wire.here == 0
    assert len(wire.journal.bugs) == 1


async def test_a_broken_protocol_is_not_a_bug():
    house = House()
    await house.wire.connect()
    assert await house.wire.say(b"one\nbreak\n") == b"ok one\n"
    assert house.wire.journal.bugs == []
    assert house.wire.transport.half_closed


async def test_who_is_not_admitted_meets_no_core():
    house = House(refusal=b"not now\n")
    assert await house.wire.connect() == b"not now\n"
    assert house.wire.transport.closed
    assert not hasattr(house, "core")
    assert house.wire.here == 0


async def test_half_closed_peers_still_hear_the_answers():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\nquit\n")
    assert house.wire.session.eof_received()
    house.door.gates or await asyncio.sleep(0)
    house.door.gates[0].set()
    assert await house.wire.hear() == b"done 0\nbye\n"
    assert house.core.ended
    assert house.wire.transport.closed


async def test_gone_once_and_only_after_the_answer_is_finished():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\n")
    await asyncio.sleep(0)
    house.wire.transport.closed = True
    house.wire.session.connection_lost(None)
    assert house.door.left == 0
    house.door.gates[0].set()
    await house.wire.hear()
    assert house.door.left == 1


async def test_leaving_lets_the_answer_finish():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\n")
    await asyncio.sleep(0)
    house.wire.session.leave(Farewell.SHUTDOWN)
    house.door.gates[0].set()
    assert await house.wire.hear() == b"done 0\nbye shutdown\n"


async def test_cutting_ends_even_an_answer_that_never_comes():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\n")
    await asyncio.sleep(0)
    house.wire.session.cut()
    await house.wire.hear()
    assert house.wire.transport.closed
    assert house.door.left == 1


async def test_an_answer_that_had_not_begun_when_all_was_cut_is_let_go_of(recwarn):
    house = House()
    await house.wire.connect()
    house.wire.transport.reads = False
    house.wire.session.data_received(b"many\nwait\n")
    await asyncio.sleep(0)
    house.wire.session.cut()
    await house.wire.hear()
    assert house.door.left == 1
    assert not house.door.gates
    assert not recwarn.list, "a coroutine that nobody awaited"


async def test_a_flood_of_commands_lets_the_neighbours_in():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"n\n" * (FAIR_EVENTS * 3))
    assert len(house.door.heard) == FAIR_EVENTS
    await house.wire.hear()
    assert len(house.door.heard) == FAIR_EVENTS * 3


async def test_last_words_survive_a_peer_that_talks_on():
    house = House()
    await house.wire.connect()
    await house.wire.say(b"bug\n")
    assert house.wire.transport.half_closed
    assert not house.wire.transport.closed
    await house.wire.say(b"more " * 1000)
    await house.wire.end()
    assert house.wire.transport.closed


async def test_single_octets_buy_no_time():
    """Threats S04 and I03: patience is for a whole command, not for each octet of one."""
    house = House()
    await house.wire.connect()
    await house.wire.say(b"one\n")
    heard = b""
    for _ in range(70):
        if house.door.farewells:
            break
        heard += await house.wire.say(b"x")
        heard += await house.wire.pass_time(1)
    assert heard == b"bye idle\n"


async def test_nothing_is_said_inside_content_that_broke_off():
    house = House()

    async def read(_blob: str, start: int, length: int) -> bytes:
        if start > 10:
            raise OSError("the disk is gone")
        return b"c" * length

    house.blobs.read = read
    await house.wire.connect()
    assert await house.wire.say(b"blob\n") == b"<" + b"c" * SLICE_OCTETS
    assert house.wire.transport.closed
    assert [entry.event for entry in house.wire.journal.entries] == ["net.slice-lost"]
    assert house.wire.journal.bugs == []
    assert house.door.left == 1


@pytest.mark.parametrize("last", [b"bug\n", b"break\n"])
async def test_nothing_is_said_in_place_of_content_that_had_yet_to_be_copied(last):
    house = House()
    await house.wire.connect()
    assert await house.wire.say(b"blob\n" + last) == b""
    assert house.wire.transport.closed
    assert house.door.left == 1


async def test_nothing_is_said_while_content_is_being_copied():
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"blob\n")
    await asyncio.sleep(0)

    def fail(_data: bytes) -> None:
        raise ValueError("on purpose")

    house.core.receive_data = fail
    house.wire.session.data_received(b"x")
    assert (await house.wire.hear()).strip(b"<") == b""
    assert house.wire.transport.closed


async def test_a_reader_at_the_least_rate_is_waited_for():
    house = House()
    await house.wire.connect()
    house.wire.transport.reads = False
    await house.wire.say(b"many\n")
    del house.wire.transport.stuck[: 63 * 1024 + 1024]  # so much it has read by then
    await house.wire.pass_time(63)
    assert not house.wire.transport.closed


async def _read_slowly(house: House, octets: int, seconds: int) -> None:
    """As a peer that takes so many octets a second; the buffer is refilled at its low-water mark, as asyncio does."""
    transport = house.wire.transport
    for _ in range(seconds):
        was = len(transport.stuck)
        del transport.stuck[:octets]
        if was > HIGH_WATER // 4 >= len(transport.stuck):
            house.wire.session.resume_writing()
        await house.wire.pass_time(1)


async def test_a_reader_just_above_the_least_rate_gets_everything():
    house = House()
    await house.wire.connect()
    house.door.patience = 1800.0
    house.wire.transport.reads = False
    await house.wire.say(b"many\n" * 3)
    await _read_slowly(house, 1100, 400)
    assert not house.wire.transport.closed
    assert len(house.door.heard) == 3


async def test_no_refill_and_no_patience_excuses_a_reader_below_the_least_rate():
    """L18, where the door's patience is half an hour."""
    house = House()
    await house.wire.connect()
    house.door.patience = 1800.0
    house.wire.transport.reads = False
    await house.wire.say(b"blob\n" * 20)
    await _read_slowly(house, 900, 100)
    assert house.wire.transport.closed


# -- want of memory (threat R06)


def no_memory(*_words, **_values):
    raise MemoryError


async def test_who_comes_in_when_there_is_no_memory_is_not_left_standing_there(monkeypatch):
    """Not even for a line in the journal: the loop would neither read from him nor hear that he has gone."""
    house = House()
    monkeypatch.setattr(house.wire, "_open", no_memory)
    monkeypatch.setattr(house.wire.journal, "bug", no_memory)
    with pytest.raises(MemoryError):
        await house.wire.connect()
    await house.wire.hear()
    assert house.wire.transport.closed
    assert house.wire.here == 0


async def test_who_is_lost_without_a_word_gives_back_his_place(monkeypatch):
    house = House()
    await house.wire.connect()
    monkeypatch.setattr(house.wire.journal, "bug", no_memory)
    with pytest.raises(MemoryError):
        await house.wire.say(b"bug\n")
    await house.wire.hear()
    assert house.wire.transport.closed
    assert (house.wire.here, house.door.left) == (0, 1)


@pytest.mark.parametrize("goes", [True, False])
async def test_work_that_ended_unnoticed_holds_no_place(goes):
    """A task that could not even say that it was over, as its session knows it then."""
    house = House()
    await house.wire.connect()
    house.wire.session._busy = asyncio.get_running_loop().create_future()
    house.wire.session._busy.set_result(None)
    if goes:
        await house.wire.vanish()
    else:
        await house.wire.pass_time(62)
    assert house.wire.transport.closed
    assert (house.wire.here, house.door.left) == (0, 1)


@pytest.mark.parametrize("goes", [True, False])
async def test_a_task_that_lost_its_turn_holds_its_place_no_longer_than_a_content_may_take(goes):
    """What it waits for has come, and nobody has told it."""
    house = House()
    await house.wire.connect()
    house.wire.session.data_received(b"wait\n")
    await asyncio.sleep(0)
    if goes:
        house.wire.transport.closed = True
        house.wire.session.connection_lost(None)
    limit = house.wire.house.transfer_seconds
    for _ in range(int(limit)):
        house.wire.clock.pass_time(1)
        house.wire.house.watch.turn(house.wire.clock.monotonic())
    assert house.wire.here == 1
    for _ in range(200):
        house.wire.clock.pass_time(1)
        house.wire.house.watch.turn(house.wire.clock.monotonic())
    await house.wire.hear()
    assert house.wire.transport.closed
    assert (house.wire.here, house.door.left) == (0, 1)
    assert len(house.wire.house.watch) == 0


async def test_a_door_that_cannot_even_be_closed_gives_back_the_place(monkeypatch):
    house = House()
    await house.wire.connect()
    monkeypatch.setattr(house.door, "gone", no_memory)
    monkeypatch.setattr(house.wire.journal, "bug", no_memory)
    with pytest.raises(MemoryError):
        await house.wire.vanish()
    assert house.wire.here == 0
