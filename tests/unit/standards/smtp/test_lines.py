import pytest

from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.events import Malformed
from posthouse.standards.smtp.lines import CommandLines
from posthouse.standards.smtp.offer import Offer

OFFER = Offer(hostname="h.test", max_octets=1, command_octets=20, auth_octets=40, drain_octets=100)


def heard(octets: bytes, piece: int, *, sasl: bool = False) -> list[bytes | Malformed]:
    lines = CommandLines(OFFER)
    found = []
    for at in range(0, len(octets), piece):
        lines.feed(octets[at : at + piece])
        while (line := lines.response() if sasl else lines.command()) is not None:
            found.append(line)
            if isinstance(line, Malformed) and line.reply.hang_up:
                return found
        assert len(lines) <= 40
    return found


@pytest.mark.parametrize("piece", [1, 3, 1000])
class TestLength:
    def test_a_command_within_its_length(self, piece):
        line = b"NOOP " + b"x" * 13 + b"\r\n"
        assert heard(line + b"RSET\r\n", piece) == [line, b"RSET\r\n"]

    def test_a_command_beyond_it_is_refused_when_it_ends(self, piece):
        assert heard(b"NOOP " + b"x" * 14 + b"\r\nRSET\r\n", piece) == [refusals.TOO_LONG, b"RSET\r\n"]

    def test_auth_may_be_as_long_as_a_response(self, piece):
        line = b"AUTH PLAIN " + b"x" * 27 + b"\r\n"
        assert heard(line, piece) == [line]
        assert heard(b"AUTH PLAIN " + b"x" * 28 + b"\r\nRSET\r\n", piece) == [refusals.TOO_LONG, b"RSET\r\n"]

    def test_a_response_beyond_its_length_has_a_code_of_its_own(self, piece):
        assert heard(b"x" * 38 + b"\r\n", piece, sasl=True) == [b"x" * 38 + b"\r\n"]
        assert heard(b"x" * 39 + b"\r\n", piece, sasl=True) == [refusals.SASL_TOO_LONG]

    @pytest.mark.parametrize("sasl", [True, False])
    def test_what_does_not_end_ends_the_session(self, piece, sasl):
        assert heard(b"x" * 1000, piece, sasl=sasl) == [refusals.ENDLESS]
        assert heard(b"x" * 119 + b"\n", piece, sasl=sasl)[0] in {refusals.TOO_LONG, refusals.SASL_TOO_LONG}

    def test_what_begins_with_no_letter_is_no_smtp(self, piece):
        assert heard(b"\x16\x03\x01\r\n", piece) == [refusals.FOREIGN]
        assert heard(b"*\r\n=\r\n", piece, sasl=True) == [b"*\r\n", b"=\r\n"]
