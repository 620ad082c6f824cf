"""Milters asked while the envelope comes: nothing depends on it, and nothing of it is left behind."""

import asyncio

import pytest

from posthouse.filter.scanners.early import MOST_VISITS, Early, MilterScanner
from posthouse.filter.scanners.milter import Milter, Opening
from posthouse.filter.scanners.terms import Scope, Terms
from posthouse.filter.scanners.trial import TRIALS, letter_of
from posthouse.mail.envelope import Recipient
from posthouse.net.places import Place
from posthouse.observe.metrics import PrometheusMeter
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.testing.journal import KeptJournal
from posthouse.testing.milter import ScriptedDialer, ScriptedMilter, packet, says
from posthouse.testing.ports import ManualClock

OPENING = Opening("t1", "192.0.2.1", "client.example", "a@x.test", "", "", is_ours=False)
ALICE, BOB = (Recipient(parse_mailbox(f"{name}@office.test")) for name in ("alice", "bob"))


def made(*streams: ScriptedMilter, **more: object) -> MilterScanner:
    terms = Terms(**{"name": "m", "kind": "milter", "place": Place("127.0.0.1", 1), **more})
    clock = ManualClock()
    milter = Milter(terms, ScriptedDialer(*streams), clock, "mx.office.test")
    return MilterScanner(terms, milter, clock=clock, journal=KeptJournal(), meter=PrometheusMeter())


def refuses_bob(word: bytes, content: bytes) -> bytes:
    return packet(b"y", b"550 5.7.3 not bob\0") if word == b"R" and b"bob" in content else packet(b"c")


async def test_one_recipient_is_refused_and_the_rest_goes_on_in_the_same_session() -> None:
    stream = ScriptedMilter(refuses_bob)
    scanner = made(stream)
    early = Early([scanner], OPENING)
    assert await early.ask(ALICE) is None
    assert str(await early.ask(BOB)) == "550 5.7.3 not bob"
    letter = letter_of(TRIALS["harmless"], "t1")
    letter.visits = early.visits
    assert not (await scanner.examine(letter)).clues
    words = b"".join(word for word, _ in stream.heard if word != b"D")
    assert words == b"OCHMRRT" + b"L" * 5 + b"NBEQ"
    assert stream.closed


@pytest.mark.parametrize("stage", [b"C", b"H", b"M"])
async def test_a_refusal_of_all_is_the_answer_to_each_recipient(stage: bytes) -> None:
    early = Early([made(ScriptedMilter(says(stage, packet(b"r"))))], OPENING)
    assert (await early.ask(ALICE)).code == 550
    assert (await early.ask(BOB)).code == 550


async def test_who_accepts_early_is_asked_no_more() -> None:
    stream = ScriptedMilter(says(b"M", packet(b"a")))
    scanner = made(stream)
    early = Early([scanner], OPENING)
    assert await early.ask(ALICE) is None
    letter = letter_of(TRIALS["harmless"], "t1")
    letter.visits = early.visits
    assert not (await scanner.examine(letter)).clues
    assert b"R" not in [word for word, _ in stream.heard]


async def test_what_breaks_early_is_told_anew_at_the_end() -> None:
    broken, whole = ScriptedMilter(says(b"R", packet(b"z"))), ScriptedMilter(says(b"-"))
    scanner = made(broken, whole)
    early = Early([scanner], OPENING)
    assert await early.ask(ALICE) is None
    assert broken.closed
    letter = letter_of(TRIALS["harmless"], "t1")
    letter.visits = early.visits
    assert not (await scanner.examine(letter)).clues
    assert whole.heard[-1][0] == b"Q"


async def test_a_session_that_died_meanwhile_is_replaced() -> None:
    dead, whole = ScriptedMilter(says(b"-")), ScriptedMilter(says(b"-"))
    scanner = made(dead, whole)
    early = Early([scanner], OPENING)
    await early.ask(ALICE)
    dead.is_dead = True
    letter = letter_of(TRIALS["harmless"], "t1")
    letter.visits = early.visits
    assert not (await scanner.examine(letter)).clues
    assert b"E" in [word for word, _ in whole.heard]


async def test_a_milter_that_hangs_costs_its_time_and_the_envelope_goes_on() -> None:
    stream = ScriptedMilter(says(b"M"))
    assert await Early([made(stream, seconds=0.01)], OPENING).ask(ALICE) is None
    while not stream.closed:
        await asyncio.sleep(0)


async def test_a_transaction_that_ends_leaves_no_session() -> None:
    stream = ScriptedMilter(says(b"-"))
    early = Early([made(stream)], OPENING)
    await early.ask(ALICE)
    assert not stream.closed
    early.close()
    early.close()
    assert stream.closed


async def test_no_more_sessions_wait_for_content_than_agreed() -> None:
    streams = [ScriptedMilter(says(b"-")) for _ in range(MOST_VISITS + 1)]
    scanner = made(*streams)
    visits = [await scanner.begin(OPENING) for _ in range(MOST_VISITS + 1)]
    assert visits[-1] is None
    visits[0].close()
    visits[0].close()
    assert await scanner.begin(OPENING) is not None
    assert await scanner.begin(OPENING) is None


async def test_a_session_that_never_began_takes_no_place() -> None:
    pairs = [(ScriptedMilter(says(b"-")), ScriptedMilter(says(b"-"))) for _ in range(MOST_VISITS)]
    for broken, _ in pairs:
        broken.is_dead = True
    scanner = made(*[one for pair in pairs for one in pair], ScriptedMilter(says(b"-")))
    for _ in pairs:
        assert await scanner.begin(OPENING) is None
        await scanner.probe()
    assert await scanner.begin(OPENING) is not None


async def test_mail_that_it_does_not_look_at_begins_nothing() -> None:
    stream = ScriptedMilter(says(b"-"))
    assert await Early([made(stream, scope=Scope.OUT)], OPENING).ask(ALICE) is None
    assert not stream.heard
