"""Whatever a client sends, the IMAP core gives an event or closes, however the octets are split, and keeps little."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.lib.sansio import Channel
    from posthouse.standards.imap import events as e
    from posthouse.standards.imap import responses as r
    from posthouse.standards.imap.offer import Offer
    from posthouse.standards.imap.server import ServerConnection

CHANNEL = Channel("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
OFFER = Offer(append_octets=1000, mechanisms=("PLAIN",), line_octets=500, early_line_octets=300, drain_octets=100)
BEGINNINGS = (
    b"",
    b"a LOGIN a b\r\n",
    b"a LOGIN a b\r\nb SELECT INBOX\r\n",
    b"a LOGIN a b\r\nb ENABLE QRESYNC IMAP4rev2\r\nc SELECT x\r\n",
)


def answers(event):
    if isinstance(event, e.AppendChunk):
        return []
    if isinstance(event, e.LiteralWanted | e.StartAppend | e.Idle):
        return [r.Continuation()]
    if isinstance(event, e.Malformed):
        return [r.refuse(event)]
    if isinstance(event, e.Authenticate) and event.initial is None:
        return [r.Challenge(b"")]
    if isinstance(event, e.Enable):
        return [r.Enabled(event.capabilities), r.Tagged(event.tag, r.Condition.OK, "done")]
    return [r.Tagged(event.tag, r.Condition.OK, "done")]


def hold(octets, step):
    core = ServerConnection(OFFER)
    core.secured(CHANNEL)
    events, written = [], []
    for at in range(0, len(octets), step):
        core.receive_data(octets[at : at + step])
        while (event := core.next_event()) is not None:
            if isinstance(event, e.AppendChunk) and events and isinstance(events[-1], e.AppendChunk):
                events[-1] = e.AppendChunk(events[-1].octets + event.octets)
            else:
                events.append(event)
            for action in answers(event):
                written += core.send(action)
        if core.closed:
            break
        assert core.kept <= 100 * 1024 + step
    return events, b"".join(written), core.closed


def one_input(data):
    if not data:
        return
    octets = BEGINNINGS[data[0] % len(BEGINNINGS)] + data[1:]
    if octets:
        assert hold(octets, len(octets)) == hold(octets, 1)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
