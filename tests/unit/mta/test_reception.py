"""What all doors that take mail have in common. The dialogues are in tests/unit/services."""

import pytest

from posthouse.mta.reception import FAREWELLS, Reception
from posthouse.net.ports import Farewell
from posthouse.standards.smtp import events


def test_every_event_of_the_core_has_an_answer():
    assert set(Reception.answers) == set(events.Event.__args__)


@pytest.mark.parametrize("reason", list(Farewell))
def test_every_end_has_last_words_that_hang_up(reason):
    assert FAREWELLS[reason].code == 421
    assert FAREWELLS[reason].hang_up


async def test_any_split_of_a_session_gives_the_same_answers_and_the_same_mail(office):
    octets = (
        b"EHLO a.example\r\n",
        b"MAIL FROM:<a@b.test>\r\nRCPT TO:<nobody@office.test>\r\nRCPT TO:<alice@office.test>\r\nDATA\r\n",
        b"Subject: x\r\n\r\n..y\r\n.\r\nRSET\r\nNOOP\r\n",
        b"QUIT\r\n",
    )
    said = set()
    for piece in (None, 1, 2, 7):
        session = office.smtp()
        session._piece = piece
        async with session:
            answers = [line[:9] for part in octets for line in await session.says(*part.splitlines(keepends=True))]
        said.add(tuple(answers))
    assert len(said) == 1
    letters = await office.read("alice")
    assert len(letters) == 4
    assert {one.partition(b"\r\nSubject")[2] for one in letters} == {b": x\r\n\r\n.y\r\n"}


async def test_our_own_trouble_is_not_the_misconduct_of_the_client(office):
    """L19: a disk that is full for an hour must not end the session of who only asks again."""
    office.free = (0, 10**9)
    async with office.smtp() as session:
        await session.hello()
        for _ in range(3 * int(office.limits.hard_errors)):
            assert (await session.says("MAIL FROM:<a@b.test>"))[-1].startswith("452 4.3.1")
    assert not session.door._conduct.penalty_seconds


async def test_a_session_that_is_over_lets_go_of_its_content(office):
    session = office.smtp()
    async with session:
        await session.hello()
        await session.says("MAIL FROM:<a@b.test>", "RCPT TO:<alice@office.test>", "DATA")
        await session.client(b"x\r\n" * 100_000)
        writer = session.door._transaction.writer
        assert writer.size
    assert session.door._transaction is None
