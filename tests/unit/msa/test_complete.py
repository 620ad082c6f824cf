"""Making a submission whole (RFC 6409 section 8)."""

import pytest

from posthouse.msa.complete import HeaderGate, missing_fields, without_secrets
from posthouse.standards.imf.header import parse_header

ID = "mx.office.test"
LETTER = b"From: a@b.test\r\nBcc: secret@b.test,\r\n other@b.test\r\nSubject: x\r\n\r\nBcc: body\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_gate_opens_when_the_header_is_complete_whatever_the_pieces(size):
    gate = HeaderGate()
    opened = [gate.add(LETTER[at : at + size]) for at in range(0, len(LETTER), size)]
    seam = LETTER.index(b"\r\n\r\n") + 4
    assert opened.index(True) == (seam - 1) // size
    assert gate.open() == LETTER


def test_a_message_without_header_is_complete_at_once():
    assert HeaderGate().add(b"\r\nbody")


def test_a_header_that_does_not_end_keeps_the_gate_shut():
    gate = HeaderGate()
    assert not gate.add(b"Subject: x\r\n" * 10)
    assert len(gate) == 120


def test_only_what_is_missing_is_added():
    neither = parse_header(b"From: a@b.test\r\n\r\n")
    assert missing_fields(neither, 0, "left", "b.test") == (
        b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nMessage-ID: <left@b.test>\r\n"
    )
    both = parse_header(b"DATE: whenever\r\nMessage-Id: <x@y>\r\n\r\n")
    assert missing_fields(both, 0, "left", "b.test") == b""


def test_hidden_recipients_leave_no_trace_and_nothing_else_changes():
    assert without_secrets(LETTER, parse_header(LETTER), ID) == b"From: a@b.test\r\nSubject: x\r\n\r\nBcc: body\r\n"


@pytest.mark.parametrize(
    "secret",
    [
        b"bcc: x@y\r\n",
        b"BCC : x@y\r\n",
        b"Bcc:\r\n",
        b"Resent-Bcc: x@y\r\n",
        b"Bcc: x@y\r\nbCC: z@y\r\n",
        b"Bcc: x\r\n\ty\r\n",
    ],
)
def test_every_spelling_of_bcc_goes(secret):
    octets = b"From: a@b.test\r\n" + secret + b"X: y\r\n\r\nbody"
    assert without_secrets(octets, parse_header(octets), ID) == b"From: a@b.test\r\nX: y\r\n\r\nbody"


def test_a_message_without_secrets_is_not_copied():
    octets = b"From: a@b.test\r\n\r\nbody"
    assert without_secrets(octets, parse_header(octets), ID) is octets
