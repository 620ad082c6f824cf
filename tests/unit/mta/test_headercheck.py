"""What the header of a message may cost, and where it may have been (L4 to L6, L22)."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.mta.headercheck import FIELD_TOO_LARGE, LOOP, TOO_LARGE, TOO_MANY_FIELDS, judge_header

LIMITS = Limits(header_octets=2000, field_octets=500, address_field_octets=1000, fields=20, hops=10, own_hops=3)
BODY = b"\r\nReceived: this is body\r\n" * 100


def judge(header: bytes, body: bytes = BODY):
    return judge_header(header + body, "mx.office.test", LIMITS)


def received(by: str) -> bytes:
    return f"Received: from a.test (a.test [192.0.2.1])\r\n by {by} with ESMTP id x; date\r\n".encode()


@pytest.mark.parametrize(
    "header", [b"", b"Subject: x\r\n", b"a: b\r\n" * 20, b"To: " + b"a@b.test,\r\n " * 80 + b"\r\n"]
)
def test_what_is_within_the_limits_passes(header):
    assert judge(header) is None


def test_a_header_of_more_than_l4():
    assert judge(b"".join(b"X%d: %b\r\n" % (n, b"x" * 300) for n in range(7))) == TOO_LARGE


def test_a_header_that_never_ends_is_as_long_as_the_message():
    assert judge(b"X: y\r\n", b" x\r\n" * 1000) == TOO_LARGE


def test_a_field_of_more_than_l5_addresses_get_more():
    assert judge(b"Subject: " + b"x" * 501 + b"\r\n") == FIELD_TOO_LARGE
    assert judge(b"To: " + b"x" * 501 + b"\r\n") is None
    assert judge(b"To: " + b"x" * 1001 + b"\r\n") == FIELD_TOO_LARGE


def test_more_fields_than_l6():
    assert judge(b"a: b\r\n" * 21) == TOO_MANY_FIELDS


def test_ten_hops_are_a_long_way_and_eleven_a_loop():
    assert judge(received("other.test") * 6 + b"X: y\r\n") is None
    few = Limits(hops=3, own_hops=2)
    assert judge_header(received("other.test") * 3 + BODY, "mx.office.test", few) is None
    assert judge_header(received("other.test") * 4 + BODY, "mx.office.test", few) == LOOP


def test_four_times_through_our_own_hands_is_a_loop_already():
    assert judge(received("mx.office.test") * 3 + received("other.test")) is None
    assert judge(received("mx.office.test") * 4) == LOOP
    assert judge(received("notmx.office.test") * 5) is None


def test_received_in_the_body_or_in_any_case_counts_as_it_should():
    assert judge(received("mx.office.test").replace(b"Received", b"RECEIVED") * 4) == LOOP
