import re

import pytest

from posthouse.testing.wire import HELLO, smtp


@pytest.mark.rfc(9422, "3", "MUST")
def test_limits_are_names_and_numbers_without_leading_zeros():
    wire = smtp(recipients_max=200, messages_max=50)
    wire.client(HELLO)
    limits = re.search(rb"250-LIMITS(( [A-Z]+=[1-9][0-9]*)+)\r\n", wire.written)
    assert limits is not None
    assert limits[1].split() == [b"RCPTMAX=200", b"MAILMAX=50"]


@pytest.mark.rfc(9422, "4", "MUST")
def test_no_limit_has_more_than_six_digits():
    wire = smtp(recipients_max=10**7, messages_max=10**6)
    wire.client(HELLO)
    assert b"LIMITS RCPTMAX=999999 MAILMAX=999999\r\n" in wire.written
