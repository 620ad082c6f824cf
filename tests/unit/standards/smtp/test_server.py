import pytest

from posthouse.lib.sansio import LocalError
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import (
    AuthResponse,
    AuthStart,
    ContentChunk,
    EndChunk,
    EndContent,
    Hello,
    MailFrom,
    Malformed,
    Offence,
    Quit,
    RcptTo,
    StartContent,
)
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection
from posthouse.testing.wire import TLS, Wire


def test_a_message_comes_in_and_the_client_leaves(fresh):
    with fresh() as wire:
        wire.client("EHLO client.example")
        assert wire.written.startswith(b"250-mx.office.test\r\n250-PIPELINING\r\n")
        wire.written = b""
        wire.client("MAIL FROM:<a@a.example> SIZE=20")
        wire.server("250 2.0.0 ok")
        wire.client("RCPT TO:<b@office.test>")
        wire.server("250 2.0.0 ok")
        wire.client("DATA")
        wire.server("354 go on")
        wire.client("Subject: hi", "", "..stuffed", ".")
        wire.server("250 2.0.0 it is ours now")
        wire.client("QUIT")
        wire.server("221 2.0.0")
        wire.hangs_up()
        assert wire.door.heard == [
            Hello("EHLO", "client.example"),
            MailFrom(Address("a", "a.example"), size=20),
            RcptTo(Recipient(Address("b", "office.test"))),
            StartContent(chunked=False),
            ContentChunk(b"Subject: hi\r\n\r\n.stuffed\r\n"),
            EndContent(25, lines=3),
            Quit(),
        ]


def test_a_group_of_commands_is_answered_in_order(ready):
    with ready() as wire:
        wire.client(
            "MAIL FROM:<a@a.example>", "RCPT TO:<b@office.test>", "RCPT TO:<", "RCPT TO:<c@office.test>", "DATA"
        )
        wire.server("250 2.0.0", "250 2.0.0", "501 5.1.3", "250 2.0.0", "354")
        wire.client(b".\r\nMAIL FROM:<>\r\nRSET\r\n")
        wire.server("250 2.0.0 it is ours now", "250 2.0.0", "250 2.0.0")
        assert wire.door.delivered == [b""]


def test_an_event_is_not_followed_by_another_before_its_answer(offer):
    core = ServerConnection(offer)
    core.receive_data(b"RSET\r\nRSET\r\n")
    assert core.next_event() is None, "we speak first"
    core = ServerConnection(offer)
    core.send(reply(220, None, "hi"))
    core.receive_data(b"RSET\r\nRSET\r\n")
    assert core.next_event() is not None
    assert core.next_event() is None


