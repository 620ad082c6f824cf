"""Trace lines of ours carry nothing a stranger could use to write a line of his own."""

from posthouse.mail.address import Address
from posthouse.standards.imf.header import parse_header
from posthouse.standards.imf.trace import Hop, count_received, format_delivered_to, format_received, format_return_path

HOP = Hop("mail.example", "192.0.2.1", "mx.office.test", "ESMTPS", "k3x", 1795269600, peer_name="out.example")


def test_a_received_line_reads_as_the_standard_has_it():
    assert format_received(HOP) == (
        b"Received: from mail.example (out.example [192.0.2.1])\r\n"
        b"\tby mx.office.test with ESMTPS id k3x;\r\n"
        b"\tSat, 21 Nov 2026 14:00:00 +0000\r\n"
    )


def test_one_recipient_and_tls_are_told():
    hop = Hop("x", "2001:db8::1", "mx", "ESMTPS", "k", 0, tls="TLSv1.3 AES", recipient=Address("bob", "office.test"))
    line = format_received(hop)
    assert b"(unknown [IPv6:2001:db8::1])" in line
    assert b"\r\n\t(using TLSv1.3 AES)\r\n\tfor <bob@office.test>;" in line


def test_a_greeting_cannot_write_a_line_or_close_the_comment():
    line = format_received(Hop("a\r\nX: y", "1.2.3.4)", "mx", "SMTP", "k", 0, peer_name="b) (c"))
    assert line.count(b"\r\n") == 3
    assert b"from aX:y (bc [1.2.3.4])" in line


def test_hops_are_counted():
    header = parse_header(b"Received: by a.test; x\r\nreceived: from b by B.test with SMTP; x\r\n\r\n")
    assert count_received(header) == 2
    assert count_received(header, "b.test") == 1
    assert count_received(header, "test") == 0


def test_return_path_and_delivered_to():
    assert format_return_path(None) == b"Return-Path: <>\r\n"
    assert format_return_path(Address("a b", "x.test")) == b'Return-Path: <"a b"@x.test>\r\n'
    assert format_delivered_to(Address("a", "x.test")) == b"Delivered-To: a@x.test\r\n"
