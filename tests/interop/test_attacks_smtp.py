"""SMTP under attack by strangers: what is refused leaves nothing behind and costs nobody else anything."""

import contextlib
import itertools
import os
import re
import signal
import socket
import ssl
import time

import pytest
from attacker import (
    HOST,
    MIB,
    NOISE,
    Caller,
    Imap,
    bounded,
    deliver,
    empty,
    messages,
    send,
    smtp,
    stranger,
    unknown_sender,
    wait_for,
)

LETTER = b"From: somebody@else.test\r\nTo: alice@office.test\r\nSubject: benign\r\n\r\nHello.\r\n"
HIDDEN = (
    b"MAIL FROM:<forged@office.test>\r\nRCPT TO:<carol@office.test>\r\nDATA\r\nSubject: SMUGGLED\r\n\r\nhidden\r\n.\r\n"
)
ENDS = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\n\n",
    b"\r\r\n.\r\r\n", b"\r\n\r.\r\n", b"\n.\r", b"\r.\n", b"\r\n.\r\r\n", b"\0\r\n.\n", b"\n\r.\n\r", b"\r\n .\r\n",
    b"\r\n..\r\n", b"\r\n.\x85", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\x0b.\x0b", b"\x0c.\x0c", b"\r\n.\t\r\n",
)  # fmt: skip
"""What some server somewhere took for the end of a message; only CRLF.CRLF is."""


# -- S01


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_no_false_end_of_data_smuggles_a_second_message(server, end):
    """Only CRLF.CRLF ends DATA: whatever looks like it is refused or stays inside one message (S01)."""
    empty(server, "carol")
    before = messages(server, "carol")
    wholes = b"Subject: outer\r\n\r\nbody" + end + HIDDEN
    with bounded(server):
        for split in (None, len(b"Subject: outer\r\n\r\nbody") + 1, len(b"Subject: outer\r\n\r\nbody" + end) - 1):
            with smtp(server) as caller:
                caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
                caller.ask(b"RCPT TO:<carol@office.test>\r\n")
                assert caller.ask(b"DATA\r\n")[:3] == b"354"
                if split is None:
                    caller.say(wholes)
                else:
                    caller.say(wholes[:split])
                    time.sleep(0.02)
                    caller.say(wholes[split:])
                reply = caller.reply()
                assert reply[:3] in {b"550", b"250"}, reply
                strays = any(mark in end.replace(b"\r\n", b"") for mark in (b"\r", b"\n", b"\0"))
                assert (reply[:3] == b"550") is strays, reply
                if strays:
                    assert b"5.6.11" in reply
                    assert caller.rest() == b""
                else:
                    caller.say(b"QUIT\r\n")
                    assert caller.rest().count(b"\n") == 1
    new = messages(server, "carol")[len(before) :]
    assert all(b"Subject: outer" in one and one.count(b"Return-Path:") == 1 for one in new)
    assert not any(re.search(rb"^Subject: SMUGGLED", one.partition(b"\r\n\r\n")[0], re.MULTILINE) for one in new)
    assert not any(b"forged@office.test" in one.partition(b"\r\n\r\n")[0] for one in new)


@pytest.mark.parametrize("end", [one for one in ENDS if b"\x85" not in one], ids=repr)
def test_chunks_with_stray_octets_are_refused_and_counted_to_their_end(server, end):
    """A chunk is as long as it says: what is in it is never a command, and bare CR, LF, NUL are refused (S01)."""
    content = b"Subject: outer\r\n\r\nbody" + end + HIDDEN
    strays = any(mark in end.replace(b"\r\n", b"") for mark in (b"\r", b"\n", b"\0"))
    with bounded(server), smtp(server) as caller:
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        caller.ask(b"RCPT TO:<carol@office.test>\r\n")
        reply = caller.ask(b"BDAT %d LAST\r\n" % len(content), content)
        assert reply[:3] == (b"550" if strays else b"250"), reply
        caller.say(b"QUIT\r\n")
        assert caller.rest().count(b"\n") == (0 if strays else 1)
    assert not any(b"forged@office.test" in one.partition(b"\r\n\r\n")[0] for one in messages(server, "carol"))


def test_dots_at_line_beginnings_are_only_unstuffed(server):
    """The benign twin: stuffed dots arrive as they were meant."""
    empty(server, "bob")
    assert deliver(server, "bob", b"Subject: dots\r\n\r\n..\r\n...two\r\n. . \r\n..end")[:3] == b"250"
    assert messages(server, "bob")[-1].endswith(b"\r\n\r\n.\r\n..two\r\n . \r\n.end\r\n")


# -- S03, T01


