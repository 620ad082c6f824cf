"""Own content checks at the boundary: small things here, large ones in a worker, and none of them stops the loop."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from posthouse.filter.action import Action
from posthouse.filter.content.examiner import WORK, ContentExaminer, is_plain
from posthouse.filter.content.policy import Policy
from posthouse.filter.content.replication import Replication
from posthouse.filter.content.unpacking import Bounds
from posthouse.filter.examination import examine
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.lib.work import Answer, Failed, Source
from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, BlobId
from posthouse.standards.imf.header import parse_header
from posthouse.supervisor.workers import WorkerPool
from posthouse.testing.bombs import bombs
from posthouse.testing.carriers import HEAD, TEST_FILE, containers, message, wrappers, zipped
from posthouse.testing.journal import KeptJournal
from posthouse.testing.opinions import opinion_of

MIB = 1024 * 1024
WORKER_OCTETS = 272 * MIB


def letter_of(octets: bytes, *, large: bool = False) -> Letter:
    async def read(start: int, length: int) -> bytes:
        return octets[start : start + min(length, MIB)]

    blob = Blob(BlobId("x"), len(octets), None if large else octets)
    return Letter("id", "192.0.2.1", "far.test", "a@far.test", (), (), None, examine(octets), blob, read)


class Nobody:
    """Workers that fail, or that must not be asked."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    async def run(
        self, work: str, octets: bytes | Source, answer: type[Answer], *, terms: object = None, seconds: float
    ) -> Answer:
        assert self.reason, "nobody should have been asked"
        raise Failed(self.reason)


def examiner(workers: Any, seconds: float = 30.0) -> ContentExaminer:
    return ContentExaminer(workers, Policy(), bounds=Bounds(), seconds=seconds)


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    made = WorkerPool((WORK,), journal=KeptJournal(), most=1, memory_octets=WORKER_OCTETS)
    yield made
    await made.close()


class Still:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds


def names(opinion: Opinion) -> set[str]:
    return {clue.name for clue in opinion.clues}


async def test_a_plain_text_costs_no_worker_and_says_nothing() -> None:
    assert await opinion_of(examiner(Nobody()), letter_of(HEAD + b"\r\nhello\r\n")) == Opinion()


async def test_small_things_without_archives_are_looked_at_at_once() -> None:
    assert names(await opinion_of(examiner(Nobody()), letter_of(message(TEST_FILE)))) == {"content.virus"}


async def test_the_body_is_looked_at_from_its_beginning_when_fields_were_cut_from_the_header() -> None:
    letter = letter_of(HEAD + b"X-Forged: " + b"x" * 60 + b"\r\n\r\nbegin 644 a.exe\r\n")
    letter.blob = Blob(BlobId("x"), 0, HEAD + b"\r\nbegin 644 a.exe\r\n`\r\nend\r\n" + b"and more\r\n" * 9)
    assert names(await opinion_of(examiner(Nobody()), letter)) == {"content.executable"}


async def test_archives_are_opened_by_a_worker(pool: WorkerPool) -> None:
    asked = examiner(pool)
    found = await opinion_of(asked, letter_of(message(zipped({"b.zip": zipped({"a.txt": TEST_FILE})}), "a.zip")))
    assert names(found) == {"content.virus"}
    assert found.clues[0].action is Action.QUARANTINE
    assert '"a.txt" in "b.zip" in "a.zip"' in found.clues[0].text
    assert await opinion_of(asked, letter_of(message(zipped({"a.txt": b"fine"}), "a.zip"))) == Opinion()


async def test_a_large_message_is_read_and_looked_at_by_a_worker(pool: WorkerPool) -> None:
    large = message(bytes(8 * MIB) + TEST_FILE)
    assert names(await opinion_of(examiner(pool), letter_of(large, large=True))) == {"content.virus"}


async def test_all_containers_are_the_same_to_a_worker(pool: WorkerPool) -> None:
    """Nothing that it needs is loaded too late for a process that may open no file."""
    for way, octets in containers().items():
        assert "content.virus" in names(await opinion_of(examiner(pool), letter_of(octets, large=True))), way


@pytest.mark.parametrize("reason", ["late", "died", "broken"])
async def test_who_did_not_survive_the_look_met_something_unscannable(reason: str) -> None:
    found = await opinion_of(examiner(Nobody(reason)), letter_of(b"", large=True))
    assert [(clue.name, clue.action) for clue in found.clues] == [("content.unscannable", Action.QUARANTINE)]


async def test_too_much_work_is_no_verdict_the_sender_comes_again() -> None:
    found = await opinion_of(examiner(Nobody("busy")), letter_of(b"", large=True))
    assert [(clue.name, clue.action) for clue in found.clues] == [("content.failed", Action.DEFER)]


