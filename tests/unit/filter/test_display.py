"""The judgement that people see is kept with the message, and read from our part of its header alone."""

import pytest

from posthouse.filter.display import Display, Flag, Standing, display_in, format_display

SAMPLES = [
    Display(Standing.VERIFIED, "far.test"),
    Display(Standing.VIA, "list.test", (Flag.REPLY_ELSEWHERE,)),
    Display(Standing.UNVERIFIED),
    Display(Standing.FORGED, "", (Flag.LOOKALIKE, Flag.OTHER_ADDRESS), "office.test"),
]


@pytest.mark.parametrize("display", SAMPLES, ids=str)
def test_it_is_read_as_it_was_written(display: Display) -> None:
    prefix = b"Return-Path: <a@b.test>\r\n" + format_display(display) + b"Received: x\r\n"
    assert display_in(prefix) == display


@pytest.mark.parametrize(
    "prefix",
    [
        b"",
        b"Return-Path: <a@b.test>\r\nReceived: x\r\n",
        b"Return-Path: <a>\r\nPosthouse-Sender: who knows\r\n",
        b"Return-Path: <a>\r\nPosthouse-Sender:\r\n",
        b"Return-Path: <a>\r\nPosthouse-Sender: verified a.test; odd\r\n",
    ],
)
def test_what_nobody_wrote_says_nothing(prefix: bytes) -> None:
    assert display_in(prefix) is None


@pytest.mark.parametrize("domain", ["a.test\r\nX: y", "a.test; lookalike b.test", "\x00", "bücher.test"])
def test_no_domain_breaks_out_of_its_field(domain: str) -> None:
    field = format_display(Display(Standing.VERIFIED, domain))
    assert field.count(b"\r\n") == 1
    assert field.isascii()
    assert b";" not in field


def test_every_flag_has_words_for_people() -> None:
    assert all(flag.text for flag in Flag)
