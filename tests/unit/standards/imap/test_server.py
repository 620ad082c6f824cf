"""A session as a dialogue: what the client says, what the core makes of it, what goes out."""

import pytest

from posthouse.lib.sansio import Channel, LocalError
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.sequence import SequenceSet
from posthouse.standards.imap.server import ServerConnection

CHANNEL = Channel("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
OFFER = Offer(append_octets=1000, starttls=True, mechanisms=("PLAIN", "SCRAM-SHA-256"), drain_octets=500)


def connect(*, secured=True, offer=OFFER) -> ServerConnection:
    core = ServerConnection(offer)
    if secured:
        core.secured(CHANNEL)
    return core


def say(core, octets):
    core.receive_data(octets)
    return core.next_event()


def answer(core, event, condition=r.Condition.OK, text="done", code=""):
    return b"".join(core.send(r.Tagged(event.tag, condition, text, code)))


def logged_in(offer=OFFER) -> ServerConnection:
    core = connect(offer=offer)
    answer(core, say(core, b"a LOGIN alice secret\r\n"))
    return core


def selected() -> ServerConnection:
    core = logged_in()
    answer(core, say(core, b"b SELECT INBOX\r\n"))
    return core


def enable(core, *capabilities):
    event = say(core, b"e ENABLE " + " ".join(capabilities).encode() + b"\r\n")
    core.send(r.Enabled(event.capabilities))
    answer(core, event)
    return event


def test_greeting_tells_what_holds_in_the_clear():
    """No password is invited before TLS."""
    greeting = b"".join(connect(secured=False).send(r.Greeting("ready")))
    assert greeting.startswith(
        b"* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID SASL-IR ENABLE STARTTLS LOGINDISABLED]"
    )


def test_greeting_under_tls_offers_mechanisms():
    greeting = b"".join(connect().send(r.Greeting("ready")))
    assert b" AUTH=PLAIN AUTH=SCRAM-SHA-256] ready\r\n" in greeting
    assert b"STARTTLS" not in greeting


def test_login_moves_to_authenticated_and_tells_new_capabilities():
    core = connect()
    event = say(core, b'a1 LOGIN "alice@office.test" "p\\"w\\\\"\r\n')
    assert e.Login("a1", "alice@office.test", 'p"w\\') == event
    reply = answer(core, event)
    assert reply.startswith(b"a1 OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE ")
    assert b"APPENDLIMIT=1000" in reply
    assert core.authenticated


def test_refused_login_changes_nothing():
    core = connect()
    answer(core, say(core, b"a LOGIN alice wrong\r\n"), r.Condition.NO)
    assert not core.authenticated


@pytest.mark.parametrize("command", [b"LOGIN alice {6}", b"LOGIN alice secret", b"AUTHENTICATE PLAIN AGEAYg=="])
def test_no_password_is_taken_in_the_clear(command):
    """Not even asked for: the literal is refused before it is sent."""
    event = say(connect(secured=False), b"a " + command + b"\r\n")
    assert e.Malformed("a", "Login needs TLS first", condition="NO", code="PRIVACYREQUIRED") == event


def test_literal_is_asked_for_and_taken():
    core = connect()
    event = say(core, b"a LOGIN {5}\r\n")
    assert e.LiteralWanted(5) == event
    assert core.send(r.Continuation()) == [b"+ go on\r\n"]
    assert say(core, b"alice {6}\r\n") == e.LiteralWanted(6)
    core.send(r.Continuation())
    assert e.Login("a", "alice", "secret") == say(core, b"secret\r\n")


def test_non_synchronizing_literals_need_no_answer():
    assert e.Login("a", "alice", "sec\r\n") == say(connect(), b"a LOGIN {5+}\r\nalice {5+}\r\nsec\r\n\r\n")


def test_too_big_literal_is_refused_before_it_is_sent():
    core = connect()
    event = say(core, b"a LOGIN {4294967295}\r\n")
    assert e.Malformed("a", "Literal is too big", condition="NO", code="TOOBIG") == event


@pytest.mark.parametrize(
    "line",
    [
        b"a LOGIN {99999999+}\r\n",
        b"a LOGIN {4097+}\r\n",
        b"a NONSENSE {99999999+}\r\n",
        b"a SELECT {99999999999999999999999+}\r\n",
        b"a APPEND INBOX {1000000+}\r\n",
        b"a LOGIN {1+}\r\na{1+}\r\na{1+}\r\na{1+}\r\na{1+}\r\n",
    ],
)
def test_literal_flood_before_login_hangs_up(line):
    """Threat I01: the octets that follow are never executed."""
    core = connect()
    event = say(core, line + b"m LOGOUT\r\n")
    assert event.fatal
    assert event.code == "TOOBIG"
    assert core.send(r.refuse(event))[0].startswith(b"* BYE [TOOBIG]")
    assert core.closed
    assert core.next_event() is None


def test_refused_command_swallows_its_literal():
    """Octets of a literal are no command, even of a command that cannot be carried out."""
    core = logged_in()
    event = say(core, b"x FROBNICATE {10+}\r\nm LOGOUT\r\n foo\r\nn NOOP\r\n")
    assert e.Malformed("x", "Unknown command") == event
    core.send(r.refuse(event))
    assert e.Noop("n") == core.next_event()


def test_syntax_error_does_not_end_the_session():
    core = logged_in()
    event = say(core, b"a SELECT\r\nb NOOP\r\n")
    assert e.Malformed("a", "Parameter expected") == event
    assert core.send(r.refuse(event)) == [b"a BAD Parameter expected\r\n"]
    assert e.Noop("b") == core.next_event()


def test_nothing_is_read_while_an_answer_is_due():
    core = logged_in()
    event = say(core, b"a NOOP\r\nb NOOP\r\n")
    assert core.next_event() is None
    answer(core, event)
    assert e.Noop("b") == core.next_event()


def test_line_without_end_is_bounded():
    """Threat I03."""
    core = connect()
    event = say(core, b"a" * 5000)
    assert event.fatal
    core = logged_in()
    assert say(core, b"a NOOP" + b" " * 10000) is None
    assert say(core, b" " * 10000).fatal


def test_bare_lf_ends_the_session():
    """A line end smuggled in by somebody's webmail does not make a command."""
    core = logged_in()
    event = say(core, b'a SELECT "x\nb DELETE INBOX\r\nc NOOP\r\n')
    assert event.fatal
    core.send(r.refuse(event))
    assert core.next_event() is None


@pytest.mark.parametrize(
    "line",
    [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n", b"SSH-2.0-Go\r\n", b"EHLO example.org\r\n"],
)
def test_other_protocols_are_hung_up_on(line):
    assert say(connect(secured=False), line).fatal


def test_few_mistakes_before_login():
    core = connect()
    for _ in range(15):
        core.send(r.refuse(say(core, b"a FOO\r\n")))
    assert say(core, b"a FOO\r\n").fatal


def test_states_hold():
    assert e.Malformed("a", "Command is not allowed in this state") == say(connect(), b"a SELECT INBOX\r\n")
    assert e.Malformed("a", "Command is not allowed in this state") == say(logged_in(), b"a FETCH 1 FLAGS\r\n")
    assert e.Malformed("a", "Command is not allowed in this state") == say(selected(), b"a LOGIN a b\r\n")


def test_failed_select_leaves_no_mailbox_selected():
    core = selected()
    answer(core, say(core, b"a SELECT Nowhere\r\n"), r.Condition.NO)
    assert not core.selected


def test_select_of_an_impossible_name_deselects_too():
    core = selected()
    core.send(r.refuse(say(core, b'a SELECT "a//b"\r\n')))
    assert not core.selected


def test_unselect_and_close():
    for word, expunge in ((b"CLOSE", True), (b"UNSELECT", False)):
        core = selected()
        event = say(core, b"a " + word + b"\r\n")
        assert e.Close("a", expunge) == event
        answer(core, event)
        assert not core.selected
        assert core.authenticated


def test_starttls():
    core = connect(secured=False)
    event = say(core, b"a STARTTLS\r\n")
    assert e.StartTls("a") == event
    answer(core, event)
    assert core.wants_tls
    assert not core.closed
    core.secured(CHANNEL)
    assert not core.wants_tls
    assert e.Login("b", "u", "p") == say(core, b"b LOGIN u p\r\n")


def test_what_was_said_before_tls_is_not_executed_after():
    """CVE-2011-0411 and its children: a command pipelined behind STARTTLS ends the connection."""
    core = connect(secured=False)
    answer(core, say(core, b"a STARTTLS\r\nb NOOP\r\n"))
    assert core.closed
    assert core.next_event() is None


def test_what_is_said_between_ok_and_handshake_ends_the_connection():
    core = connect(secured=False)
    answer(core, say(core, b"a STARTTLS\r\n"))
    core.receive_data(b"b NOOP\r\n")
    assert core.closed


def test_starttls_only_once():
    assert e.Malformed("a", "STARTTLS is not available") == say(connect(), b"a STARTTLS\r\n")


def test_authenticate_with_initial_response():
    core = connect()
    event = say(core, b"a AUTHENTICATE PLAIN AGFsaWNlAHB3\r\n")
    assert e.Authenticate("a", "PLAIN", b"\x00alice\x00pw") == event
    assert answer(core, event).startswith(b"a OK [CAPABILITY")
    assert core.authenticated


def test_authenticate_as_a_dialogue():
    core = connect()
    assert e.Authenticate("a", "SCRAM-SHA-256", None) == say(core, b"a authenticate scram-sha-256\r\n")
    assert core.send(r.Challenge(b"")) == [b"+ \r\n"]
    assert e.AuthenticateResponse("a", b"n,,n=u") == say(core, b"biwsbj11\r\n")
    assert core.send(r.Challenge(b"r=1")) == [b"+ cj0x\r\n"]
    event = say(core, b"*\r\n")
    assert e.AuthenticateResponse("a", None) == event
    answer(core, event, r.Condition.BAD)
    assert e.Noop("b") == say(core, b"b NOOP\r\n")


def test_authenticate_with_garbage():
    core = connect()
    say(core, b"a AUTHENTICATE PLAIN\r\n")
    core.send(r.Challenge(b""))
    assert e.Malformed("a", "Not base64") == say(core, b"!!!\r\n")


def test_append_streams_the_message():
    core = logged_in()
    event = say(core, b'a APPEND "Sent" (\\seen $Forwarded) "17-Jul-1996 02:44:25 -0700" {10}\r\n')
    assert e.StartAppend("a", "Sent", frozenset({"\\Seen", "$Forwarded"}), 837596665, 10) == event
    assert core.send(r.Continuation()) == [b"+ go on\r\n"]
    assert e.AppendChunk(b"0123") == say(core, b"0123")
    assert e.AppendChunk(b"456789") == say(core, b"456789\r\n")
    event = core.next_event()
    assert e.EndAppend("a", 10) == event
    assert answer(core, event, code="APPENDUID 1 2") == b"a OK [APPENDUID 1 2] done\r\n"


def test_append_without_waiting():
    core = logged_in()
    assert e.StartAppend("a", "INBOX", frozenset(), None, 3) == say(core, b"a APPEND inbox {3+}\r\nabc\r\n")
    assert core.send(r.Continuation()) == []
    assert e.AppendChunk(b"abc") == core.next_event()
    assert e.EndAppend("a", 3) == core.next_event()


def test_append_to_a_name_in_a_literal():
    core = logged_in()
    assert e.StartAppend("a", "Sent", frozenset(), None, 3) == say(core, b"a APPEND {4+}\r\nSent {3}\r\n")


def test_append_utf8():
    core = logged_in()
    enable(core, "UTF8=ACCEPT")
    event = say(core, "a APPEND Entwürfe UTF8 (~{3+}\r\nabc)\r\n".encode())
    assert e.Malformed("a", "Parameter expected") == event  # 8-bit needs quotes
    core.send(r.refuse(event))
    event = say(core, 'a APPEND "Entwürfe" UTF8 (~{3+}\r\nabc)\r\n'.encode())
    assert e.StartAppend("a", "Entwürfe", frozenset(), None, 3, utf8=True) == event
    core.send(r.Continuation())
    core.next_event()
    assert e.EndAppend("a", 3) == core.next_event()


def test_append_over_the_limit_is_refused_before_the_message():
    event = say(logged_in(), b"a APPEND INBOX {1001}\r\n")
    assert e.Malformed("a", "Message is too big", condition="NO", code="TOOBIG") == event


def test_refused_message_under_way_is_dropped():
    core = logged_in()
    event = say(core, b"a APPEND Nowhere {10+}\r\nb LOGOUT\r\n")
    assert answer(core, event, r.Condition.NO, code="TRYCREATE") == b"a NO [TRYCREATE] done\r\n"
    assert e.Noop("c") == say(core, b"\r\nc NOOP\r\n")


def test_long_refused_message_under_way_hangs_up():
    core = logged_in()
    event = say(core, b"a APPEND Nowhere {600+}\r\nb LOGOUT\r\n")
    assert answer(core, event, r.Condition.NO, "no") == b"a NO no\r\n* BYE [TOOBIG] Too big\r\n"
    assert core.closed


def test_second_message_is_no_command():
    """MULTIAPPEND is not offered; what would be its message is not executed."""
    core = logged_in()
    say(core, b"a APPEND INBOX {1+}\r\nx {12+}\r\nb LOGOUT\r\n\r\n\r\n")
    core.send(r.Continuation())
    core.next_event()
    event = core.next_event()
    assert event.fault
    answer(core, event, r.Condition.BAD)
    assert core.closed


def test_idle():
    core = selected()
    assert e.Idle("a") == say(core, b"a IDLE\r\n")
    assert core.send(r.Continuation("idling")) == [b"+ idling\r\n"]
    assert core.next_event() is None
    assert core.send(r.Exists(4)) == [b"* 4 EXISTS\r\n"]
    event = say(core, b"done\r\n")
    assert e.IdleDone("a") == event
    assert answer(core, event) == b"a OK done\r\n"


def test_idle_ended_by_something_else():
    core = selected()
    say(core, b"a IDLE\r\n")
    core.send(r.Continuation("idling"))
    assert e.Malformed("a", "DONE expected") == say(core, b"b NOOP\r\n")


def test_logout():
    core = connect()
    event = say(core, b"a LOGOUT\r\n")
    assert core.send(r.Bye("bye")) == [b"* BYE bye\r\n"]
    assert not core.closed
    answer(core, event)
    assert core.closed


def test_end_of_stream_closes():
    core = connect()
    assert say(core, b"a NO") is None
    assert say(core, b"") is None
    assert core.closed


def test_utf8_after_enable():
    core = logged_in()
    assert say(core, 'a SELECT "Entwürfe"\r\n'.encode()).condition == "NO"
    core.send(r.Tagged("a", r.Condition.NO, "no"))
    assert core.send(r.Listed("Entwürfe")) == [b'* LIST () "/" "Entw&APw-rfe"\r\n']
    assert enable(core, "UTF8=ACCEPT", "X-OTHER").capabilities == ("UTF8=ACCEPT",)
    assert e.Select("b", "Entwürfe") == say(core, 'b SELECT "Entwürfe"\r\n'.encode())
    assert core.send(r.Listed("Entwürfe")) == ['* LIST () "/" "Entwürfe"\r\n'.encode()]


def test_rev2_searches_are_extended_and_recent_is_gone():
    core = logged_in()
    enable(core, "IMAP4rev2")
    answer(core, say(core, b"b SELECT INBOX\r\n"))
    assert core.send(r.Recent(0)) == []
    assert say(core, b"c SEARCH ALL\r\n").returns == frozenset({"ALL"})


def test_qresync_must_be_enabled_first():
    core = logged_in()
    assert e.Malformed("a", "QRESYNC is not enabled") == say(core, b"a SELECT INBOX (QRESYNC (67890007 1))\r\n")
    core.send(r.Tagged("a", r.Condition.BAD, "no"))
    enable(core, "QRESYNC")
    assert core.enabled == {"QRESYNC", "CONDSTORE"}
    event = say(core, b"b SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211 (1,5 7,9)))\r\n")
    known = e.Known(
        67890007,
        20050715194045000,
        SequenceSet(((41, 41), (43, 211))),
        (SequenceSet(((1, 1), (5, 5))), SequenceSet(((7, 7), (9, 9)))),
    )
    assert e.Select("b", "INBOX", qresync=known) == event


def test_wrong_answers_are_bugs_of_ours():
    core = logged_in()
    say(core, b"a NOOP\r\n")
    with pytest.raises(LocalError):
        core.send(r.Tagged("b", r.Condition.OK, "done"))
    with pytest.raises(LocalError):
        core.send(r.Continuation())


def test_text_of_strangers_cannot_end_a_line():
    core = connect()
    event = say(core, b"a NOOP\r\n")
    assert answer(core, event, text="x\r\nb OK y") == b"a OK x??b OK y\r\n"


def test_idle_connection_is_small():
    """At most 2 KiB for a core that waits; what all share is not counted."""
    import sys

    core = selected()
    owned = [core, core._reader, core._standing, core._reader._buffer, core._reader._budget, core._reader._budget._left]
    assert sum(map(sys.getsizeof, owned)) <= 2048
