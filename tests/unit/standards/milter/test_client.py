"""The milter protocol, version 6, by its byte forms (libmilter/mfdef.h), and what a broken filter may try."""

import struct

import pytest

from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.standards.milter import events as said
from posthouse.standards.milter.client import MOST_CHANGES, MilterConnection
from posthouse.standards.milter.events import Tell, TellBody, TellClient
from posthouse.standards.milter.words import Actions, Stage, Steps

EVERYTHING = 0x1FF


def packet(word: bytes, content: bytes = b"") -> bytes:
    return struct.pack("!L", len(content) + 1) + word + content


def agreed(actions: int = EVERYTHING, steps: int = 0, version: int = 6, macros: bytes = b"") -> MilterConnection:
    core = MilterConnection()
    core.send(Tell(Stage.NEGOTIATE))
    core.receive_data(packet(b"O", struct.pack("!LLL", version, actions, steps) + macros))
    core.next_event()
    return core


def sent(core: MilterConnection, action: object) -> bytes:
    return b"".join(core.send(action))


def hear(core: MilterConnection, word: bytes, content: bytes = b""):
    core.receive_data(packet(word, content))
    return core.next_event()


def at_the_end(actions: int = EVERYTHING) -> MilterConnection:
    core = agreed(actions)
    core.send(Tell(Stage.END_OF_BODY))
    return core


def test_options_are_offered_as_version_actions_and_steps() -> None:
    core = MilterConnection()
    assert sent(core, Tell(Stage.NEGOTIATE)) == b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"


def test_what_was_agreed_is_known() -> None:
    core = agreed(0x11, 0x81)
    assert core.options.version == 6
    assert core.options.actions == Actions.ADD_FIELDS | Actions.CHANGE_FIELDS
    assert core.options.steps == Steps.NO_CONNECT | Steps.SILENT_FIELDS


