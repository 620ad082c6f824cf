"""Whatever a scanner says, each core gives events or ends the session, however the octets are split."""

import struct
import sys

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.lib.sansio import RemoteError
    from posthouse.standards.clamd.client import Begin as ClamdBegin
    from posthouse.standards.clamd.client import Chunk, ClamdConnection
    from posthouse.standards.clamd.client import End as ClamdEnd
    from posthouse.standards.http1.client import HttpConnection, Request
    from posthouse.standards.icap.client import Begin, Content, EndPreview, IcapConnection, Mode, Options, Piece
    from posthouse.standards.milter.client import MilterConnection
    from posthouse.standards.milter.events import Tell
    from posthouse.standards.milter.words import Stage
    from posthouse.standards.rspamd.check import parse_verdict

AGREED = struct.pack("!LcLLL", 13, b"O", 6, 0x1FF, 0x400)


def clamd():
    core = ClamdConnection()
    return core, (ClamdBegin(), Chunk(b"x"), ClamdEnd())


def milter():
    core = MilterConnection(body_octets=1000)
    core.send(Tell(Stage.NEGOTIATE))
    core.receive_data(AGREED)
    core.next_event()
    return core, (Tell(Stage.END_OF_BODY),)


def negotiation():
    return MilterConnection(), (Tell(Stage.NEGOTIATE),)


def http():
    return HttpConnection(body_octets=1000), (Request("GET", "/", "x"),)


def icap():
    return IcapConnection(answer_octets=1000), (Begin("h", "s", Mode.RESPMOD, "t", 1), Content(b"x"), EndPreview(False))


def options():
    return IcapConnection(), (Options("h", "s"),)


CORES = (clamd, milter, negotiation, http, icap, options)


def talk(make, octets, step):
    core, actions = make()
    for action in actions:
        core.send(action)
    said = []
    try:
        for at in range(0, len(octets), step):
            core.receive_data(octets[at : at + step])
            while (event := core.next_event()) is not None:
                if not isinstance(event, Piece):
                    said.append(event)
    except RemoteError:
        assert core.closed
        said.append("broken")
    return said


def one_input(data):
    if not data:
        return
    make, octets = CORES[data[0] % len(CORES)], data[1:]
    assert talk(make, octets, max(1, len(octets))) == talk(make, octets, 1)
    try:
        parse_verdict(200, octets)
    except RemoteError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
