"""What a milter is shown of a message, and what its words mean to us."""

import pytest

from posthouse.filter.action import Action
from posthouse.filter.amendment import AddField, ChangeField, DropRecipient, NewBody, NewSender
from posthouse.filter.scanners.milter import MOST_CHANGED, Milter, fields_of
from posthouse.filter.scanners.terms import Terms
from posthouse.filter.scanners.trial import letter_of
from posthouse.lib.sansio import RemoteError
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.net.places import Place
from posthouse.testing.milter import Answers, ScriptedDialer, ScriptedMilter, packet, says
from posthouse.testing.ports import ManualClock

CONTENT = b"From:a@x.test\r\nSubject:  hi\r\n\tthere\r\ngarbage\r\n\r\nbody\r\n"


async def asked(answers: Answers, content: bytes = CONTENT, steps: int = 0, recipients: tuple[Recipient, ...] = ()):
    stream = ScriptedMilter(answers, steps)
    terms = Terms(name="m", kind="milter", place=Place("127.0.0.1", 1))
    letter = letter_of(content, "t1")
    letter.prefix = b"Date: today\r\n"
    letter.recipients = recipients
    opinion = await Milter(terms, ScriptedDialer(stream), ManualClock(), "mx.office.test").ask(letter)
    assert stream.closed
    return opinion, stream


async def test_a_milter_sees_all_in_order() -> None:
    opinion, stream = await asked(says(b"-"))
    assert not opinion.clues
    assert not opinion.amendments
    assert b"".join(word for word, _ in stream.heard) == b"ODCHDMDTLLLDNBDEQ"
    fields = [content for word, content in stream.heard if word == b"L"]
    assert fields == [b"Date\0today\0", b"From\0a@x.test\0", b"Subject\0 hi\n\tthere\0"]
    assert (b"B", b"body\r\n") in stream.heard


async def test_who_wants_the_space_gets_it() -> None:
    _, stream = await asked(says(b"-"), steps=0x100000)
    assert (b"L", b"Date\0 today\0") in stream.heard


async def test_a_large_body_comes_in_packets() -> None:
    _, stream = await asked(says(b"-"), content=b"A: b\r\n\r\n" + b"x" * 200_000)
    packets = [content for word, content in stream.heard if word == b"B"]
    assert max(map(len, packets)) == 65535
    assert b"".join(packets) == b"x" * 200_000


async def test_skip_spares_the_rest_of_the_body() -> None:
    _, stream = await asked(says(b"B", packet(b"s")), content=b"A: b\r\n\r\n" + b"x" * 200_000, steps=0x400)
    assert [word for word, _ in stream.heard].count(b"B") == 1
    assert stream.heard[-2][0] == b"E"


@pytest.mark.parametrize("stage", [b"C", b"H", b"M", b"T", b"L", b"N", b"B", b"E"])
async def test_a_refusal_at_any_stage_is_ours(stage: bytes) -> None:
    opinion, _ = await asked(says(stage, packet(b"y", b"554 5.7.7 no\0")))
    (clue,) = opinion.clues
    assert clue.action is Action.REFUSE
    assert str(clue.reply) == "554 5.7.7 no"


async def test_accept_ends_it_at_once() -> None:
    opinion, stream = await asked(says(b"M", packet(b"a")))
    assert not opinion.clues
    assert stream.heard[-1][0] == b"Q"
    assert b"B" not in [word for word, _ in stream.heard]


@pytest.mark.parametrize("word", [b"t", b"f", b"4"])
async def test_later(word: bytes) -> None:
    opinion, _ = await asked(says(b"E", packet(word)))
    assert opinion.clues[0].action is Action.DEFER
    assert opinion.clues[0].reply.transient


async def test_discard_is_quarantine() -> None:
    opinion, _ = await asked(says(b"N", packet(b"d")))
    assert opinion.clues[0].action is Action.QUARANTINE


TWO = tuple(Recipient(Address(name, "office.test")) for name in ("alice", "bob"))


async def test_who_drops_everybody_has_it_put_aside_for_them() -> None:
    """It would have been accepted, for nobody."""
    changes = (packet(b"-", b"<alice@office.test>\0"), packet(b"-", b"<BOB@office.test>\0"))
    opinion, _ = await asked(says(b"E", *changes, packet(b"c")), recipients=TWO)
    assert [clue.action for clue in opinion.clues] == [Action.QUARANTINE]
    assert opinion.amendments == ()


async def test_who_drops_one_or_sends_it_to_another_may_do_so() -> None:
    drop_one = packet(b"-", b"<alice@office.test>\0")
    opinion, _ = await asked(says(b"E", drop_one, packet(b"c")), recipients=TWO)
    assert (opinion.clues, opinion.amendments) == ((), (DropRecipient("alice@office.test"),))
    changes = (packet(b"+", b"<carol@office.test>\0"), drop_one, packet(b"-", b"<bob@office.test>\0"))
    opinion, _ = await asked(says(b"E", *changes, packet(b"c")), recipients=TWO)
    assert (opinion.clues, len(opinion.amendments)) == ((), 3)


async def test_changes() -> None:
    opinion, _ = await asked(
        says(
            b"E", packet(b"h", b"X-A\0one\ntwo\r\n three\0"), packet(b"m", b"\0\0\0\0Subject\0\0"),
            packet(b"b", b"new "), packet(b"e", b"<>\0"), packet(b"b", b"body"), packet(b"c"),
        )
    )  # fmt: skip
    assert opinion.amendments == (
        AddField(b"X-A", b" one\r\n\ttwo\r\n three"), ChangeField(b"Subject", 1, b""), NewSender(""),
        NewBody(b"new body"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [packet(b"e", b"<not an address>\0"), packet(b"+", b"<bob>\0"), packet(b"+", b"<>\0"), packet(b"-", b"x\r\ny\0")],
)
async def test_an_address_that_is_none_is_a_failure_of_the_milter(change: bytes) -> None:
    with pytest.raises(RemoteError, match="address"):
        await asked(says(b"E", change, packet(b"c")))


async def test_a_milter_cannot_make_the_header_endless() -> None:
    with pytest.raises(RemoteError, match="too large"):
        await asked(says(b"E", packet(b"h", b"X\0" + b"x" * (MOST_CHANGED // 2) + b"\0") * 3, packet(b"c")))


def test_fields_as_milters_know_them() -> None:
    octets = b"A: one\r\nB :two\r\n :none\r\nC:\r\n"
    assert list(fields_of(octets, keeps_space=False))[:1] == [(b"A", b"one")]
    assert list(fields_of(b"C:\r\n", keeps_space=False)) == [(b"C", b"")]
