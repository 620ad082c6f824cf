"""What only we may say is cut out, and nothing else."""

import pytest

from posthouse.filter.forgery import MAX_LOOKED_AT, forged_fields, without
from posthouse.standards.imf.header import parse_header

GOOD = b"From: a@far.test\r\nAuthentication-Results: mx.far.test; spf=pass smtp.mailfrom=mx.office.test\r\nARC-Seal: i=1; x\r\n\r\nReturn-Path: <x>\r\n"
BAD = [
    b"Authentication-Results: mx.office.test; dmarc=pass\r\n",
    b'AUTHENTICATION-RESULTS :\r\n (c) "MX.office.TEST." 1;\r\n\tdmarc=pass\r\n',
    b"Return-Path: <boss@office.test>\r\n",
    b"X-Authentication-Results: mx.office.test; dmarc=pass\r\n",
]


def test_forged_fields_are_cut_out_wherever_they_stand() -> None:
    content = BAD[0] + BAD[2] + GOOD.replace(b"ARC-Seal", BAD[1] + BAD[3] + b"ARC-Seal")
    spans = forged_fields(parse_header(content), "mx.office.test")
    assert len(spans) == 4
    assert without(content, spans) == GOOD


@pytest.mark.parametrize(
    "line",
    [
        b"Authentication-Results\r\n : mx.office.test; dmarc=pass\r\n",
        b"Authentication-Results\r\n\t\r\n :\r\n mx.office.test; dmarc=pass\r\n",
        b"\x0bAuthentication-Results: mx.office.test; dmarc=pass\r\n",
        b"Authentication-Results\0: mx.office.test; dmarc=pass\r\n",
        b"\xa0Authentication-Results\xa0: mx.office.test; dmarc=pass\r\n",
        b"Posthouse-Sender\r\n : verified bank.test\r\n",
    ],
)
def test_what_only_some_would_take_for_a_field_is_cut_out(line: bytes) -> None:
    content = b"Subject: x\r\n" + line + GOOD
    assert without(content, forged_fields(parse_header(content), "mx.office.test")) == b"Subject: x\r\n" + GOOD


def test_garbage_that_claims_nothing_of_ours_stays() -> None:
    content = b"Subject: x\r\nnonsense\r\nAuthentication-Results\r\n : mx.far.test; spf=pass\r\n" + GOOD
    assert forged_fields(parse_header(content), "mx.office.test") == ()


def test_an_honest_message_is_left_as_it_is() -> None:
    assert forged_fields(parse_header(GOOD), "mx.office.test") == ()
    assert without(GOOD, ()) == GOOD
    assert forged_fields(parse_header(b"From: a@b.test\r\n\r\n"), "mx.office.test") == ()


def test_of_more_results_than_anybody_has_the_rest_is_cut_out_unread() -> None:
    """Each may be made to cost much; those on top are the latest, and are kept."""
    field = b"Authentication-Results: mx.far.test; dmarc=pass\r\n"
    content = field * 500 + b"From: a@far.test\r\n\r\n"
    spans = forged_fields(parse_header(content), "mx.office.test")
    assert without(content, spans) == field * MAX_LOOKED_AT + b"From: a@far.test\r\n\r\n"
