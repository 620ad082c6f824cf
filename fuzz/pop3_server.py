"""Whatever a client sends, however it is split: the POP3 core gives the same events, and closes at the end."""

import sys

import atheris

with atheris.instrument_imports():
    from posthouse.lib.sansio import Channel
    from posthouse.standards.pop3.events import (
        AuthStart,
        Begin,
        Capa,
        Capabilities,
        Challenge,
        End,
        Fault,
        Lines,
        Negative,
        Part,
        Positive,
        Retr,
        Top,
    )
    from posthouse.standards.pop3.excerpt import Excerpt, Surrogate
    from posthouse.standards.pop3.server import Offer, ServerConnection

TLS = Channel("TLSv1.3", "x", 256)
MESSAGE = b"Subject: x\r\n\r\n.dot\r\nbody\r\n"


def answer(event):
    """What a door might do."""
    if isinstance(event, Fault):
        return [Negative(event.text, hang_up=event.hang_up)]
    if isinstance(event, AuthStart) and event.initial is None:
        return [Challenge(b"x")]
    if isinstance(event, Capa):
        return [Capabilities()]
    if isinstance(event, Retr):
        return [Lines("x", MESSAGE)]
    if isinstance(event, Top):
        return [Begin("x"), Part(Excerpt(event.lines).cut(MESSAGE)), End()]
    return [Positive("x")]


def converse(chunks, *, secured):
    core = ServerConnection(Offer())
    if secured:
        core.secured(TLS)
    events, said = [], []
    for chunk in chunks:
        core.receive_data(chunk)
        while (event := core.next_event()) is not None:
            events.append(event)
            for action in answer(event):
                said += core.send(action)
        if core.wants_tls:
            core.secured(TLS)
    core.receive_data(b"")
    while (event := core.next_event()) is not None:
        events.append(event)
        core.send(Negative("x"))
    assert core.closed
    return events, b"".join(said)


WORDS = [
    b"USER a\r\n",
    b"PASS b\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH PLAIN =\r\n",
    b"*\r\n",
    b"AGEAYg==\r\n",
    b"CAPA\r\n",
    b"STAT\r\n",
    b"LIST",
    b"UIDL",
    b"RETR 1\r\n",
    b"TOP 1 1\r\n",
    b"DELE 1\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"UTF8\r\n",
    b"LANG",
    b"STLS\r\n",
    b"QUIT\r\n",
    b"\r\n",
    b" ",
    b"1",
    b"A" * 300,
    b"\r",
    b"\n",
]


def check(given):
    """Octets below the number of words stand for a word, the others for themselves."""
    octets = b"".join(WORDS[octet] if octet < len(WORDS) else bytes([octet]) for octet in given)
    for secured in (True, False):
        whole = converse([octets], secured=secured)
        if b"STLS" not in octets.upper():  # what follows STLS in one packet closes, in the next is a handshake
            assert whole == converse([octets[at : at + 1] for at in range(len(octets))], secured=secured)
    surrogate = Surrogate()
    head = surrogate.convert(octets, last=True)
    pieces = Surrogate()
    half = len(octets) // 2
    assert head == pieces.convert(octets[:half]) + pieces.convert(octets[half:], last=True)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
