"""RFC 4959: the initial response of AUTHENTICATE."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.testing.imap import Dialogue


@pytest.mark.rfc(4959, "3", "MUST")
def test_initial_response():
    assert e.Authenticate("a", "PLAIN", b"\x00u\x00p") == Dialogue().event("a AUTHENTICATE PLAIN AHUAcA==")


@pytest.mark.rfc(4959, "3", "MUST")
def test_a_single_equals_sign_is_an_empty_response():
    assert e.Authenticate("a", "PLAIN", b"") == Dialogue().event("a AUTHENTICATE PLAIN =")


@pytest.mark.rfc(4959, "3", "MUST")
def test_sasl_ir_is_offered():
    assert b" SASL-IR" in Dialogue().tell(r.Capabilities())