class TestOrder:
    @pytest.mark.parametrize("line", ["MAIL FROM:<a@a.example>", "RCPT TO:<b@office.test>", "DATA"])
    def test_mail_needs_a_hello(self, fresh, line):
        with fresh() as wire:
            wire.client(line)
            wire.server("503 5.5.1 say hello first")

    @pytest.mark.parametrize("line", ["RCPT TO:<b@office.test>", "DATA"])
    def test_recipients_and_content_need_a_sender(self, ready, line):
        with ready() as wire:
            wire.client(line)
            wire.server("503 5.5.1 MAIL comes first")

    def test_one_sender_at_a_time(self, mailing):
        with mailing() as wire:
            wire.client("MAIL FROM:<c@a.example>")
            wire.server("503 5.5.1 one MAIL at a time")
            assert wire.core.transaction.accepted == 1

    def test_content_needs_an_accepted_recipient(self, ready):
        with ready() as wire:
            wire.client("MAIL FROM:<a@a.example>", "DATA")
            wire.server("250", "503 5.5.1 RCPT comes first")
            wire.door.instead[RcptTo] = reply(550, "5.1.1", "who?")
            wire.client("RCPT TO:<nobody@office.test>", "DATA")
            wire.server("550 5.1.1", "554 5.5.1 no valid recipients")
            wire.client("RCPT TO:<b@office.test>", "DATA")
            wire.server("250", "354")
            wire.client(".")
            wire.server("250")

    @pytest.mark.parametrize("ending", ["RSET", "EHLO again.example", "HELO again.example"])
    def test_what_ends_a_transaction_ends_all_of_it(self, mailing, ending):
        with mailing() as wire:
            wire.client(ending)
            wire.written = b""
            assert wire.core.transaction is None
            wire.client("DATA")
            wire.server("503 5.5.1 MAIL comes first")

    def test_a_refused_hello_changes_nothing(self, mailing):
        with mailing() as wire:
            wire.client("EHLO")
            wire.server("501 5.5.4")
            wire.door.instead[Hello] = reply(550, "5.7.1", "not you")
            wire.client("EHLO spam.example")
            wire.server("550 5.7.1")
            wire.client("DATA")
            wire.server("354")
            wire.client(".")
            wire.server("250")

    def test_a_refused_content_ends_the_transaction(self, mailing):
        with mailing() as wire:
            wire.door.instead[StartContent] = reply(451, "4.3.0", "not now")
            wire.client("DATA")
            wire.server("451 4.3.0")
            wire.client("RCPT TO:<c@office.test>")
            wire.server("503 5.5.1")

    def test_after_a_refused_message_recipients_need_a_new_sender(self, mailing):
        """Postfix, July 2026: a recipient after a refused end of content began where the old one ended."""
        with mailing() as wire:
            wire.door.instead[EndContent] = reply(554, "5.7.1", "spam")
            wire.client("DATA")
            wire.client("x", ".")
            wire.server("354", "554 5.7.1")
            wire.client("RCPT TO:<c@office.test>", "DATA")
            wire.server("503 5.5.1", "503 5.5.1")

    def test_rset_before_the_hello_is_no_hello(self, fresh):
        with fresh() as wire:
            wire.client("RSET", "MAIL FROM:<a@a.example>")
            wire.server("250", "503 5.5.1 say hello first")

    def test_a_barred_client_may_only_leave(self, offer):
        class Closed:
            def greet(self):
                yield reply(554, None, "no service")

            def handle(self, event):
                yield event.reply if isinstance(event, Malformed) else reply(221, "2.0.0", "bye")

        with Wire(ServerConnection(offer), Closed()) as wire:
            wire.server("554 no service")
            wire.client("EHLO a.example")
            wire.server("503 5.5.1")
            wire.client("QUIT")
            wire.server("221")
            wire.hangs_up()

    def test_service_commands_are_welcome_at_any_time(self, fresh):
        with fresh() as wire:
            for line in ("NOOP", "NOOP whatever", "HELP", "HELP MAIL", "VRFY alice"):
                wire.client(line)
                wire.server("250")

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ("EXPN staff", "502 5.5.1"),
            ("TURN", "502 5.5.1"),
            ("XCLIENT ADDR=1.2.3.4", "502 5.5.1"),
            ("MAKE TEA", "500 5.5.1"),
            ("LHLO a.example", "500 5.5.1"),
            ("DATA now", "501 5.5.4"),
            ("RSET now", "501 5.5.4"),
            ("QUIT now", "501 5.5.4"),
            ("STARTTLS now", "501 5.5.4"),
            ("VRFY", "501 5.5.4"),
            ("MAIL", "501 5.5.4"),
            ("MAIL TO:<a@a.example>", "501 5.5.4"),
            ("", "500 5.5.1"),
            ("  ", "500 5.5.1"),
        ],
    )
    def test_what_is_no_command_here_is_refused_with_its_code(self, mailing, line, code):
        with mailing() as wire:
            if line.startswith("MAIL"):
                wire.client("RSET")
                wire.server("250")
            wire.client(line)
            wire.server(code)

    def test_commands_are_known_in_any_case_and_trailing_blanks_forgiven(self, ready):
        with ready() as wire:
            wire.client("mAiL fRoM:<a@a.example> size=3 \t", "rcpt to:<b@office.test>", "dAtA ")
            wire.server("250", "250", "354")
            wire.client(".")
            wire.server("250")


