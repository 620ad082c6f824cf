"""RFC 5321 as the server's side of the protocol keeps it, a test for each normative sentence."""

import pytest

from posthouse.mail.address import Address
from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import EndContent, Hello, MailFrom, Malformed, RcptTo, StartContent
from posthouse.testing.wire import HELLO, MAIL, RCPT, smtp


@pytest.mark.rfc(5321, "2.2.1", "MUST")
def test_servers_must_support_ehlo_and_helo_as_a_fallback():
    with smtp() as wire:
        wire.client("HELO client.example")
        wire.server("250 mx.office.test")
        wire.client(MAIL)
        wire.server("250")


@pytest.mark.rfc(5321, "3.2", "MUST NOT")
def test_the_extended_answer_is_not_given_to_helo():
    with smtp() as wire:
        wire.client("HELO client.example")
        assert wire.written.count(b"\r\n") == 1
        wire.server("250")


@pytest.mark.rfc(5321, "2.3.5", "MUST")
def test_the_reserved_postmaster_needs_no_domain():
    with smtp(HELLO, MAIL) as wire:
        wire.client("RCPT TO:<POSTMASTER>")
        wire.server("250")


@pytest.mark.rfc(5321, "2.3.8", "MUST NOT")
@pytest.mark.parametrize("line", [b"NOOP\n", b"NOOP\r", b"NO\nOP\r\n"])
def test_cr_and_lf_alone_end_no_command(line):
    wire = smtp(HELLO)
    wire.client(line)
    assert not any(type(event).__name__ == "Noop" for event in wire.door.heard)


@pytest.mark.rfc(5321, "2.4", "MUST")
def test_the_case_of_a_local_part_is_kept_and_that_of_verbs_means_nothing():
    with smtp(HELLO) as wire:
        wire.client("mail FROM:<SmItH@Client.Example>")
        wire.server("250")
        assert wire.door.heard[-1] == MailFrom(Address("SmItH", "client.example"))


@pytest.mark.rfc(5321, "3.1", "MUST")
def test_after_a_554_greeting_the_server_waits_for_quit_and_answers_503():
    from posthouse.standards.smtp.offer import Offer
    from posthouse.standards.smtp.server import ServerConnection

    core = ServerConnection(Offer(hostname="mx.office.test", max_octets=1000))
    core.send(reply(554, None, "no service"))
    core.receive_data(b"EHLO client.example\r\n")
    event = core.next_event()
    assert isinstance(event, Malformed)
    assert event.reply.code == 503
    core.send(event.reply)
    core.receive_data(b"QUIT\r\n")
    core.next_event()
    core.send(reply(221, "2.0.0", "bye"))
    assert core.closed


@pytest.mark.rfc(5321, "3.3", "MUST")
def test_a_source_route_is_accepted_and_ignored():
    with smtp(HELLO, MAIL) as wire:
        wire.client("RCPT TO:<@hosta.int,@jkl.org:userc@d.bar.org>")
        wire.server("250")
        assert str(wire.door.heard[-1].recipient.address) == "userc@d.bar.org"


@pytest.mark.rfc(5321, "3.3", "MUST")
def test_a_recipient_before_its_sender_is_503():
    with smtp(HELLO) as wire:
        wire.client(RCPT)
        wire.server("503")


@pytest.mark.rfc(5321, "3.3", "MUST NOT")
def test_no_content_without_a_354():
    with smtp(HELLO, MAIL) as wire:
        wire.client("DATA")
        wire.server("503")
        wire.client("Subject: x")
        wire.server("500")


@pytest.mark.rfc(5321, "3.5.2", "SHOULD")
def test_expn_is_optional_and_answered_502():
    with smtp(HELLO) as wire:
        wire.client("EXPN staff")
        wire.server("502")


@pytest.mark.rfc(5321, "3.8", "MUST")
def test_a_421_ends_the_session():
    wire = smtp(HELLO)
    wire.door.instead[MailFrom] = reply(421, "4.3.2", "shutting down")
    wire.client(MAIL)
    wire.server("421")
    wire.hangs_up()


@pytest.mark.rfc(5321, "4.1.1", "SHOULD")
def test_blanks_before_the_line_end_are_tolerated():
    with smtp(HELLO) as wire:
        wire.client("RSET \t ", MAIL + "  ")
        wire.server("250", "250")


