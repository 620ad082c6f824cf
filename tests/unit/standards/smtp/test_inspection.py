"""A bare CR, LF or NUL is found wherever it stands: all contents of up to eight octets that matter are tried."""

import itertools
import re

import pytest

from posthouse.standards.smtp.content import Inspection
from posthouse.standards.smtp.offer import Offer

OFFER = Offer(hostname="mx.test", max_octets=1000)
STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


@pytest.mark.parametrize("length", range(9))
def test_every_short_content(length):
    for letters in itertools.product(b"\r\na", repeat=length):
        octets = bytes(letters)
        inspection = Inspection(OFFER)
        inspection.look(octets)
        assert inspection.stray == bool(STRAY.search(octets)), octets
        if not inspection.stray:
            assert inspection.lines == octets.count(b"\r\n"), octets


def test_a_nul_is_a_stray_octet_and_a_binary_content_has_no_lines():
    inspection, binary = Inspection(OFFER), Inspection(OFFER, binary=True)
    inspection.look(b"a\0\r\n")
    binary.look(b"a\0\n")
    assert inspection.stray
    assert not binary.stray
    assert binary.lines == -1