class TestLines:
    @pytest.mark.parametrize("line", [b"NOOP\n", b"NO\rOP\r\n", b"NOOP \0\r\n", b"NOOP\r\r\n", b"RSET \x1b[2J\r\n"])
    def test_a_bare_line_end_or_a_control_is_no_command(self, ready, line):
        with ready() as wire:
            wire.client(line)
            wire.server("500 5.5.2")
            assert isinstance(wire.door.heard[-1], Malformed)

    def test_octets_that_are_no_utf8_are_refused(self, ready):
        with ready() as wire:
            wire.client(b"VRFY \xff\xfe\r\n")
            wire.server("500 5.5.2")

    def test_a_line_of_exactly_the_limit_is_heard_and_one_octet_more_is_not(self, ready):
        with ready() as wire:
            wire.client("NOOP " + "x" * (2048 - 7))
            wire.server("250")
            wire.client("NOOP " + "x" * (2048 - 6))
            wire.server("500 5.5.2 the line is too long")
            wire.client("NOOP")
            wire.server("250")

    @pytest.mark.parametrize("size", [1, 1000, 200_000])
    def test_an_endless_line_ends_the_session_and_is_not_kept(self, ready, size):
        wire = ready()
        fed = 0
        while not wire.core.closed and fed < 1 << 20:
            wire.client(b"x" * size)
            assert len(wire.core._buffer) <= 2048 + size
            fed += size
        wire.server("500 5.5.2 the line does not end")
        wire.hangs_up()
        assert fed <= 2048 + 65536 + size

    def test_after_the_end_of_input_the_session_is_over(self, ready):
        wire = ready()
        wire.client(b"RSET\r\nRSE")
        wire.server("250")
        wire.client_hangs_up()
        wire.hangs_up()