@pytest.mark.rfc(5321, "4.1.1.1", "MUST")
def test_no_mail_before_a_hello():
    with smtp() as wire:
        wire.client(MAIL)
        wire.server("503")


@pytest.mark.rfc(5321, "4.1.1.1", "MUST")
@pytest.mark.parametrize("verb", ["EHLO", "ehlo", "eHlO"])
def test_a_hello_is_known_in_any_case(verb):
    with smtp() as wire:
        wire.client(f"{verb} client.example")
        assert wire.written.endswith(b"250 HELP\r\n")
        wire.written = b""


@pytest.mark.rfc(5321, "4.1.1.1", "MUST")
@pytest.mark.parametrize("name", ["client.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost"])
def test_a_hello_gives_a_domain_or_an_address_literal(name):
    with smtp() as wire:
        wire.client(f"EHLO {name}")
        assert wire.door.heard == [Hello("EHLO", name)]
        wire.written = b""


@pytest.mark.rfc(5321, "4.1.1.4", "MUST")
def test_only_a_line_of_one_dot_ends_the_content():
    with smtp(HELLO, MAIL, RCPT, "DATA") as wire:
        wire.client(" .", ". ", "..", "x.", "")
        assert wire.written == b""
        wire.client(".")
        wire.server("250")


@pytest.mark.rfc(5321, "4.1.1.4", "MUST NOT")
@pytest.mark.parametrize("ending", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n"])
def test_a_dot_between_lone_line_ends_is_not_treated_as_the_end(ending):
    wire = smtp(HELLO, MAIL, RCPT, "DATA")
    wire.client(b"x" + ending)
    assert not any(isinstance(event, EndContent) for event in wire.door.heard)


@pytest.mark.rfc(5321, "4.1.1.4", "MUST")
def test_the_end_of_content_is_always_answered():
    with smtp(HELLO, MAIL, RCPT, "DATA") as wire:
        wire.door.instead[EndContent] = reply(554, "5.6.0", "no")
        wire.client(".")
        wire.server("554")


@pytest.mark.rfc(5321, "4.1.1.4", "SHOULD")
def test_without_valid_recipients_data_is_refused():
    with smtp(HELLO, MAIL) as wire:
        wire.door.instead[RcptTo] = reply(550, "5.1.1", "nobody")
        wire.client(RCPT, "DATA")
        wire.server("550", "554")


@pytest.mark.rfc(5321, "4.1.1.5", "MUST")
def test_rset_discards_sender_recipients_and_content():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.client("RSET", "DATA")
        wire.server("250", "503")


@pytest.mark.rfc(5321, "4.1.1.5", "MUST NOT")
def test_rset_does_not_close_the_connection():
    with smtp(HELLO) as wire:
        wire.client("RSET", "RSET", MAIL)
        wire.server("250", "250", "250")


@pytest.mark.rfc(5321, "4.1.1.9", "MUST")
@pytest.mark.parametrize("said", [(), (HELLO,), (HELLO, MAIL), (HELLO, MAIL, RCPT)])
def test_noop_changes_nothing(said):
    with smtp(*said) as wire:
        before = wire.core.transaction
        wire.client("NOOP with words")
        wire.server("250")
        assert wire.core.transaction is before


@pytest.mark.rfc(5321, "4.1.1.10", "MUST")
@pytest.mark.parametrize("said", [(), (HELLO,), (HELLO, MAIL, RCPT)])
def test_quit_is_answered_221_and_aborts_what_is_uncompleted(said):
    wire = smtp(*said)
    wire.client("QUIT")
    wire.server("221")
    wire.hangs_up()
    assert wire.door.delivered == []


@pytest.mark.rfc(5321, "4.1.1.11", "SHOULD")
def test_unknown_parameters_are_555():
    with smtp(HELLO) as wire:
        wire.client(MAIL + " MT-PRIORITY=3", MAIL)
        wire.server("555", "250")
        wire.client(RCPT + " RRVS=2026-01-01T00:00:00Z")
        wire.server("555")


@pytest.mark.rfc(5321, "4.1.2", "MUST")
@pytest.mark.parametrize("local", ['"b c"', '"b\\"c"', '"b@c"', '"b"'])
def test_all_quoted_forms_are_treated_alike(local):
    with smtp(HELLO, MAIL) as wire:
        wire.client(f"RCPT TO:<{local}@office.test>")
        wire.server("250")


@pytest.mark.rfc(5321, "4.1.2", "MUST NOT")
@pytest.mark.parametrize("octet", ["\x01", "\x1b", "\x7f", "\t"])
def test_controls_stand_in_no_path(octet):
    with smtp(HELLO) as wire:
        wire.client(f"MAIL FROM:<a{octet}@client.example>")
        assert wire.written[:1] == b"5"
        wire.written = b""


@pytest.mark.rfc(5321, "4.1.2", "MUST")
@pytest.mark.parametrize("domain", ["cli_ent.example", "-x.example", "x-.example", "ex ample", "x..example"])
def test_a_domain_of_other_characters_is_501(domain):
    with smtp(HELLO) as wire:
        wire.client(f"MAIL FROM:<a@{domain}>")
        wire.server("501")


@pytest.mark.rfc(5321, "4.1.4", "MUST")
def test_a_second_hello_clears_the_transaction_as_rset_does():
    with smtp(HELLO, MAIL, RCPT, HELLO) as wire:
        wire.client("DATA")
        wire.server("503")


@pytest.mark.rfc(5321, "4.1.4", "MUST")
def test_an_unacceptable_hello_leaves_the_state_as_it_was():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.client("EHLO")
        wire.client("DATA")
        wire.server("501", "354")
        wire.client(".")
        wire.server("250")


@pytest.mark.rfc(5321, "4.1.4", "SHOULD")
def test_noop_help_vrfy_and_rset_need_no_hello():
    with smtp() as wire:
        for line in ("NOOP", "HELP", "VRFY a", "RSET"):
            wire.client(line)
            wire.server("250")


@pytest.mark.rfc(5321, "4.1.4", "MUST NOT")
def test_mail_is_not_accepted_in_an_open_transaction():
    with smtp(HELLO, MAIL) as wire:
        wire.client(MAIL)
        wire.server("503")


@pytest.mark.rfc(5321, "4.1.4", "MUST")
def test_an_unacceptable_argument_leaves_the_state_as_it_was():
    with smtp(HELLO, MAIL) as wire:
        wire.client("RCPT TO:<>", RCPT, "DATA")
        wire.server("501", "250", "354")
        wire.client(".")
        wire.server("250")


@pytest.mark.rfc(5321, "4.1.4", "MUST")
def test_a_command_out_of_order_leaves_the_state_as_it_was():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.client(MAIL, "DATA")
        wire.server("503", "354")
        wire.client(".")
        wire.server("250")


@pytest.mark.rfc(5321, "4.2", "MUST")
def test_every_command_has_exactly_one_reply():
    lines = [MAIL, RCPT, "RCPT TO:<", "FOO", "", "HELP", "EXPN x", "RSET", "DATA x", "BDAT 0", "MAIL", "STARTTLS x"]
    wire = smtp(HELLO)
    for line in lines:
        wire.client(line)
        finals = [said for said in wire.written.split(b"\r\n") if said[3:4] == b" "]
        assert len(finals) == 1, line
        wire.written = b""


@pytest.mark.rfc(5321, "4.2.1", "MUST")
def test_all_lines_of_a_reply_have_one_code_and_hyphens_but_the_last():
    wire = smtp()
    wire.client(HELLO)
    *most, last, end = wire.written.split(b"\r\n")
    assert end == b""
    assert all(line.startswith(b"250-") for line in most)
    assert last.startswith(b"250 ")


@pytest.mark.rfc(5321, "4.2.4", "SHOULD")
@pytest.mark.parametrize(("line", "code"), [("TURN", "502"), ("SEND FROM:<a@b.example>", "502"), ("FROB", "500")])
def test_what_is_known_and_not_there_is_502_and_what_is_unknown_500(line, code):
    with smtp(HELLO) as wire:
        wire.client(line)
        wire.server(code)


@pytest.mark.rfc(5321, "4.5.1", "MUST")
def test_the_minimum_implementation():
    with smtp() as wire:
        for line, code in [
            (HELLO, "250"),
            ("HELO a.example", "250"),
            (MAIL, "250"),
            (RCPT, "250"),
            ("RSET", "250"),
            ("NOOP", "250"),
            ("VRFY b", "250"),
        ]:
            wire.client(line)
            assert wire.written.startswith(code.encode())
            wire.written = b""
        wire.client(MAIL, RCPT, "DATA")
        wire.server("250", "250", "354")
        wire.client(".")
        wire.client("QUIT")
        wire.server("250", "221")


@pytest.mark.rfc(5321, "4.5.2", "MUST")
def test_a_leading_dot_is_taken_off_and_the_lone_dot_ends():
    with smtp(HELLO, MAIL, RCPT, "DATA") as wire:
        wire.client("..", ".x", "...y", ".")
        wire.server("250")
        assert wire.door.delivered == [b".\r\nx\r\n..y\r\n"]


@pytest.mark.rfc(5321, "4.5.2", "MUST")
def test_all_characters_of_ascii_may_be_in_the_content():
    text = bytes(octet for octet in range(1, 128) if octet not in b"\r\n.")
    with smtp(HELLO, MAIL, RCPT, "DATA") as wire:
        wire.client(text + b"\r\n.\r\n")
        wire.server("250")
        assert wire.door.delivered == [text + b"\r\n"]


@pytest.mark.rfc(5321, "4.5.3.1", "MUST")
@pytest.mark.parametrize(
    "line",
    [
        f"MAIL FROM:<{'a' * 64}@client.example>",
        f"MAIL FROM:<a@{'.'.join(['b' * 61] * 4)}>",
        MAIL + " SIZE=1 ENVID=" + "x" * 100,
    ],
)
def test_objects_of_the_least_sizes_are_received(line):
    with smtp(HELLO) as wire:
        wire.client(line)
        wire.server("250")


@pytest.mark.rfc(5321, "4.5.3.1.4", "MUST")
def test_a_command_line_of_512_octets_is_heard():
    with smtp(HELLO) as wire:
        wire.client("NOOP " + "x" * 505)
        wire.server("250")


@pytest.mark.rfc(5321, "4.5.3.1.6", "MUST")
def test_a_text_line_of_1000_octets_is_received():
    with smtp(HELLO, MAIL, RCPT, "DATA") as wire:
        wire.client("x" * 998, "." + "." * 998, ".")
        wire.server("250")


@pytest.mark.rfc(5321, "4.5.3.1.8", "MUST")
def test_a_hundred_recipients_are_buffered():
    with smtp(HELLO, MAIL) as wire:
        wire.client(*[f"RCPT TO:<user{number}@office.test>" for number in range(100)])
        wire.server(*["250"] * 100)


@pytest.mark.rfc(5321, "4.5.3.1.10", "SHOULD")
def test_a_line_too_long_is_500():
    with smtp(HELLO) as wire:
        wire.client("NOOP " + "x" * 3000)
        wire.server("500")


@pytest.mark.rfc(5321, "4.5.3.1.9", "SHOULD")
def test_too_much_content_is_552():
    with smtp(HELLO, MAIL, RCPT, "DATA", max_octets=1000) as wire:
        wire.client("x" * 900, "y" * 900, ".")
        wire.server("552")


@pytest.mark.rfc(5321, "4.5.5", "MUST")
def test_the_null_reverse_path_is_accepted():
    with smtp(HELLO) as wire:
        wire.client("MAIL FROM:<>")
        wire.server("250")
        assert wire.door.heard[-1] == MailFrom(None)


@pytest.mark.rfc(5321, "4.1.1.4", "MAY")
def test_a_refused_data_leaves_nothing_behind():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.door.instead[StartContent] = reply(452, "4.3.1", "full")
        wire.client("DATA")
        wire.client(MAIL)
        wire.server("452", "250")


def test_the_example_of_appendix_d_1():
    with smtp() as wire:
        wire.client("EHLO bar.com")
        wire.written = b""
        for line, code in [
            ("MAIL FROM:<Smith@bar.com>", "250"),
            ("RCPT TO:<Jones@foo.com>", "250"),
            ("RCPT TO:<Green@foo.com>", "250"),
            ("RCPT TO:<Brown@foo.com>", "250"),
            ("DATA", "354"),
        ]:
            wire.client(line)
            wire.server(code)
        wire.client("Blah blah blah...", "...etc. etc. etc.", ".")
        wire.client("QUIT")
        wire.server("250", "221")
