"""A POP3 session as a dialogue, without door or socket."""

import pytest

from posthouse.lib.sansio import Channel, LocalError
from posthouse.standards.pop3.events import (
    AuthList,
    AuthResponse,
    AuthStart,
    Begin,
    Capabilities,
    Challenge,
    Dele,
    End,
    Fault,
    Lang,
    Lines,
    List,
    Negative,
    Offence,
    Part,
    Pass,
    Positive,
    Quit,
    Retr,
    StartTls,
    Stat,
    Top,
    Uidl,
    User,
    Utf8,
)
from posthouse.standards.pop3.server import Offer, ServerConnection

TLS = Channel("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


class Dialogue:
    def __init__(self, *, secured: bool = True, **offer) -> None:
        self.core = ServerConnection(Offer(mechanisms=("SCRAM-SHA-256", "PLAIN"), **offer))
        if secured:
            self.core.secured(TLS)
        assert self.say(Positive("Posthouse ready")) == b"+OK Posthouse ready\r\n"

    def hear(self, octets: bytes):
        self.core.receive_data(octets)
        return self.core.next_event()

    def say(self, action) -> bytes:
        return b"".join(self.core.send(action))

    def log_in(self) -> "Dialogue":
        self.hear(b"USER alice\r\n")
        self.say(Positive())
        self.hear(b"PASS secret\r\n")
        self.say(Positive())
        return self


def test_user_and_pass_open_the_maildrop() -> None:
    wire = Dialogue()
    assert wire.hear(b"user alice@office.test\r\n") == User("alice@office.test")
    wire.say(Positive())
    assert wire.hear(b"PASS  two  spaces \r\n") == Pass("alice@office.test", " two  spaces ")
    wire.say(Positive())
    assert wire.hear(b"STAT\r\n") == Stat()


def test_pass_needs_a_user_before_it_each_time() -> None:
    wire = Dialogue()
    assert wire.hear(b"PASS x\r\n").offence is Offence.SEQUENCE
    wire.say(Negative("USER first"))
    wire.hear(b"USER alice\r\n")
    wire.say(Positive())
    wire.hear(b"PASS wrong\r\n")
    wire.say(Negative("no", "AUTH"))
    assert wire.hear(b"PASS right\r\n").offence is Offence.SEQUENCE


@pytest.mark.parametrize("line", [b"USER alice\r\n", b"PASS secret\r\n", b"AUTH PLAIN AGEAYg==\r\n"])
def test_no_name_and_no_password_without_tls(line: bytes) -> None:
    """Threat A10."""
    wire = Dialogue(secured=False)
    assert wire.hear(line).offence is Offence.CLEAR


def test_auth_with_an_initial_response() -> None:
    wire = Dialogue()
    assert wire.hear(b"AUTH plain AGEAYg==\r\n") == AuthStart("PLAIN", b"\0a\0b")
    wire.say(Positive())
    assert wire.hear(b"NOOP\r\n") is not None


def test_auth_with_an_empty_initial_response() -> None:
    assert Dialogue().hear(b"AUTH PLAIN =\r\n") == AuthStart("PLAIN", b"")


def test_auth_step_by_step_and_cancelled() -> None:
    wire = Dialogue()
    assert wire.hear(b"AUTH PLAIN\r\n") == AuthStart("PLAIN", None)
    assert wire.say(Challenge(b"")) == b"+ \r\n"
    assert wire.hear(b"AGEAYg==\r\n") == AuthResponse(b"\0a\0b")
    assert wire.say(Challenge(b"more")) == b"+ bW9yZQ==\r\n"
    assert wire.hear(b"*\r\n") == AuthResponse(None)
    wire.say(Negative("cancelled"))
    assert wire.hear(b"CAPA\r\n") is not None


def test_a_broken_response_ends_the_exchange() -> None:
    wire = Dialogue()
    wire.hear(b"AUTH PLAIN\r\n")
    wire.say(Challenge(b""))
    assert wire.hear(b"!!!\r\n").offence is Offence.SYNTAX
    wire.say(Negative("no"))
    assert wire.hear(b"AUTH\r\n") == AuthList()


def test_stls_waits_for_the_handshake() -> None:
    wire = Dialogue(secured=False)
    assert wire.hear(b"STLS\r\n") == StartTls()
    wire.say(Positive("begin"))
    assert wire.core.wants_tls
    assert not wire.core.closed
    wire.core.secured(TLS)
    assert wire.hear(b"STLS\r\n").offence is Offence.SEQUENCE


def test_what_came_before_the_handshake_closes() -> None:
    """Threat T01: a command injected in the clear is not obeyed inside the tunnel."""
    wire = Dialogue(secured=False)
    wire.hear(b"STLS\r\nUSER mallory\r\n")
    wire.say(Positive("begin"))
    assert wire.core.closed
    assert wire.core.next_event() is None


def test_capabilities_in_the_clear_offer_no_login() -> None:
    """Threat A10."""
    wire = Dialogue(secured=False)
    wire.hear(b"CAPA\r\n")
    lines = wire.say(Capabilities()).split(b"\r\n")
    assert b"STLS" in lines
    assert b"USER" not in lines
    assert not [line for line in lines if line.startswith(b"SASL")]


def test_capabilities_under_tls() -> None:
    wire = Dialogue()
    wire.hear(b"CAPA\r\n")
    lines = wire.say(Capabilities()).split(b"\r\n")
    assert b"SASL SCRAM-SHA-256 PLAIN" in lines
    assert b"USER" in lines
    assert b"STLS" not in lines
    assert lines[-2:] == [b".", b""]


def test_the_commands_of_the_transaction_state() -> None:
    wire = Dialogue().log_in()
    for line, event in [
        (b"LIST\r\n", List(None)),
        (b"LIST 7\r\n", List(7)),
        (b"UIDL\r\n", Uidl(None)),
        (b"UIDL 7\r\n", Uidl(7)),
        (b"RETR 1\r\n", Retr(1)),
        (b"TOP 2 0\r\n", Top(2, 0)),
        (b"DELE 3\r\n", Dele(3)),
        (b"LANG\r\n", Lang(None)),
    ]:
        assert event == wire.hear(line)
        wire.say(Positive())


@pytest.mark.parametrize(
    "line",
    [b"RETR\r\n", b"RETR x\r\n", b"RETR 0\r\n", b"RETR -1\r\n", b"RETR 1 2\r\n", b"RETR 99999999999\r\n", b"TOP 1\r\n",
     b"TOP 1 -1\r\n", b"TOP 1 x\r\n", b"DELE\r\n", b"STAT 1\r\n", b"\r\n", b"HELO\r\n", b"NO\0OP\r\n", b"\xff\r\n"],
)  # fmt: skip
def test_bad_commands_are_faults_and_nothing_more(line: bytes) -> None:
    wire = Dialogue().log_in()
    assert isinstance(wire.hear(line), Fault)
    assert wire.say(Negative("no")) == b"-ERR no\r\n"
    assert wire.hear(b"STAT\r\n") == Stat()


def test_commands_have_their_state() -> None:
    before, after = Dialogue(), Dialogue().log_in()
    for line in (b"STAT\r\n", b"RETR 1\r\n", b"RSET\r\n"):
        assert before.hear(line).offence is Offence.SEQUENCE
        before.say(Negative("no"))
    for line in (b"USER x\r\n", b"AUTH PLAIN\r\n", b"STLS\r\n", b"UTF8\r\n"):
        assert after.hear(line).offence is Offence.SEQUENCE
        after.say(Negative("no"))


def test_quit_updates_only_an_open_maildrop() -> None:
    before, after = Dialogue(), Dialogue().log_in()
    assert before.hear(b"QUIT\r\n") == Quit(update=False)
    assert after.hear(b"QUIT\r\n") == Quit(update=True)
    assert after.say(Negative("not all removed", "SYS/TEMP")) == b"-ERR [SYS/TEMP] not all removed\r\n"
    assert after.core.closed


def test_utf8_is_remembered() -> None:
    wire = Dialogue()
    assert wire.hear(b"UTF8\r\n") == Utf8()
    wire.say(Positive())
    assert wire.core.utf8


def test_pipelined_commands_come_one_after_the_other() -> None:
    wire = Dialogue().log_in()
    assert wire.hear(b"STAT\r\nRETR 1\r\nQUIT\r\n") == Stat()
    assert wire.core.next_event() is None
    wire.say(Positive())
    assert wire.core.next_event() == Retr(1)
    wire.say(Lines("2 octets", b"x\r\n"))
    assert wire.core.next_event() == Quit(update=True)


def test_a_multi_line_answer_is_stuffed_and_ended() -> None:
    wire = Dialogue().log_in()
    wire.hear(b"RETR 1\r\n")
    assert wire.say(Lines("x", b".a\r\n..\r\nb")) == b"+OK x\r\n..a\r\n...\r\nb\r\n.\r\n"


def test_a_long_answer_comes_in_parts() -> None:
    wire = Dialogue().log_in()
    wire.hear(b"RETR 1\r\n")
    said = [wire.say(action) for action in (Begin("5"), Part(b"a\r"), Part(b"\n"), Part(b".b\r\n"), End())]
    assert b"".join(said) == b"+OK 5\r\na\r\n..b\r\n.\r\n"
    assert wire.hear(b"STAT\r\n") == Stat()


def test_an_answer_that_cannot_be_finished_ends_the_connection_without_a_dot() -> None:
    for last in (End(complete=False), Negative("stopping", hang_up=True)):
        wire = Dialogue().log_in()
        wire.hear(b"RETR 1\r\n")
        wire.say(Begin("5"))
        wire.say(Part(b"a"))
        assert wire.say(last) == b""
        assert wire.core.closed


def test_a_part_needs_a_beginning() -> None:
    with pytest.raises(LocalError):
        Dialogue().say(Part(b"x"))


def test_an_endless_line_closes() -> None:
    wire = Dialogue()
    event = wire.hear(b"A" * 600)
    assert event == Fault(Offence.TOO_LONG, "line too long", hang_up=True)
    wire.say(Negative(event.text, hang_up=True))
    assert wire.core.closed


def test_a_long_auth_line_is_no_endless_line() -> None:
    assert Dialogue().hear(b"AUTH PLAIN " + b"A" * 4000 + b"\r\n") == AuthStart("PLAIN", bytes(3000))


def test_an_endless_auth_line_closes() -> None:
    assert Dialogue().hear(b"AUTH PLAIN " + b"A" * 20000).hang_up


def test_the_end_of_the_input_closes() -> None:
    wire = Dialogue()
    assert wire.hear(b"") is None
    assert wire.core.closed


@pytest.mark.parametrize("verb", [b"GET", b"post", b"OPTIONS", b"CONNECT"])
def test_a_browser_hears_one_word_and_nothing_it_says_is_heard(verb: bytes) -> None:
    """Threat S03: what a web page makes a browser send is not carried out."""
    one = Dialogue()
    fault = one.hear(verb + b" / HTTP/1.1\r\nHost: x\r\n\r\nCAPA\r\n")
    assert fault == Fault(Offence.FOREIGN, "this is a POP3 server", hang_up=True)
    assert one.say(Negative(fault.text, hang_up=True)) == b"-ERR this is a POP3 server\r\n"
    assert one.core.closed
    assert one.core.next_event() is None