class TestEarly:
    """Threats S03 and T01: what is said before we answered is not carried out."""

    def test_before_the_greeting(self, offer):
        core = ServerConnection(offer)
        core.receive_data(b"EHLO a.example\r\n")
        wire = Wire(core)
        wire._run()
        wire.server("220", "554 5.5.1 you spoke before we answered")
        wire.hangs_up()
        assert wire.door.heard == [Malformed(Offence.EARLY, wire.door.heard[0].reply)]

    @pytest.mark.parametrize(
        "command", ["EHLO a.example", "HELO a.example", "NOOP", "VRFY a", "STARTTLS", "AUTH LOGIN"]
    )
    def test_behind_a_command_that_must_be_waited_for(self, ready, command):
        wire = ready()
        wire.client(command, "MAIL FROM:<a@a.example>")
        wire.server("554 5.5.1")
        wire.hangs_up()
        assert not any(isinstance(event, MailFrom) for event in wire.door.heard)

    def test_behind_data(self, mailing):
        wire = mailing()
        wire.client("DATA", "Subject: x", "", ".")
        wire.server("554 5.5.1")
        wire.hangs_up()
        assert wire.door.delivered == []

    def test_while_the_answer_to_data_is_on_its_way(self, mailing):
        wire = mailing()
        wire.core.receive_data(b"DATA\r\n")
        assert wire.core.next_event() == StartContent(chunked=False)
        wire.core.receive_data(b"Subject: x\r\n")
        wire._write(reply(354, None, "go on"))
        wire._run()
        wire.server("354", "554 5.5.1")
        wire.hangs_up()

    def test_a_command_between_the_answer_to_starttls_and_the_handshake(self, ready):
        wire = ready()
        wire.client("STARTTLS")
        wire.server("220")
        wire.core.receive_data(b"MAIL FROM:<a@a.example>\r\n")
        assert wire.core.next_event() is None
        wire.core.secured(TLS)
        wire.hangs_up()

    def test_a_command_while_the_door_thinks_about_starttls(self, ready):
        wire = ready()
        wire.core.receive_data(b"STARTTLS\r\n")
        wire.core.next_event()
        wire.core.receive_data(b"MAIL FROM:<a@a.example>\r\n")
        wire._write(reply(220, "2.0.0", "ready"))
        wire.server("554 5.5.1")
        wire.hangs_up()
        assert not wire.core.wants_tls

    @pytest.mark.parametrize("line", [b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n", b"CONNECT x:25 HTTP/1.1\r\n"])
    def test_a_browser_is_sent_away(self, fresh, line):
        wire = fresh()
        wire.client(line + b"Host: mx\r\n\r\nMAIL FROM:<a@a.example>\r\n")
        wire.server("554 5.5.1 this is a mail server")
        wire.hangs_up()

    def test_a_tls_hello_in_the_clear_is_sent_away_at_its_first_octet(self, fresh):
        wire = fresh()
        wire.client(b"\x16")
        wire.server("554 5.5.1")
        wire.hangs_up()


class TestTls:
    def test_after_the_handshake_nothing_said_before_counts(self, mailing):
        with mailing() as wire:
            wire.client("STARTTLS")
            wire.server("220")
            assert wire.core.transaction is None
            wire.secured()
            wire.client("MAIL FROM:<a@a.example>")
            wire.server("503 5.5.1 say hello first")
            wire.client("EHLO a.example")
            assert b"STARTTLS" not in wire.written
            assert b"250-AUTH PLAIN LOGIN\r\n" in wire.written
            wire.written = b""
            wire.client("STARTTLS")
            wire.server("503 5.5.1 TLS is in place")

    def test_a_refusal_changes_nothing(self, mailing):
        from posthouse.standards.smtp.events import StartTls

        with mailing() as wire:
            wire.door.instead[StartTls] = reply(454, "4.7.0", "not now")
            wire.client("STARTTLS")
            wire.server("454 4.7.0")
            wire.client("DATA")
            wire.server("354")
            wire.client(".")
            wire.server("250")

    def test_implicit_tls_is_secured_before_the_greeting(self):
        core = ServerConnection(Offer(hostname="h.test", max_octets=100, mechanisms=("PLAIN",)))
        core.secured(TLS)
        with Wire(core) as wire:
            wire.server("220")
            wire.client("EHLO a.example")
            assert b"AUTH PLAIN" in wire.written
            wire.written = b""

    def test_not_offered_is_not_implemented(self, ready):
        with ready(starttls=False) as wire:
            wire.client("STARTTLS")
            wire.server("502 5.5.1")

    def test_only_a_connection_that_waits_for_tls_is_secured(self, ready):
        with pytest.raises(LocalError):
            ready().core.secured(TLS)


class TestAuth:
    def test_with_the_response_at_once(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH plain AGFsaWNlAHB3")
            wire.server("235 2.7.0")
            assert wire.door.heard[-1] == AuthStart("PLAIN", b"\0alice\0pw")
            assert wire.core.authenticated

    def test_with_a_challenge(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH LOGIN")
            assert wire.written == b"334 \r\n"
            wire.server("334 ")
            wire.client("YWxpY2U=")
            wire.server("235")
            assert wire.door.heard[-1] == AuthResponse(b"alice")

    def test_an_equals_sign_is_an_empty_response(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH PLAIN =")
            wire.server("235")
            assert wire.door.heard[-1] == AuthStart("PLAIN", b"")

    def test_a_star_cancels(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH LOGIN")
            wire.client("*")
            wire.server("334", "501 5.7.0")
            assert wire.door.heard[-1] == AuthResponse(None)
            assert not wire.core.authenticated
            wire.client("NOOP")
            wire.server("250")

    @pytest.mark.parametrize("bad", ["=AAA", "AAA=BBB", "AAA", "AA AA", "A\u00e9AA", "QUIT?", ""])
    def test_what_is_not_base64_ends_the_exchange(self, ready, bad):
        with ready(tls=True) as wire:
            wire.client("AUTH LOGIN")
            wire.server("334 ")
            wire.client(bad)
            wire.server("501 5.5.2" if bad else "235")
            wire.client("NOOP")
            wire.server("250")

    def test_an_overlong_response_ends_the_exchange(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH LOGIN")
            wire.server("334 ")
            wire.client("A" * 12287)
            wire.server("500 5.5.6")
            wire.client("NOOP")
            wire.server("250")

    def test_a_long_response_is_heard(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH LOGIN")
            wire.server("334 ")
            wire.client("AAAA" * 3071)
            wire.server("235")
            assert wire.door.heard[-1] == AuthResponse(bytes(3071 * 3))

    def test_a_long_first_response_is_heard(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH PLAIN " + "AAAA" * 3000)
            wire.server("235")

    def test_never_in_the_clear(self, ready):
        with ready() as wire:
            wire.client("AUTH PLAIN AGFsaWNlAHB3")
            wire.server("538 5.7.11")

    def test_never_where_nobody_logs_in(self, ready):
        with ready(tls=True, mechanisms=()) as wire:
            wire.client("AUTH PLAIN AGFsaWNlAHB3")
            wire.server("503 5.5.1")

    def test_only_what_is_offered(self, ready):
        with ready(tls=True) as wire:
            wire.client("AUTH CRAM-MD5")
            wire.server("504 5.5.4")

    def test_once_and_outside_of_a_transaction(self, ready):
        with ready(tls=True) as wire:
            wire.client("MAIL FROM:<a@a.example>", "AUTH LOGIN")
            wire.server("250", "503 5.5.1")
            wire.client("RSET")
            wire.client("AUTH PLAIN =")
            wire.client("AUTH PLAIN =")
            wire.server("250", "235", "503 5.5.1 you are authenticated")

    def test_before_a_hello_it_is_out_of_order(self, fresh):
        with fresh() as wire:
            wire.client("AUTH LOGIN")
            wire.server("503 5.5.1")

    def test_plain_at_once_may_be_pipelined(self, ready):
        """RFC 4954 section 4: the only exception to AUTH being the last of a group."""
        with ready(tls=True) as wire:
            wire.client("AUTH PLAIN AGFsaWNlAHB3", "MAIL FROM:<a@a.example>")
            wire.server("235", "250")

    def test_tls_forgets_who_was_authenticated(self, offer):
        core = ServerConnection(offer)
        core.authenticated = True
        core.secured(TLS)
        assert not core.authenticated


class TestChunks:
    def test_a_message_in_chunks(self, mailing):
        with mailing() as wire:
            wire.client(b"BDAT 7\r\n.a\r\n\r\n.BDAT 3\r\n\r\nbBDAT 2 LAST\r\n\r\nRSET\r\n")
            wire.server("250", "250", "250 2.0.0 it is ours now", "250")
            assert wire.door.delivered == [b".a\r\n\r\n.\r\nb\r\n"]
            assert [event for event in wire.door.heard if isinstance(event, EndChunk | EndContent)] == [
                EndChunk(7),
                EndChunk(3),
                EndContent(12, lines=4),
            ]

    def test_one_chunk_and_an_empty_last_one(self, mailing):
        with mailing() as wire:
            wire.client(b"BDAT 3 LAST\r\na\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@office.test>\r\n")
            wire.server("250", "250", "250")
            wire.client(b"BDAT 3\r\nb\r\n", b"BDAT 0 LAST\r\n")
            wire.server("250", "250")
            assert wire.door.delivered == [b"a\r\n", b"b\r\n"]

    def test_a_chunk_out_of_order_is_read_and_refused(self, ready):
        with ready() as wire:
            wire.client(b"BDAT 6\r\nQUIT\r\nNOOP\r\n")
            wire.server("503 5.5.1 MAIL comes first", "250")

    def test_a_chunk_without_recipients_ends_the_transaction(self, ready):
        with ready() as wire:
            wire.client(b"MAIL FROM:<a@a.example>\r\nBDAT 3\r\nxxxRCPT TO:<b@office.test>\r\n")
            wire.server("250", "503 5.5.1 RCPT comes first", "503 5.5.1")

    @pytest.mark.parametrize("argument", ["", "x", "-1", "1 LAST 2", "9" * 21, "0x5", "5 last!", "1  LAST"])
    def test_a_size_we_cannot_count_ends_the_session(self, mailing, argument):
        wire = mailing()
        wire.client(f"BDAT {argument}", "RSET")
        wire.server("501 5.5.4")
        wire.hangs_up()

    def test_a_chunk_beyond_all_measure_ends_the_session(self, mailing):
        wire = mailing()
        wire.client(b"BDAT 99999999999999\r\nabc")
        wire.server("552 5.3.4")
        wire.hangs_up()

    def test_data_and_chunks_do_not_mix(self, mailing):
        with mailing() as wire:
            wire.client(b"BDAT 3\r\na\r\n")
            wire.client("DATA")
            wire.client("RCPT TO:<c@office.test>", "MAIL FROM:<a@a.example>", "STARTTLS")
            wire.server("250", "503 5.5.1", "503 5.5.1", "503 5.5.1", "503 5.5.1")
            wire.client("RSET")
            wire.server("250")
            assert wire.core.transaction is None

    def test_the_refusal_of_a_first_chunk_is_given_when_it_is_over(self, mailing):
        with mailing() as wire:
            wire.door.instead[StartContent] = reply(452, "4.3.1", "no room")
            wire.client(b"BDAT 6\r\nabc")
            assert wire.written == b""
            wire.client(b"def")
            wire.server("452 4.3.1")
            assert wire.door.delivered == []
            wire.client(b"BDAT 3 LAST\r\nxyz")
            wire.server("503 5.5.1")

    def test_too_many_too_small_chunks(self, mailing):
        wire = mailing(chunks_max=20)
        wire.client(b"BDAT 1\r\nx" * 21)
        wire.server(*["250"] * 20, "554 5.7.0")
        wire.hangs_up()

    def test_many_fair_chunks(self, mailing):
        with mailing(chunks_max=20, chunk_octets=9) as wire:
            wire.client(b"BDAT 10\r\nxxxxxxxx\r\n" * 30, b"BDAT 0 LAST\r\n")
            wire.server(*["250"] * 31)

    def test_rset_between_chunks_forgets_them(self, mailing):
        with mailing() as wire:
            wire.client(b"BDAT 3\r\na\r\nRSET\r\nBDAT 3 LAST\r\nb\r\n")
            wire.server("250", "250", "503 5.5.1")
            assert wire.door.delivered == []


class TestContent:
    def test_over_the_limit_is_read_to_the_end_and_refused(self, mailing):
        with mailing(max_octets=1000) as wire:
            wire.client("DATA")
            wire.client(*["x" * 98] * 10, ".")
            wire.server("354", "250")
            wire.client("MAIL FROM:<a@a.example>", "RCPT TO:<b@office.test>", "DATA")
            wire.client(*["x" * 98] * 10, "", ".")
            wire.server("250", "250", "354", "552 5.3.4")
            assert [len(octets) for octets in wire.door.delivered] == [1000]
            wire.client("NOOP")
            wire.server("250")

    def test_without_end_the_session_ends(self, mailing):
        wire = mailing(max_octets=1000)
        wire.client("DATA")
        for _ in range(21):
            wire.client(b"x" * 98 + b"\r\n")
        wire.server("354", "552 5.3.4")
        wire.hangs_up()

    def test_chunks_over_the_limit_are_refused_at_once(self, mailing):
        with mailing(max_octets=1000) as wire:
            wire.client(b"BDAT 999\r\n" + b"x" * 999)
            wire.client(b"BDAT 2\r\nyy")
            wire.server("250", "552 5.3.4")
            wire.client(b"BDAT 1 LAST\r\ny")
            wire.server("503 5.5.1")

    def test_a_declared_size_over_the_limit_is_refused_at_mail(self, ready):
        with ready() as wire:
            wire.client("MAIL FROM:<a@a.example> SIZE=100001", "MAIL FROM:<a@a.example> SIZE=9223372036854775808")
            wire.server("552 5.3.4", "552 5.3.4")
            wire.client("MAIL FROM:<a@a.example> SIZE=100000")
            wire.server("250")

    def test_a_line_over_the_limit(self, mailing):
        with mailing(line_octets=1000) as wire:
            wire.client("DATA")
            wire.client("x" * 998, "y", ".")
            wire.server("354", "250")
            wire.client("MAIL FROM:<a@a.example>", "RCPT TO:<b@office.test>", "DATA")
            wire.client("x" * 999, ".")
            wire.server("250", "250", "354", "554 5.6.0")

    def test_binary_content_needs_chunks_and_may_hold_anything(self, mailing):
        octets = bytes(range(256)) + b"\n\r\0" + b"\r"
        with mailing(" BODY=BINARYMIME") as wire:
            wire.client("DATA")
            wire.server("503 5.5.1 binary content comes with BDAT")
            wire.client(b"BDAT %d\r\n" % len(octets) + octets + b"BDAT 0 LAST\r\n")
            wire.server("250", "250")
            assert wire.door.delivered == [octets]


class TestLmtp:
    def test_each_accepted_recipient_has_an_answer(self, mailing):
        with mailing(lmtp=True) as wire:
            wire.door.instead[RcptTo] = reply(550, "5.1.1", "who?")
            wire.client("RCPT TO:<nobody@office.test>", "RCPT TO:<b@office.test>", "DATA")
            wire.server("550", "250", "354")
            wire.client("x", ".", "NOOP")
            wire.server("250", "250", "250")
            wire.client("MAIL FROM:<a@a.example>")
            wire.server("250")

    def test_chunks_have_one_answer_and_the_last_one_each(self, mailing):
        with mailing(lmtp=True) as wire:
            wire.client("RCPT TO:<c@office.test>")
            wire.client(b"BDAT 3\r\nx\r\nBDAT 3 LAST\r\ny\r\n")
            wire.server("250", "250", "250", "250")

    def test_a_fault_is_told_for_each_and_then_the_session_ends(self, mailing):
        wire = mailing(lmtp=True)
        wire.client("RCPT TO:<c@office.test>")
        wire.client(b"BDAT 3\r\nx\ny")
        wire.client(b"BDAT 0 LAST\r\n")
        wire.server("250", "250", "550 5.6.11", "550 5.6.11")
        wire.hangs_up()

    def test_the_last_chunk_without_a_recipient_is_not_answered(self, ready):
        with ready(lmtp=True) as wire:
            wire.client(b"MAIL FROM:<a@a.example>\r\nBDAT 3 LAST\r\nx\r\nNOOP\r\n")
            wire.server("250", "250")

    def test_without_recipients_content_is_out_of_order(self, ready):
        with ready(lmtp=True) as wire:
            wire.client("MAIL FROM:<a@a.example>")
            wire.door.instead[RcptTo] = reply(550, "5.1.1", "who?")
            wire.client("RCPT TO:<nobody@office.test>", "DATA")
            wire.server("250", "550", "503 5.5.1")

    @pytest.mark.parametrize("line", ["EHLO a.example", "HELO a.example"])
    def test_only_lhlo_is_its_hello(self, fresh, line):
        with fresh(lmtp=True) as wire:
            wire.client(line)
            wire.server("500 5.5.1")


class TestDoorsMistakes:
    """A door that answers what it cannot answer is a bug of ours, told at once."""

    def test_an_answer_to_nothing(self, ready):
        with pytest.raises(LocalError):
            ready().core.send(reply(250, "2.0.0", "ok"))

    def test_go_on_for_a_sender(self, ready):
        core = ready().core
        core.receive_data(b"MAIL FROM:<a@a.example>\r\n")
        core.next_event()
        with pytest.raises(LocalError):
            core.send(reply(354, None, "go on"))

    @pytest.mark.parametrize("line", ["BDAT x", "GET / HTTP/1.1"])
    def test_a_refusal_that_must_end_the_session_ends_it_whatever_is_answered(self, mailing, line):
        wire = mailing()
        wire.door.instead[Malformed] = reply(500, "5.5.1", "go on")
        wire.client(line, "RSET")
        wire.server("500")
        wire.hangs_up()

    def test_an_answer_after_the_last_word_is_let_go(self, mailing):
        wire = mailing()
        wire._write(reply(421, "4.3.2", "we stop"))
        wire._write(reply(250, "2.0.0", "ok"))
        wire.server("421")
        wire.hangs_up()

    def test_a_farewell_may_come_at_any_time(self, mailing):
        wire = mailing()
        wire._write(reply(421, "4.3.2", "we stop"))
        wire.server("421 4.3.2")
        wire.hangs_up()