EARLY = {
    "before the greeting": (b"", b"EHLO a.test\r\nMAIL FROM:<a@else.test>\r\n"),
    "behind EHLO": (b"EHLO a.test\r\n", b"MAIL FROM:<a@else.test>\r\n"),
    "behind DATA": (b"EHLO a.test\r\nMAIL FROM:<a@else.test>\r\nRCPT TO:<carol@office.test>\r\nDATA\r\n", HIDDEN),
    "behind STARTTLS": (b"EHLO a.test\r\nSTARTTLS\r\n", b"MAIL FROM:<a@else.test>\r\n"),
    "behind NOOP": (b"EHLO a.test\r\nNOOP\r\n", b"MAIL FROM:<a@else.test>\r\n"),
    "behind VRFY": (b"EHLO a.test\r\nVRFY alice\r\n", b"MAIL FROM:<a@else.test>\r\n"),
}


@pytest.mark.parametrize("place", EARLY)
def test_who_speaks_before_we_answered_is_cut_off(server, place):
    """What comes unasked where the client must wait is not carried out: 554 and the end (S03)."""
    before, early = EARLY[place]
    *steps, last = re.findall(rb"[^\n]*\n", before) or [b""]
    with bounded(server), Caller(server, "smtp") as caller:
        if place != "before the greeting":
            caller.reply()
        for step in steps:
            assert caller.ask(step)[:1] in b"23"
        caller.say(last, early)
        rest = caller.rest()
        assert b"554 5.5.1" in rest, rest
        assert b"2.1.0" not in rest
        assert b"2.0.0 accepted" not in rest


@contextlib.contextmanager
def stopped(server):
    """The server does not get its turn meanwhile; the kernel completes its connections and takes what is sent."""
    os.kill(server.endpoints["pid"], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.endpoints["pid"], signal.SIGCONT)


@pytest.mark.parametrize("service", ["smtp", "submission", "lmtp"])
def test_one_command_in_the_same_breath_as_the_connection_is_one_too_early(server, service):
    """Not even a hello that would be in order a moment later (S03)."""
    with stopped(server):
        caller = Caller(server, service)
        caller.say(b"LHLO a.test\r\n" if service == "lmtp" else b"EHLO a.test\r\n")
    with caller:
        rest = caller.rest()
    assert rest.startswith(b"220 "), rest
    assert b"554 5.5.1" in rest, rest
    assert b"250" not in rest, rest


@pytest.mark.parametrize(
    ("service", "said", "answer"),
    [("imap", b"a LOGOUT\r\n", b"a OK"), ("pop3", b"QUIT\r\n", b"+OK"), ("smtp", b"", b"221 ")],
)
def test_who_may_speak_early_or_waits_is_served(server, service, said, answer):
    """The benign twin: a slow greeting harms nobody who waits for it; IMAP and POP3 do not mind."""
    with stopped(server):
        caller = Caller(server, service)
        if said:
            caller.say(said)
    with caller:
        greeting = caller.line()
        assert greeting[:3] in {b"220", b"* O", b"+OK"}, greeting
        if not said:
            caller.say(b"QUIT\r\n")
        assert answer in caller.rest()