@pytest.mark.parametrize(
    ("action", "octets"),
    [
        (TellClient(b"h", b"4", 25, b"192.0.2.1"), packet(b"C", b"h\x004\x00\x19192.0.2.1\0")),
        (TellClient(b"h", b"6", 0, b"IPv6:2001:db8::1"), packet(b"C", b"h\x006\x00\x00IPv6:2001:db8::1\0")),
        (TellClient(b"h", b"U", 0, b""), packet(b"C", b"h\x00U")),
        (Tell(Stage.HELO, (b"client.example",)), packet(b"H", b"client.example\0")),
        (Tell(Stage.MAIL, (b"<a@x.test>", b"SIZE=3")), packet(b"M", b"<a@x.test>\0SIZE=3\0")),
        (Tell(Stage.RCPT, (b"<b@y.test>",)), packet(b"R", b"<b@y.test>\0")),
        (Tell(Stage.DATA), packet(b"T")),
        (Tell(Stage.FIELD, (b"Subject", b"hi\n there")), packet(b"L", b"Subject\0hi\n there\0")),
        (Tell(Stage.END_OF_HEADER), packet(b"N")),
        (TellBody(b"line\r\n"), packet(b"B", b"line\r\n")),
        (Tell(Stage.END_OF_BODY), packet(b"E")),
        (Tell(Stage.UNKNOWN, (b"XYZZY",)), packet(b"U", b"XYZZY\0")),
        (Tell(Stage.ABORT), packet(b"A")),
        (Tell(Stage.QUIT), packet(b"Q")),
        (Tell(Stage.NEXT_CLIENT), packet(b"K")),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else None,
)
def test_each_stage_on_the_wire(action: object, octets: bytes) -> None:
    assert sent(agreed(), action) == octets


def test_macros_go_before_their_stage() -> None:
    tell = Tell(Stage.MAIL, (b"<>",), ((b"i", b"abc"), (b"{mail_addr}", b"")))
    assert sent(agreed(), tell) == packet(b"D", b"Mi\0abc\0{mail_addr}\0\0") + packet(b"M", b"<>\0")


def test_a_filter_is_told_the_macros_it_asked_for() -> None:
    core = agreed(macros=struct.pack("!L", 2) + b"i {mail_addr}\0")
    tell = Tell(Stage.MAIL, (b"<>",), ((b"i", b"abc"), (b"j", b"mx"), (b"{mail_addr}", b"a")))
    assert sent(core, tell).startswith(packet(b"D", b"Mi\0abc\0{mail_addr}\0a\0"))


def test_a_nul_cannot_be_smuggled_into_a_string() -> None:
    assert sent(agreed(), Tell(Stage.HELO, (b"a\0b",))) == packet(b"H", b"ab\0")


def test_what_a_filter_does_not_want_is_not_sent() -> None:
    core = agreed(steps=int(Steps.NO_HELO | Steps.NO_BODY))
    assert sent(core, Tell(Stage.HELO, (b"x",))) == b""
    assert not core.wants(Stage.BODY)
    assert sent(core, Tell(Stage.MAIL, (b"<>",)))


def test_a_silent_stage_is_not_waited_for() -> None:
    core = agreed(steps=int(Steps.SILENT_HELO))
    assert sent(core, Tell(Stage.HELO, (b"x",)))
    assert not core.answers(Stage.HELO)
    assert sent(core, Tell(Stage.MAIL, (b"<>",)))


def test_an_old_filter_is_not_told_what_it_does_not_know() -> None:
    core = agreed(version=2)
    assert sent(core, Tell(Stage.DATA)) == b""
    assert sent(core, Tell(Stage.UNKNOWN, (b"x",))) == b""
    assert sent(core, Tell(Stage.NEXT_CLIENT)) == b""


@pytest.mark.parametrize(
    ("word", "content", "event"),
    [
        (b"c", b"", said.Continue()),
        (b"a", b"", said.Accept()),
        (b"d", b"", said.Discard()),
        (b"r", b"", said.Refuse(550, "5.7.1", ())),
        (b"t", b"", said.Refuse(451, "4.7.1", ())),
        (b"f", b"", said.Refuse(451, "4.7.1", ())),
        (b"4", b"", said.Refuse(421, "4.7.0", ())),
        (b"p", b"", said.Progress()),
        (b"y", b"554 5.7.2 no such thing\0", said.Refuse(554, "5.7.2", ("no such thing",))),
        (b"y", b"550-5.1.1 one\r\n550 5.1.1 two %%\0", said.Refuse(550, "5.1.1", ("one", "two %"))),
        (b"y", b"450 later\0", said.Refuse(450, "", ("later",))),
        (b"y", b"550 4.1.1 odd\0", said.Refuse(550, "", ("odd",))),
        (b"h", b"X-A\0one\n two\0", said.FieldAdded(b"X-A", b"one\n two")),
        (b"i", b"\0\0\0\x01X-A\0one\0", said.FieldAdded(b"X-A", b"one", 1)),
        (b"m", b"\0\0\0\x02Subject\0new\0", said.FieldChanged(b"Subject", 2, b"new")),
        (b"m", b"\0\0\0\x01Subject\0\0", said.FieldChanged(b"Subject", 1, b"")),
        (b"e", b"<a@x.test>\0SIZE=1\0", said.SenderChanged(b"<a@x.test>", b"SIZE=1")),
        (b"+", b"<a@x.test>\0", said.RecipientAdded(b"<a@x.test>")),
        (b"2", b"<a@x.test>\0NOTIFY=NEVER\0", said.RecipientAdded(b"<a@x.test>", b"NOTIFY=NEVER")),
        (b"-", b"<a@x.test>\0", said.RecipientDropped(b"<a@x.test>")),
        (b"b", b"new\r\nbody", said.BodyReplaced(b"new\r\nbody")),
        (b"q", b"looks odd\0", said.Quarantined("looks odd")),
    ],
)
def test_each_answer_at_the_end_of_a_message(word: bytes, content: bytes, event: object) -> None:
    assert hear(at_the_end(), word, content) == event


def test_skip_where_it_was_agreed() -> None:
    core = agreed(steps=int(Steps.SKIP))
    core.send(TellBody(b"x"))
    assert hear(core, b"s") == said.Skip()


@pytest.mark.parametrize(
    ("word", "content"),
    [
        (b"s", b""),
        (b"O", b""),
        (b"z", b""),
        (b"\0", b""),
        (b"y", b"250 ok\0"),
        (b"y", b"5\0"),
        (b"y", b""),
        (b"h", b""),
        (b"h", b"X A\0b\0"),
        (b"h", b"X:\0b\0"),
        (b"h", b"\0b\0"),
        (b"h", b"A\0b\0c\0"),
        (b"i", b"\0\0"),
        (b"m", b"\0\0\0\x01"),
        (b"+", b""),
        (b"h", b"A\0" * 2000),
    ],
)
def test_what_is_no_answer_ends_the_session(word: bytes, content: bytes) -> None:
    core = at_the_end()
    with pytest.raises(RemoteError):
        hear(core, word, content)
    assert core.closed


@pytest.mark.parametrize("word", [b"h", b"i", b"m", b"e", b"+", b"2", b"-", b"b", b"q"])
def test_only_what_was_agreed_may_be_changed(word: bytes) -> None:
    with pytest.raises(RemoteError, match="negotiate"):
        hear(at_the_end(actions=0), word, b"\0\0\0\x01A\0b\0")


def test_nothing_is_changed_before_the_end() -> None:
    core = agreed()
    core.send(Tell(Stage.MAIL, (b"<>",)))
    with pytest.raises(RemoteError, match="before its end"):
        hear(core, b"h", b"A\0b\0")


def test_changes_are_counted() -> None:
    core = at_the_end()
    for _ in range(MOST_CHANGES):
        hear(core, b"-", b"<a@x.test>\0")
    with pytest.raises(RemoteError, match="too many"):
        hear(core, b"-", b"<a@x.test>\0")


def test_a_new_body_has_an_end() -> None:
    core = MilterConnection(body_octets=5)
    core.send(Tell(Stage.NEGOTIATE))
    hear(core, b"O", struct.pack("!LLL", 6, EVERYTHING, 0))
    core.send(Tell(Stage.END_OF_BODY))
    assert hear(core, b"b", b"12345")
    with pytest.raises(RemoteError, match="too large"):
        hear(core, b"b", b"6")


@pytest.mark.parametrize("head", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\x20\0\0"])
def test_a_packet_has_a_length(head: bytes) -> None:
    core = at_the_end()
    core.receive_data(head)
    with pytest.raises(RemoteError, match="octets"):
        core.next_event()


@pytest.mark.parametrize(
    "answer", [packet(b"c"), packet(b"O", b"\0"), packet(b"O", struct.pack("!LLL", 7, 0, 0)),
               packet(b"O", struct.pack("!LLL", 1, 0, 0)), packet(b"O", struct.pack("!LLL", 6, 0x200, 0)),
               packet(b"O", struct.pack("!LLL", 6, 0, 0x200000)),
               packet(b"O", struct.pack("!LLL", 6, 0, 0) + b"\0\0\0\x09i\0")]
)  # fmt: skip
def test_an_agreement_that_is_none(answer: bytes) -> None:
    core = MilterConnection()
    core.send(Tell(Stage.NEGOTIATE))
    core.receive_data(answer)
    with pytest.raises(RemoteError):
        core.next_event()


def test_an_answer_that_nobody_asked_for() -> None:
    with pytest.raises(RemoteError, match="nobody asked"):
        hear(agreed(), b"c")


def test_who_hangs_up_gave_no_verdict() -> None:
    core = at_the_end()
    core.receive_data(packet(b"h", b"A\0b\0"))
    assert core.next_event()
    core.receive_data(b"")
    with pytest.raises(RemoteError, match="closed"):
        core.next_event()


def test_one_thing_at_a_time() -> None:
    core = agreed()
    core.send(Tell(Stage.MAIL, (b"<>",)))
    with pytest.raises(LocalError):
        core.send(Tell(Stage.RCPT, (b"<a@b>",)))
    assert sent(core, Tell(Stage.QUIT)) == packet(b"Q")
    assert core.closed


def test_a_body_packet_is_never_too_large() -> None:
    with pytest.raises(LocalError):
        agreed().send(TellBody(b"x" * 65536))