@pytest.mark.slow
async def test_bombs_are_unscannable_and_the_loop_goes_on(pool: WorkerPool) -> None:
    heartbeats = 0

    async def beat() -> None:
        nonlocal heartbeats
        while True:
            await asyncio.sleep(0)
            heartbeats += 1

    beating = asyncio.create_task(beat())
    kinds = bombs()
    assert len(kinds) >= 20
    wrong = {}
    for name, octets in kinds.items():
        before = heartbeats
        found = await opinion_of(examiner(pool), letter_of(octets, large=True))
        if "content.unscannable" not in names(found) or heartbeats == before:
            wrong[name] = [clue.text for clue in found.clues]
        for pid in pool.pids:
            assert most_resident(pid) <= 256 * MIB, name
    beating.cancel()
    assert not wrong


def most_resident(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["VmHWM"].split()[0]) * 1024


async def test_a_bomb_that_takes_too_long_is_killed(pool: WorkerPool) -> None:
    await opinion_of(examiner(pool), letter_of(message(zipped({"a": b"b"}), "a.zip")))
    (pid,) = pool.pids
    found = await examiner(pool, seconds=0.02).examine(
        letter_of(message(zipped({"a": os.urandom(30 * MIB)}), "a.zip"), large=True)
    )
    assert names(found) == {"content.unscannable"}
    assert pid not in pool.pids


@pytest.mark.parametrize(
    "octets",
    [
        HEAD + b"\r\n" + TEST_FILE,
        HEAD + b"Content-Type: text/html\r\n\r\nx",
        HEAD + b"Content-Type: text/plain; name=a.exe\r\n\r\nx",
        HEAD + b"Content-Disposition: attachment; filename=a.exe\r\n\r\nx",
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nx",
        HEAD + b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx",
        HEAD + b"\r\nhello\r\n--x\r\nContent-Type: text/html\r\n\r\nx",
        HEAD + b"\r\nContent-Type: text/html\r\n\r\nx",
        HEAD + b"\r\nbegin 644 a.exe\r\n",
        HEAD + b"\r\nhello\r\nbegin 644 a.exe\r\n",
        HEAD + b"garbage\r\n\r\nx",
        HEAD + b"\r\nMZ\x00\x00",
    ],
)
def test_what_is_not_plain_gets_the_whole_look(octets: bytes) -> None:
    assert not is_plain(parse_header(octets), octets)


def test_no_ambiguous_message_is_taken_for_a_plain_text() -> None:
    assert not [name for name, octets in wrappers() if is_plain(parse_header(octets), octets)]


FILE = b"\x01 what spreads itself \x02" * 20


async def sent_by(watched: ContentExaminer, account: int | None, octets: bytes) -> set[str]:
    letter = letter_of(octets)
    letter.submitter = None if account is None else AccountId(account)
    return names(await opinion_of(watched, letter))


async def test_a_file_that_many_accounts_send_is_held_from_the_fifth_on(pool: WorkerPool) -> None:
    clock = Still()
    for octets in (message(FILE), message(zipped({"a.txt": FILE}), "a.zip")):
        watched = ContentExaminer(
            pool, Policy(), bounds=Bounds(), seconds=30.0, replication=Replication(clock, accounts=5, seconds=600)
        )
        assert [await sent_by(watched, one, octets) for one in (1, 2, 3, 4, 4, 4)] == [set()] * 6
        assert await sent_by(watched, 5, octets) == {"content.worm"}
        assert await sent_by(watched, 1, octets) == {"content.worm"}
        assert await sent_by(watched, 6, octets) == {"content.worm"}
        clock.seconds += 601
        assert await sent_by(watched, 7, octets) == set()


async def test_one_account_may_send_a_file_to_many_and_pictures_are_in_all_signatures(pool: WorkerPool) -> None:
    watched = ContentExaminer(
        pool, Policy(), bounds=Bounds(), seconds=30.0, replication=Replication(Still(), accounts=5, seconds=600)
    )
    assert [await sent_by(watched, 1, message(FILE)) for _ in range(9)] == [set()] * 9
    logo = message(b"\x89PNG\r\n\x1a\n" + FILE, "logo.png", "image/png")
    assert [await sent_by(watched, one, logo) for one in range(9)] == [set()] * 9
    assert [await sent_by(watched, None, message(FILE + b"x")) for _ in range(9)] == [set()] * 9


def test_bounds_go_over_as_plain_values() -> None:
    assert msgspec.convert(msgspec.to_builtins(Bounds(depth=2)), Bounds) == Bounds(depth=2)
