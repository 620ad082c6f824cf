import pytest

from posthouse.mail.envelope import Body
from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import EndChunk, EndContent
from posthouse.testing.wire import HELLO, MAIL, RCPT, smtp


@pytest.mark.rfc(3030, "2", "MUST")
def test_data_remains():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.client("DATA")
        wire.client("x", ".")
        wire.server("354", "250")


@pytest.mark.rfc(3030, "2", "MUST")
def test_each_chunk_is_answered_250():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.client(b"BDAT 3\r\nx\r\n")
        wire.server("250")
        wire.client(b"BDAT 3\r\ny\r\n")
        wire.server("250")
        wire.client(b"BDAT 3 LAST\r\nz\r\n")
        wire.server("250")
        assert wire.door.delivered == [b"x\r\ny\r\nz\r\n"]


@pytest.mark.rfc(3030, "2", "MAY")
def test_the_last_chunk_may_be_empty():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.client(b"BDAT 3\r\nx\r\nBDAT 0 LAST\r\n")
        wire.server("250", "250")


@pytest.mark.rfc(3030, "2", "MUST")
def test_a_chunk_after_the_last_is_503_and_its_octets_are_no_commands():
    with smtp(HELLO, MAIL, RCPT, b"BDAT 3 LAST\r\nx\r\n") as wire:
        wire.client(b"BDAT 6\r\nQUIT\r\n")
        wire.client("NOOP")
        wire.server("503", "250")


@pytest.mark.rfc(3030, "2", "MUST")
@pytest.mark.parametrize("piece", [None, 1])
def test_a_failed_chunk_is_read_before_it_is_answered(piece):
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.door.instead[EndChunk] = reply(452, "4.3.1", "full")
        wire.client(b"BDAT 6\r\nQUI")
        assert wire.written == b""
        wire.client(b"T\r\n")
        wire.server("452")
        wire.client("NOOP")
        wire.server("250")


@pytest.mark.rfc(3030, "2", "MUST")
def test_chunks_in_the_pipeline_behind_a_failed_one_are_read_and_refused():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.door.instead[EndChunk] = reply(452, "4.3.1", "full")
        wire.client(b"BDAT 3\r\nx\r\nBDAT 6\r\nRSET\r\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\n")
        wire.server("452", "503", "503", "250")
        assert wire.door.delivered == []


@pytest.mark.rfc(3030, "2", "MUST")
def test_rset_clears_all_chunks():
    with smtp(HELLO, MAIL, RCPT, b"BDAT 3\r\nx\r\n") as wire:
        wire.client("RSET", MAIL, RCPT)
        wire.client(b"BDAT 3 LAST\r\ny\r\n")
        wire.server("250", "250", "250", "250")
        assert wire.door.delivered == [b"y\r\n"]


@pytest.mark.rfc(3030, "2", "MUST")
def test_data_after_a_chunk_is_503():
    with smtp(HELLO, MAIL, RCPT, b"BDAT 3\r\nx\r\n") as wire:
        wire.client("DATA")
        wire.server("503")


@pytest.mark.rfc(3030, "2", "MUST")
def test_the_reader_of_commands_rejects_lines_of_arbitrary_octets():
    wire = smtp(HELLO, MAIL, RCPT)
    wire.client(b"BDAT 1\r\nx\xff\xfe\x00\x80\r\n")
    wire.server("250", "554")
    wire.hangs_up()


@pytest.mark.rfc(3030, "3", "MUST")
def test_binarymime_with_data_is_503():
    with smtp(HELLO, MAIL + " BODY=BINARYMIME", RCPT) as wire:
        assert wire.core.transaction.mail.body is Body.BINARY
        wire.client("DATA")
        wire.server("503")


@pytest.mark.rfc(3030, "3", "MUST")
def test_all_bits_of_binary_content_are_kept():
    octets = bytes(range(256)) * 3 + b"\r\r\n\n\r"
    with smtp(HELLO, MAIL + " BODY=BINARYMIME", RCPT) as wire:
        wire.client(b"BDAT 100\r\n" + octets[:100])
        wire.client(b"BDAT %d LAST\r\n" % (len(octets) - 100) + octets[100:])
        wire.server("250", "250")
        assert wire.door.delivered == [octets]
        assert wire.door.heard[-1] == EndContent(len(octets), lines=-1)


@pytest.mark.rfc(3030, "2", "MUST")
def test_text_in_chunks_has_canonical_line_ends():
    wire = smtp(HELLO, MAIL, RCPT)
    wire.client(b"BDAT 2 LAST\r\nx\n")
    wire.server("550 5.6.11")
    wire.hangs_up()
