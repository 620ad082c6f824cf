"""One scanner under supervision: whatever it does, the opinion says so."""

import asyncio

import pytest

from posthouse.filter.action import Action
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.scanners.breaker import OPENS_AFTER
from posthouse.filter.scanners.found import Unscanned, infected
from posthouse.filter.scanners.scanner import MOST_IN_A_ROW, Scanner
from posthouse.filter.scanners.terms import Scope, Terms
from posthouse.filter.scanners.trial import TRIALS, letter_of
from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.mail.ids import AccountId
from posthouse.net.places import Place
from posthouse.observe.metrics import PrometheusMeter
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock


class Puppet:
    """Implements ``Speaker``: does what the test says."""

    def __init__(self) -> None:
        self.trouble: BaseException | None = None
        self.opinion = Opinion()
        self.asked = 0
        self.at_once = self.most_at_once = 0
        self.gate: asyncio.Event | None = None

    async def ask(self, letter: Letter) -> Opinion:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.trouble is not None:
                raise self.trouble
            return self.opinion
        finally:
            self.at_once -= 1

    async def probe(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return "here"

    def close(self) -> None: ...


def made(**more: object) -> tuple[Scanner, Puppet, ManualClock]:
    terms = Terms(**{"name": "av", "kind": "clamd", "place": Place("127.0.0.1", 1), **more})
    puppet, clock = Puppet(), ManualClock()
    return Scanner(terms, puppet, clock=clock, journal=KeptJournal(), meter=PrometheusMeter()), puppet, clock


LETTER = letter_of(TRIALS["harmless"], "t1")


async def demanded(scanner: Scanner, letter: Letter = LETTER) -> Action:
    opinion = await scanner.examine(letter)
    return opinion.clues[0].action if opinion.clues else Action.ACCEPT


async def test_nothing_found_is_no_clue() -> None:
    scanner, _, _ = made()
    assert await scanner.examine(LETTER) == Opinion()
    assert scanner.health.state == "up"


@pytest.mark.parametrize(
    "trouble",
    [ConnectionRefusedError("refused"), RemoteError("garbage"), Unscanned("too large"), EOFError("short"),
     TimeoutError(), LocalError("ours"), ValueError("a bug")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
@pytest.mark.parametrize("choice", [Action.DEFER, Action.QUARANTINE, Action.ACCEPT])
async def test_no_failure_passes_unseen(trouble: BaseException, choice: Action) -> None:
    scanner, puppet, _ = made(on_failure=choice)
    puppet.trouble = trouble
    (clue,) = (await scanner.examine(LETTER)).clues
    assert clue.action is choice
    assert clue.name == "av.failed"
    assert "not examined by av" in clue.text
    assert (clue.reply is not None and str(clue.reply).startswith("451 4.7.1")) is (choice is Action.DEFER)


async def test_a_scanner_that_hangs_costs_its_time_and_no_more() -> None:
    scanner, puppet, _ = made(seconds=0.01)
    puppet.gate = asyncio.Event()
    assert await demanded(scanner) is Action.DEFER
    assert puppet.at_once == 0


async def test_who_is_asked_from_the_middle_of_another_task_keeps_that_task_alive() -> None:
    """The boundary begins examiners without a task of their own: their time limit must not end the session."""
    scanner, puppet, _ = made(seconds=0.01)
    puppet.gate = asyncio.Event()
    examining = scanner.examine(LETTER)
    first = examining.send(None)

    async def go_on() -> Opinion:
        await asyncio.wait((first,))
        with pytest.raises(StopIteration) as end:
            examining.send(None)
        return end.value.value

    opinion = await asyncio.create_task(go_on())
    assert opinion.clues[0].action is Action.DEFER
    assert not asyncio.current_task().cancelling()


async def test_whoever_is_cancelled_leaves_nothing_behind() -> None:
    scanner, puppet, _ = made()
    puppet.gate = asyncio.Event()
    task = asyncio.create_task(scanner.examine(LETTER))
    while not puppet.at_once:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while puppet.at_once:
        await asyncio.sleep(0)


async def test_no_more_at_once_than_was_agreed() -> None:
    scanner, puppet, _ = made(at_once=2)
    puppet.gate = asyncio.Event()
    tasks = [asyncio.create_task(scanner.examine(LETTER)) for _ in range(5)]
    while puppet.at_once < 2:
        await asyncio.sleep(0)
    puppet.gate.set()
    await asyncio.gather(*tasks)
    assert puppet.most_at_once == 2
    assert puppet.asked == 5


async def test_after_failures_it_is_left_alone_and_then_asked_again() -> None:
    scanner, puppet, clock = made()
    puppet.trouble = ConnectionRefusedError()
    for _ in range(OPENS_AFTER + 5):
        assert await demanded(scanner) is Action.DEFER
    assert puppet.asked == OPENS_AFTER
    assert scanner.health.state == "down"
    puppet.trouble = None
    await scanner.probe_if_down()
    assert scanner.health.state == "down", "not before its pause is over"
    clock.pass_time(2)
    await scanner.probe_if_down()
    assert scanner.health.state == "up"
    assert await demanded(scanner) is Action.ACCEPT


async def test_a_message_that_it_hangs_on_is_to_blame_itself_if_the_scanner_answers() -> None:
    scanner, puppet, _ = made(seconds=0.02)
    puppet.gate = asyncio.Event()
    for _ in range(OPENS_AFTER + 1):
        assert await demanded(scanner) is Action.DEFER
    assert not scanner.is_down
    puppet.gate.set()
    assert await scanner.examine(LETTER) == Opinion()


async def test_a_scanner_that_answers_to_probes_alone_is_left_alone_after_many() -> None:
    scanner, puppet, _ = made(seconds=0.01)
    puppet.gate = asyncio.Event()
    for _ in range(MOST_IN_A_ROW + OPENS_AFTER):
        assert await demanded(scanner) is Action.DEFER
    assert scanner.is_down


async def test_a_message_that_it_would_not_take_says_nothing_about_the_scanner() -> None:
    scanner, puppet, _ = made()
    puppet.trouble = Unscanned("size limit exceeded")
    for _ in range(OPENS_AFTER + 1):
        assert await demanded(scanner) is Action.DEFER
    assert puppet.asked == OPENS_AFTER + 1


async def test_a_message_larger_than_agreed_is_not_shown() -> None:
    scanner, puppet, _ = made(largest=10, on_failure=Action.QUARANTINE)
    assert await demanded(scanner) is Action.QUARANTINE
    assert puppet.asked == 0


@pytest.mark.parametrize(("scope", "asked"), [(Scope.IN, (1, 0)), (Scope.OUT, (0, 1)), (Scope.BOTH, (1, 1))])
async def test_scope(scope: Scope, asked: tuple[int, int]) -> None:
    counts = []
    for submitter in (None, AccountId(1)):
        scanner, puppet, _ = made(scope=scope)
        letter = letter_of(TRIALS["harmless"], "t1")
        letter.submitter = submitter
        await scanner.examine(letter)
        counts.append(puppet.asked)
    assert tuple(counts) == asked


@pytest.mark.parametrize("choice", [Action.REFUSE, Action.QUARANTINE])
async def test_a_virus_is_named_to_us_alone(choice: Action) -> None:
    scanner, puppet, _ = made(on_virus=choice)
    puppet.opinion = Opinion((infected(scanner.terms, "Worm.Fancy"),))
    (clue,) = (await scanner.examine(LETTER)).clues
    assert clue.action is choice
    assert "Worm.Fancy" in clue.text
    assert "Worm" not in str(clue.reply)
    assert scanner.health.found == 1
