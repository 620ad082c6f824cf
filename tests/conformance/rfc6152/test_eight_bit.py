import pytest

from posthouse.mail.envelope import Body
from posthouse.testing.wire import HELLO, MAIL, RCPT, smtp


@pytest.mark.rfc(6152, "2", "MUST")
@pytest.mark.parametrize(
    ("value", "meant"), [("7BIT", Body.SEVENBIT), ("8BITMIME", Body.EIGHTBIT), ("8bitmime", Body.EIGHTBIT)]
)
def test_body_is_7bit_or_8bitmime(value, meant):
    with smtp(HELLO) as wire:
        wire.client(f"{MAIL} BODY={value}")
        wire.server("250")
        assert wire.door.heard[-1].body is meant


@pytest.mark.rfc(6152, "3", "MUST")
@pytest.mark.parametrize("parameter", ["", " BODY=7BIT", " BODY=8BITMIME"])
def test_the_eighth_bit_is_kept(parameter):
    octets = bytes(range(128, 256))
    with smtp(HELLO, MAIL + parameter, RCPT, "DATA") as wire:
        wire.client(octets + b"\r\n.\r\n")
        wire.server("250")
        assert wire.door.delivered == [octets + b"\r\n"]
