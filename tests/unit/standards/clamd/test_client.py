"""clamd's protocol as a dialogue, and what a liar may try."""

import pytest

from posthouse.lib.sansio import LocalError, RemoteError
from posthouse.standards.clamd.client import (
    ANSWER_OCTETS,
    Ask,
    Begin,
    Chunk,
    ClamdConnection,
    Clean,
    End,
    Failed,
    Found,
    Said,
)


def sent(core: ClamdConnection, *actions: object) -> bytes:
    return b"".join(piece for action in actions for piece in core.send(action))


def hear(core: ClamdConnection, octets: bytes):
    core.receive_data(octets)
    return core.next_event()


def streaming() -> ClamdConnection:
    core = ClamdConnection()
    sent(core, Begin(), Chunk(b"content"))
    return core


def waiting() -> ClamdConnection:
    core = streaming()
    sent(core, End())
    return core


def test_a_session_is_opened_once_and_each_content_is_told_in_chunks_with_their_lengths() -> None:
    core = ClamdConnection()
    assert sent(core, Begin(), Chunk(b"abc"), End()) == b"zIDSESSION\0zINSTREAM\0\0\0\0\x03abc\0\0\0\0"
    assert hear(core, b"1: stream: OK\0") == Clean()
    assert core.is_idle
    assert sent(core, Begin()) == b"zINSTREAM\0"


def test_what_was_found_has_a_name() -> None:
    assert hear(waiting(), b"1: stream: Eicar-Test.UNOFFICIAL FOUND\0") == Found("Eicar-Test.UNOFFICIAL")


def test_a_name_is_printable_and_short_whatever_was_sent() -> None:
    assert hear(waiting(), b"1: stream: a\r\n\x1b[31mb" + b"x" * 300 + b" FOUND\0").name[:10] == "a???[31mbx"[:10]


def test_questions_without_content() -> None:
    core = ClamdConnection()
    assert sent(core, Ask.PING) == b"zIDSESSION\0zPING\0"
    assert hear(core, b"1: PONG\0") == Said("PONG")
    assert sent(core, Ask.VERSION) == b"zVERSION\0"
    assert hear(core, b"2: ClamAV 1.4.3\0") == Said("ClamAV 1.4.3")


def test_an_error_is_no_verdict_and_ends_the_session() -> None:
    core = streaming()
    assert hear(core, b"1: INSTREAM size limit exceeded. ERROR\0") == Failed("INSTREAM size limit exceeded.")
    assert core.closed
    assert not core.is_idle


def test_an_error_about_the_session_needs_no_number() -> None:
    assert isinstance(hear(waiting(), b"Command read timed out. ERROR\0"), Failed)


@pytest.mark.parametrize(
    "lie",
    [
        b"2: stream: OK\0",
        b"stream: OK\0",
        b"1: OK\0",
        b"1: stream: OK \0",
        b"1: \0",
        b"\0",
        b"x" * (ANSWER_OCTETS + 1),
        b"",
    ],
    ids=["another number", "no number", "no stream", "a blank more", "nothing", "empty", "endless", "hangs up"],
)
def test_what_is_no_verdict_is_never_taken_for_one(lie: bytes) -> None:
    core = waiting()
    with pytest.raises(RemoteError):
        hear(core, lie)
    assert core.closed


def test_a_verdict_before_the_end_of_the_content_is_a_lie() -> None:
    with pytest.raises(RemoteError, match="before"):
        hear(streaming(), b"1: stream: OK\0")


def test_an_answer_nobody_asked_for() -> None:
    core = ClamdConnection()
    with pytest.raises(RemoteError, match="nobody asked"):
        hear(core, b"1: stream: OK\0")


def test_a_second_answer_is_not_kept_for_the_next_question() -> None:
    core = waiting()
    assert hear(core, b"1: stream: OK\0001: stream: OK\0") == Clean()
    assert not core.is_idle


@pytest.mark.parametrize("action", [Chunk(b"x"), End()])
def test_content_needs_a_beginning(action: object) -> None:
    with pytest.raises(LocalError):
        ClamdConnection().send(action)


def test_an_empty_chunk_would_end_the_stream() -> None:
    with pytest.raises(LocalError):
        streaming().send(Chunk(b""))
