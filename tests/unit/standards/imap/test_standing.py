"""What may be said where."""

import pytest

from posthouse.standards.imap.commands import COMMANDS, State
from posthouse.standards.imap.events import Malformed
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.standing import Head, Standing

OFFER = Offer(append_octets=100, starttls=True)


@pytest.mark.parametrize("state", [State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED, State.LOGOUT])
@pytest.mark.parametrize("verb", COMMANDS)
def test_the_table_of_states(state, verb):
    """RFC 9051 section 3: every command in every state."""
    admitted = Standing(OFFER, state=state, secured=verb != "STARTTLS").admit(f"a {verb} x".encode())
    assert isinstance(admitted, Head) == bool(COMMANDS[verb].states & state)


@pytest.mark.parametrize(
    ("line", "tag"),
    [(b"", ""), (b"a", "a"), (b"a ", "a"), (b" a NOOP", ""), (b"+ NOOP", ""), (b"a\x00 NOOP", ""), (b"a NO-OP", "a"), (b"a" * 101 + b" NOOP", "")],
)  # fmt: skip
def test_what_has_no_command(line, tag):
    admitted = Standing(OFFER).admit(line)
    assert isinstance(admitted, Malformed)
    assert tag == admitted.tag


def test_http_after_login_is_only_a_mistake():
    """A tag may be called GET."""
    assert not Standing(OFFER, state=State.AUTHENTICATED).admit(b"GET / HTTP/1.1").fatal
    assert Standing(OFFER).admit(b"GET / HTTP/1.1").fatal