def test_pipelining_as_the_standard_allows_it(server):
    """The benign twin: a group that ends with DATA is answered in order."""
    with smtp(server) as caller:
        caller.say(b"MAIL FROM:<a@else.test>\r\nRCPT TO:<alice@office.test>\r\nRCPT TO:<bob@office.test>\r\nDATA\r\n")
        assert [caller.reply()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        caller.say(LETTER, b".\r\nRSET\r\nQUIT\r\n")
        assert [caller.reply()[:3] for _ in range(3)] == [b"250", b"250", b"221"]


@pytest.mark.parametrize("service", ["smtp", "submission", "imap", "pop3"])
@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_a_command_behind_starttls_is_never_heard_inside(server, service, pause):
    """What was said in the clear after STARTTLS is not executed under TLS (T01, CVE-2011-0411)."""
    words = {
        "smtp": (b"EHLO a.test\r\n", b"STARTTLS\r\n", b"EHLO injected.test\r\nVRFY injected\r\n"),
        "submission": (b"EHLO a.test\r\n", b"STARTTLS\r\n", b"EHLO injected.test\r\nVRFY injected\r\n"),
        "imap": (b"", b"a STARTTLS\r\n", b"b NOOP\r\nc ID NIL\r\n"),
        "pop3": (b"", b"STLS\r\n", b"CAPA\r\nQUIT\r\n"),
    }
    hello, start, injected = words[service]
    with bounded(server), Caller(server, service) as caller:
        caller.line()
        if hello:
            caller.ask(hello)
        caller.say(start + injected if not pause else start)
        if pause:
            caller.line()
            time.sleep(pause)
            caller.say(injected)
        try:
            caller.shake_hands()
            caller.socket.settimeout(1)
            said = caller.line()
        except (OSError, AssertionError):
            said = b""
        assert said == b"", said


@pytest.mark.parametrize("service", ["smtp", "submission", "lmtp", "imap", "pop3"])
@pytest.mark.parametrize(
    "verb", [b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"CONNECT", b"TRACE", b"PRI"]
)
def test_a_browser_is_sent_away(server, service, verb):
    """A web page that makes a browser POST mail commands gets none of them carried out (S03, T05)."""
    with bounded(server), Caller(server, service) as caller:
        caller.line()
        caller.say(
            verb + b" / HTTP/1.1\r\nHost: office.test\r\nContent-Length: 99\r\n\r\n"
            b"EHLO evil.test\r\nMAIL FROM:<a@else.test>\r\nRCPT TO:<carol@office.test>\r\na NOOP\r\nCAPA\r\nQUIT\r\n"
        )
        rest = caller.rest()
        assert rest.count(b"\n") <= 1, rest
        assert not rest.startswith((b"2", b"+OK")), rest


@pytest.mark.parametrize("service", ["submissions", "imaps", "pop3s"])
def test_a_browser_at_a_tls_port_is_sent_away(server, service):
    """The same inside TLS, and in the clear where TLS was due (T05)."""
    request = b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO a.test\r\nMAIL FROM:<a@else.test>\r\na NOOP\r\nCAPA\r\nQUIT\r\n"
    with bounded(server):
        with Caller(server, service) as caller:
            caller.line()
            caller.say(request)
            assert caller.rest().count(b"\n") <= 1
        with Caller(server, service, tls=False) as caller:
            caller.say(request)
            assert b"EHLO" not in caller.rest()


# -- S04, S05: without end


@pytest.mark.slow
@pytest.mark.parametrize("service", ["smtp", "submission", "lmtp", "imap", "pop3", "metrics"])
@pytest.mark.parametrize("kind", ["letters", "NUL", "carriage returns"])
def test_a_line_without_end_is_not_read_for_long(server, service, kind):
    """1 GiB without a line end: the server stops reading after its limit and what the kernel buffers (S04)."""
    octets = {"letters": b"NOOP" * 16384, "NUL": b"\0" * 65536, "carriage returns": b"\r" * 65536}[kind]
    with bounded(server, octets=8 * MIB):
        callers = [Caller(server, service, HOST) for _ in range(10)]
        for caller in callers:
            if service != "metrics":
                caller.line()
            assert caller.pour(octets, 1024 * MIB) < 16 * MIB
            caller.close()


def test_an_overlong_command_is_refused_and_the_next_one_heard(server):
    """L2: a line of 2,048 octets is heard, one more octet earns 500, and the session goes on."""
    with bounded(server), smtp(server) as caller:
        fits = b"NOOP " + b"x" * (2048 - 7) + b"\r\n"
        assert caller.ask(fits)[:3] == b"250"
        assert caller.ask(b"NOOP " + b"x" * (2048 - 6) + b"\r\n")[:9] == b"500 5.5.2"
        assert caller.ask(b"NOOP\r\n")[:3] == b"250"
        caller.say(b"NOOP " + b"x" * 70000)
        assert caller.rest()[:9] == b"500 5.5.2"


def content_without_end(server, piece: bytes, *, first: bytes = b"") -> tuple[int, bytes]:
    """What could be sent of a content that never ends, and what was said to it."""
    with smtp(server, source=HOST) as caller:
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        caller.ask(b"RCPT TO:<carol@office.test>\r\n")
        caller.ask(b"DATA\r\n")
        caller.say(first)
        sent = caller.pour(piece, 1024 * MIB, 60)
        try:
            return sent, caller.rest()
        except OSError:
            return sent, b""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one line", "many lines", "one header field", "many header fields", "dots", "stray"])
def test_a_content_without_end_is_refused_within_bounded_memory(server, kind):
    """1 GiB of content: we read twice L1 at most, say 552 and hang up; nothing of it stays (S05, L1)."""
    piece = {
        "one line": b"x" * 65536,
        "many lines": (b"y" * 998 + b"\r\n") * 65,
        "one header field": b" folded\r\n" * 7000,
        "many header fields": b"X-Header: value\r\n" * 4000,
        "dots": b"....\r\n" * 10000,
        "stray": b"\n\r" * 30000,
    }[kind]
    first = b"Subject: endless\r\n" if "header" in kind else b"Subject: endless\r\n\r\n"
    with bounded(server, octets=24 * MIB):
        sent, said = content_without_end(server, piece, first=first)
        assert sent < 140 * MIB
        assert said[:3] in {b"552", b"550", b""}, said
    assert not list((server.directory / "data" / "store" / "blobs" / "tmp").iterdir())


@pytest.mark.slow
def test_twenty_large_messages_given_up_at_their_end_leave_nothing(server):
    """R04, H2: 20 contents of 40 MiB at once, none finished: bounded memory, no file left, somebody else served."""
    piece = (b"y" * 998 + b"\r\n") * 200
    with bounded(server, octets=64 * MIB) as house, contextlib.ExitStack() as given_up:
        before = house.resident
        callers = [given_up.enter_context(smtp(server, source=HOST)) for _ in range(20)]
        for caller in callers:
            caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
            caller.ask(b"RCPT TO:<carol@office.test>\r\n")
            caller.ask(b"DATA\r\n")
            caller.say(b"Subject: x\r\n\r\n")
        for n in range(200):
            for caller in callers:
                caller.say(piece)
            if n % 50 == 0:
                assert house.resident - before < 64 * MIB + NOISE
                assert deliver(server, "bob", LETTER)[:3] == b"250"
        given_up.close()
        temporary = server.directory / "data" / "store" / "blobs" / "tmp"
        wait_for(lambda: not list(temporary.iterdir()), "the files to go")


@pytest.mark.slow
def test_handshakes_that_are_never_finished_end(server):
    """T06: half a ClientHello on 200 connections: ten seconds of patience, little memory, honest handshakes meanwhile."""
    with bounded(server, octets=24 * MIB) as house:
        files = house.files
        callers = [Caller(server, "imaps", tls=False) for _ in range(200)]
        for caller in callers:
            caller.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        with Imap(server, "bob") as imap:
            assert b" OK " in imap.do("NOOP")
        wait_for(lambda: house.files <= files + 5, "the handshakes to be given up (H3)")
        for caller in callers:
            caller.close()


def test_nothing_is_heard_after_tls_has_ended(server):
    """S08 (CVE-2026-45185): close_notify in the middle of a chunk, then octets in the clear: the session is over."""
    with bounded(server), smtp(server, source=HOST) as caller:
        caller.ask(b"STARTTLS\r\n")
        caller.shake_hands()
        caller.ask(b"EHLO x.test\r\n")
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        caller.ask(b"RCPT TO:<carol@office.test>\r\n")
        caller.say(b"BDAT 1000 LAST\r\n" + b"x" * 100)
        try:
            plain = caller.socket.unwrap()
            plain.sendall(b"x" * 900 + b"NOOP\r\n")
            assert plain.recv(1000) == b""
        except (OSError, ssl.SSLError):
            pass


def test_a_message_is_as_large_as_announced_and_no_octet_larger(strict):
    """L1: SIZE is announced, believed when it is too large, and counted when it lies (S05)."""
    server = strict('message_octets = "10KiB"')
    with bounded(server), smtp(server) as caller:
        assert caller.ask(b"MAIL FROM:<a@else.test> SIZE=10241\r\n")[:9] == b"552 5.3.4"
        assert caller.ask(b"MAIL FROM:<a@else.test> SIZE=9223372036854775808\r\n")[:3] in {b"501", b"552"}
        for size, code in ((10240, b"250"), (10241, b"552"), (10240, b"250")):
            content = b"Subject: x\r\n\r\n" + b"y" * (size - 14 - 2 - 998 * 0)
            content = content[: size - 2]
            caller.ask(b"MAIL FROM:<a@else.test> SIZE=1\r\n")
            caller.ask(b"RCPT TO:<carol@office.test>\r\n")
            caller.ask(b"DATA\r\n")
            assert caller.ask(content + b"\r\n.\r\n")[:3] == code, size


HEADERS = {
    "L3 a line": (b"Subject: x\r\n\r\n" + b"y" * 65600 + b"\r\n", b"554 5.6.0"),
    "L4 the header": (b"".join(b"X-%d: %s\r\n" % (n, b"z" * 900) for n in range(300)) + b"\r\nbody\r\n", b"554 5.6.0"),
    "L5 a field": (b"Subject: " + b"\r\n ".join([b"z" * 900] * 40) + b"\r\n\r\nbody\r\n", b"554 5.6.0"),
    "L5 a list of addresses": (b"To: " + b",\r\n ".join([b"a@b.test"] * 12000) + b"\r\n\r\nbody\r\n", b"554 5.6.0"),
    "L6 the fields": (b"".join(b"X-%d: y\r\n" % n for n in range(1001)) + b"\r\nbody\r\n", b"554 5.6.0"),
    "L22 the hops": (b"Received: from a by b; x\r\n" * 101 + b"\r\nbody\r\n", b"554 5.4.6"),
    "L22 our own hops": (
        b"Received: from a by mx.office.test with SMTP; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 11 + b"\r\nb\r\n",
        b"554 5.4.6",
    ),
}


@pytest.mark.parametrize("limit", HEADERS)
def test_a_header_beyond_its_limits_is_refused_each_time_and_the_next_message_taken(server, limit):
    """L3 to L6 and L22: refused with the reply written there, again and again, and a good message follows."""
    content, reply = HEADERS[limit]
    with bounded(server, octets=16 * MIB), smtp(server, source=HOST) as caller:
        for _ in range(3):
            assert send(caller, unknown_sender(), [b"carol@office.test"], content)[:9] == reply
        assert send(caller, unknown_sender(), [b"carol@office.test"], LETTER)[:3] == b"250"


def test_a_header_at_its_limits_is_taken(server):
    """The benign twin: 1,000 fields, a field of nearly 32 KiB, a line of 64,000 octets, 100 hops less one."""
    for content in (
        b"".join(b"X-%d: y\r\n" % n for n in range(990)) + b"\r\nbody\r\n",
        b"Subject: " + b"\r\n ".join([b"z" * 900] * 35) + b"\r\n\r\nbody\r\n",
        b"Subject: x\r\n\r\n" + b"y" * 64000 + b"\r\n",
        b"Received: from a by b; x\r\n" * 98 + b"\r\nbody\r\n",
    ):
        assert deliver(server, "carol", content)[:3] == b"250", content[:40]


# -- S08


@pytest.mark.parametrize(
    "size", [b"9999999999999", b"18446744073709551616", b"-1", b"1e9", b"0x10", b"", b"99" * 40, b"\xd9\xa1"]
)
def test_a_chunk_of_impossible_size_ends_the_session(server, size):
    """BDAT with a size nobody can send or we cannot count: refused at once, and nothing after it is a command."""
    with bounded(server), smtp(server) as caller:
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        caller.ask(b"RCPT TO:<carol@office.test>\r\n")
        caller.say(b"BDAT " + size + b" LAST\r\n", HIDDEN)
        rest = caller.rest()
        assert rest[:1] == b"5", rest
        assert rest.count(b"\n") == 1, rest


def test_chunks_without_a_message_are_read_over(server):
    """BDAT without MAIL is 503, and its octets are not commands (S07, S08)."""
    with bounded(server), smtp(server) as caller:
        caller.say(b"BDAT %d LAST\r\n" % len(HIDDEN), HIDDEN, b"NOOP\r\n")
        assert caller.reply()[:3] == b"503"
        assert caller.reply()[:3] == b"250"


@pytest.mark.slow
def test_a_million_tiny_chunks_are_not_counted_to_the_end(server):
    """S08: so many chunks of one octet are nobody's need; refused within 4 MiB of memory."""
    with bounded(server, octets=4 * MIB), smtp(server, source=HOST) as caller:
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        caller.ask(b"RCPT TO:<carol@office.test>\r\n")
        caller.socket.settimeout(30)
        refused = b""
        for _ in range(200):
            if not caller.say(b"BDAT 1\r\nx" * 100):
                break
            answers = [caller.reply() for _ in range(100)]
            refused = next((one for one in answers if one[:1] == b"5"), b"")
            if refused:
                break
        assert refused[:3] == b"554", refused
        assert caller.rest() == b""


# -- S09, S10, S06


@pytest.mark.parametrize(
    "parameters",
    [b"SIZE=1 SIZE=2", b"SIZE=x", b"BODY=9BIT", b"HOLDFOR=999999999", b"MT-PRIORITY=9", b"RET=ALL", b"RET=BOTH",
     b"ENVID=a+0", b"ENVID=a+00", b"ENVID=a+0D+0ARCPT", b"ENVID=", b"AUTH=<>", b"XYZZY", b"=", b"SIZE", b"SMTPUTF8=1",
     b"SIZE=" + b"9" * 400, b"BODY=8BITMIME BODY=7BIT", b"REQUIRETLS", b"BY=1;R", b"SIZE=-1", b"\xc3\xbc=1"],
    ids=repr,
)  # fmt: skip
def test_a_parameter_that_is_not_one_is_refused(server, parameters):
    """MAIL parameters are taken as the grammar has them or refused with 501, 504, 555, 552 (S09)."""
    with bounded(server), smtp(server) as caller:
        reply = caller.ask(b"MAIL FROM:<a@else.test> " + parameters + b"\r\n")
        fine = {b"AUTH=<>"}
        assert reply[:3] in (
            {b"250", b"555"} if parameters in fine else {b"500", b"501", b"504", b"555", b"552", b"553"}
        ), reply


CODE = (
    b"$(touch /tmp/pwned)", b"`id`", b"|/bin/sh", b"../../etc/passwd", b"%{run}", b"${run{/bin/sh}}", b"a';DROP TABLE x;--",
    b'"; rm -rf /"', b"-oQ/tmp", b'""', b"a\\", b"*", b"%s%s%n", b"{{7*7}}", b"a" * 65, b"alice\x00", b"alice\r\nRCPT",
    b"<alice", b"alice>", b"alice,bob", b"=?utf-8?q?alice?=", b"alice\x7f", b"alice\x1b[2J",
)  # fmt: skip


@pytest.mark.parametrize("local", CODE, ids=repr)
def test_an_address_is_never_code(server, local):
    """Nobody is called so: refused, and no octet of it does anything (S06, S10)."""
    with bounded(server) as house:
        with smtp(server) as caller:
            caller.say(b"MAIL FROM:<" + local + b"@else.test>\r\n")
            assert caller.reply()[:1] in b"25"
            caller.say(b"RSET\r\n")
        with smtp(server) as caller:
            caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
            assert caller.ask(b"RCPT TO:<" + local + b"@office.test>\r\n")[:1] == b"5"
        assert all("\n" not in str(value) for entry in house.journal for value in entry.values())


@pytest.mark.parametrize(
    "name",
    [b"a\x00b", b"a\x1b[2J", b"a b", b"<script>", b"a;b", b"x" * 300, b"\xff\xfe", b"a\rb", b'"', b"()"],
    ids=repr,
)
def test_a_hello_with_control_characters_is_refused(server, name):
    """What a client calls itself stands in headers and logs: 501, or 500 where it is no line at all (S06)."""
    with bounded(server), Caller(server, "smtp") as caller:
        caller.reply()
        assert caller.ask(b"EHLO " + name + b"\r\n")[:2] == b"50"
        assert caller.ask(b"EHLO honest.test\r\n")[:3] == b"250"


# -- S11


@pytest.mark.slow
def test_twenty_thousand_recipients_are_two_hundred(server):
    """L12: exactly 200 are taken, the rest hears 452, and the message reaches those that were taken (S11)."""
    empty(server, "alice")
    with bounded(server, octets=16 * MIB), smtp(server, source=HOST) as caller:
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        accepted = refused = 0
        for _ in range(100):
            caller.say(b"".join(b"RCPT TO:<alice+%d@office.test>\r\n" % n for n in range(200)))
            for _ in range(200):
                code = caller.reply()[:3]
                accepted += code == b"250"
                refused += code == b"452"
        assert (accepted, refused) == (200, 19800)
        assert caller.ask(b"DATA\r\n")[:3] == b"354"
        assert caller.ask(LETTER + b".\r\n")[:3] == b"250"
    assert len(messages(server, "alice")) >= 1


# -- S13


def test_vrfy_and_expn_tell_nothing(server):
    """L29: VRFY answers known and unknown with the same words, EXPN is not there (S13)."""
    with smtp(server) as caller:
        answers = {
            caller.ask(b"VRFY " + name + b"\r\n") for name in (b"alice", b"nobody", b"alice@office.test", b"<x@y.test>")
        }
        assert len(answers) == 1
        assert answers.pop()[:3] == b"252"
        assert caller.ask(b"EXPN postmaster\r\n")[:3] == b"502"


def test_guessing_names_ends_after_five_and_stays_ended_for_the_address(server):
    """L20: five unknown recipients a session, then 421; twenty an hour from an address, then 421 for all names."""
    source = stranger()
    unknown = known = 0
    with bounded(server):
        for _ in range(8):
            with smtp(server, source=source) as caller:
                caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
                for n in range(10):
                    reply = caller.ask(b"RCPT TO:<guess%d@office.test>\r\n" % n)
                    unknown += reply[:9] == b"550 5.1.1"
                    if reply[:3] == b"421":
                        assert caller.rest() == b""
                        break
                else:
                    raise AssertionError("never enough")
        assert unknown <= 20
        with smtp(server, source=source) as caller:
            caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
            known = caller.ask(b"RCPT TO:<alice@office.test>\r\n")
            assert known[:3] == b"421", "who guessed learns nothing more, not even that alice exists"
        with smtp(server) as caller:
            caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
            assert caller.ask(b"RCPT TO:<alice@office.test>\r\n")[:3] == b"250"


# -- S14


@pytest.mark.parametrize(
    "line",
    [b"PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n", b"XCLIENT ADDR=127.0.0.1 NAME=localhost\r\n", b"XFORWARD NAME=x\r\n",
     b"\r\n\r\n\x00\r\nQUIT\n\x20\x11\x00\x0c" + bytes(12), b"ETRN office.test\r\n", b"TURN\r\n", b"DEBUG\r\n", b"WIZ\r\n"],
    ids=repr,
)  # fmt: skip
def test_nobody_may_say_who_he_is_in_somebody_elses_name(server, line):
    """PROXY and XCLIENT are refused, and no right comes of them (S14)."""
    with bounded(server), smtp(server) as caller:
        caller.say(line)
        first = caller.reply()
        assert first[:1] == b"5", first
        if caller.say(b"EHLO a.test\r\n") and caller.reply()[:3] == b"250":
            caller.ask(b"MAIL FROM:<alice@office.test>\r\n")
            assert caller.ask(b"RCPT TO:<victim@far.example>\r\n")[:9] == b"550 5.7.1"


# -- L13 to L16, L19


def test_fifty_messages_are_enough_on_one_connection(strict):
    """L13: the message after the last earns 421 and the end; a new connection is welcome."""
    server = strict("mx_messages = 3")
    source = stranger()
    with bounded(server), smtp(server, source=source) as caller:
        for _ in range(3):
            assert send(caller, unknown_sender(), [b"carol@office.test"], LETTER)[:3] == b"250"
        assert caller.ask(b"MAIL FROM:<a@else.test>\r\n")[:3] == b"421"
        assert caller.rest() == b""
    with smtp(server, source=source) as caller:
        assert send(caller, unknown_sender(), [b"carol@office.test"], LETTER)[:3] == b"250"


@pytest.mark.parametrize(
    ("service", "refusal"), [("smtp", b"421"), ("imap", b"* BYE"), ("pop3", b"-ERR"), ("submission", b"421")]
)
def test_too_many_connections_from_one_address_are_turned_away_and_others_served(server, service, refusal):
    """L14: twenty at once from an address, the next is told why and let go; when one leaves, one may come."""
    source = stranger()
    with bounded(server, octets=8 * MIB):
        callers = [Caller(server, service, source) for _ in range(20)]
        for caller in callers:
            assert not caller.line().startswith(refusal)
        for _ in range(3):
            with Caller(server, service, source) as extra:
                assert extra.rest().startswith(refusal)
        with Caller(server, service) as other:
            assert not other.line().startswith(refusal)
        callers.pop().close()
        wait_for(lambda: not _hears(server, service, source).startswith(refusal), "a place to be free again")
        for caller in callers:
            caller.close()


def _hears(server, service: str, source: str) -> bytes:
    with Caller(server, service, source) as caller:
        return caller.line()


def test_the_surroundings_of_an_address_count_together(strict):
    """L14: a /26 has its own limit, so that neighbours do not help."""
    server = strict("near_connections = 5")
    callers = [Caller(server, "smtp", f"127.9.9.{n}") for n in range(65, 70)]
    assert all(caller.line()[:3] == b"220" for caller in callers)
    with Caller(server, "smtp", "127.9.9.80") as neighbour, Caller(server, "smtp", "127.9.9.1") as other:
        assert neighbour.rest()[:3] == b"421"
        assert other.line()[:3] == b"220"
    for caller in callers:
        caller.close()


def test_a_flood_of_connections_leaves_room_for_our_own_people(strict):
    """L14: port 25 may take three quarters of all places; submission and access have the rest."""
    server = strict("connections = 40\nclient_connections = 1000\nnear_connections = 1000\nfar_connections = 1000")
    callers = [Caller(server, "smtp", stranger()) for _ in range(45)]
    heard = [caller.line()[:3] for caller in callers]
    assert heard.count(b"220") == 30
    assert heard.count(b"421") == 15
    with bounded(server, octets=4 * MIB) as house, Imap(server, "alice", source=stranger()) as imap:
        assert b"OK" in imap.do("NOOP")
        assert house.cpu_seconds > 0
    for caller in callers:
        caller.close()
    wait_for(lambda: _hears(server, "smtp", stranger())[:3] == b"220", "the flood to be over")


def test_a_haste_of_connections_is_slowed_for_that_address_only(strict):
    """L15: so many new connections a minute; then 421, also for the next; another address is served."""
    server = strict("client_connects = 5")
    source = stranger()
    heard = [_hears(server, "smtp", source)[:3] for _ in range(9)]
    assert heard == [b"220"] * 5 + [b"421"] * 4
    assert _hears(server, "smtp", stranger())[:3] == b"220"


@pytest.mark.slow
def test_a_flood_of_connections_does_not_keep_others_out(server):
    """R01: 3,000 connections as fast as they come; somebody else's message is taken meanwhile and after."""
    with bounded(server, octets=24 * MIB) as house:
        files = house.files
        source = stranger()
        for n in range(3000):
            try:
                socket.create_connection((HOST, server.port("smtp")), 5, source_address=(source, 0)).close()
            except OSError:
                continue
            if n % 1000 == 500:
                assert deliver(server, "carol", LETTER)[:3] == b"250"
        wait_for(lambda: house.files <= files + 5, "sockets to be closed (H3)")


def test_messages_and_octets_a_minute(strict):
    """L16: beyond the allowance 451, for aborted messages too; somebody else may send (R04)."""
    server = strict('client_messages = 4\nclient_octets = "200KiB"')
    many, much = stranger(), stranger()
    with bounded(server):
        with smtp(server, source=many) as caller:
            for _ in range(4):
                assert caller.ask(b"MAIL FROM:<a@else.test>\r\n")[:3] == b"250"
                caller.ask(b"RSET\r\n")
            assert caller.ask(b"MAIL FROM:<a@else.test>\r\n")[:9] == b"451 4.7.1"
        with smtp(server, source=much) as caller:
            caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
            caller.ask(b"RCPT TO:<carol@office.test>\r\n")
            caller.ask(b"DATA\r\n")
            caller.say(b"Subject: never finished\r\n\r\n" + (b"z" * 998 + b"\r\n") * 300)
        wait_for(lambda: _may_begin(server, much)[:9] == b"451 4.7.1", "the aborted content to be counted")
        assert _may_begin(server, stranger())[:3] == b"250"


def _may_begin(server, source: str) -> bytes:
    with smtp(server, source=source) as caller:
        return caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")


@pytest.mark.slow
def test_errors_cost_time_and_then_the_session(server):
    """L19: after five errors each costs a second, after fifteen we hang up; others notice nothing."""
    with bounded(server), smtp(server) as caller, smtp(server) as neighbour:
        started = time.monotonic()
        codes = []
        while True:
            reply = caller.ask(b"XYZZY\r\n")
            codes.append(reply[:3])
            if reply[:3] == b"421" or not reply:
                break
            assert neighbour.ask(b"NOOP\r\n")[:3] == b"250"
        assert codes == [b"500"] * 15 + [b"421"]
        assert caller.rest() == b""
        assert time.monotonic() - started > 9  # a slow machine only makes it longer


@pytest.mark.parametrize("command", [b"NOOP", b"RSET", b"VRFY x", b"HELP", b"EHLO a.test"])
def test_commands_without_mail_come_to_an_end(server, command):
    """L19: fifty of them, then 421."""
    with bounded(server), smtp(server) as caller:
        replies = list(itertools.takewhile(bool, (caller.ask(command, b"\r\n") for _ in range(60))))
        assert replies[-1][:3] == b"421"
        assert len(replies) == 51


# -- L17, L18


@pytest.mark.slow
@pytest.mark.parametrize("service", ["smtp", "submission", "imap", "imaps", "pop3", "pop3s", "submissions"])
def test_who_says_nothing_is_let_go(strict, service):
    """L17, L33, T06: silence before and within commands, and a handshake that never comes, end by their deadline."""
    server = strict('command_seconds = "2s"\nearly_seconds = "2s"')
    with bounded(server, octets=8 * MIB):
        callers = [Caller(server, service, tls=False) for _ in range(10)]
        for caller in callers:
            caller.socket.settimeout(60)
            if service not in {"submissions", "imaps", "pop3s"}:
                caller.line()
            caller.rest()
            caller.close()


@pytest.mark.slow
@pytest.mark.parametrize("service", ["smtp", "submission", "imap", "pop3", "metrics"])
def test_one_octet_at_a_time_is_no_way_to_stay(strict, service):
    """R02, L17: a command has to be whole by its deadline; dripping octets does not renew it."""
    server = strict('command_seconds = "2s"\nearly_seconds = "2s"')
    with bounded(server), Caller(server, service) as caller:
        if service != "metrics":
            caller.line()
        caller.socket.settimeout(0.4)
        for _ in range(150):
            if not caller.say(b"N"):
                return
            try:
                if not caller._read():
                    return
            except TimeoutError:
                continue
        raise AssertionError("still there after 150 octets")


@pytest.mark.slow
def test_patience_is_short_while_the_house_is_full(strict):
    """L17: under stress ten seconds of silence are enough (here one); while there is room they are not."""
    server = strict('connections = 20\nclient_connections = 99\nnear_connections = 99\nstress_seconds = "1s"')
    with bounded(server):
        calm = smtp(server)
        time.sleep(3)
        assert calm.ask(b"NOOP\r\n")[:3] == b"250"
        crowd = [smtp(server) for _ in range(13)]
        assert crowd[-1].rest()[:3] == b"421"
        for caller in crowd:
            caller.close()
        calm.close()


@pytest.mark.slow
def test_content_that_drips_is_cut_off(strict):
    """L18: a transfer has an end, however steadily it drips; an honest sender beside it is served."""
    server = strict('transfer_seconds = "3s"')
    with bounded(server), smtp(server) as caller:
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        caller.ask(b"RCPT TO:<carol@office.test>\r\n")
        caller.ask(b"DATA\r\n")
        caller.socket.settimeout(0.5)
        for _ in range(200):
            if not caller.say(b"X-Drip: x\r\n"):
                break
            try:
                if b"421" in caller.line():
                    break
            except TimeoutError:
                pass
        else:
            raise AssertionError("still there after 200 drips")
        assert deliver(server, "carol", LETTER)[:3] == b"250"


@pytest.mark.slow
def test_silence_within_content_is_ended(strict):
    """L17: 300 s of patience while content comes (here 2), then 421."""
    server = strict('content_seconds = "2s"')
    with bounded(server), smtp(server) as caller:
        caller.ask(b"MAIL FROM:<" + unknown_sender() + b">\r\n")
        caller.ask(b"RCPT TO:<carol@office.test>\r\n")
        caller.ask(b"DATA\r\n")
        caller.say(b"Subject: half\r\n\r\nand then noth")
        assert caller.rest()[:3] == b"421"
