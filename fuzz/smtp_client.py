"""Whatever a server says, the client core gives answers to what was asked or ends it, however the octets are split."""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    from posthouse.lib.sansio import RemoteError
    from posthouse.mail.envelope import Recipient
    from posthouse.standards.smtp.client import ClientConnection
    from posthouse.standards.smtp.commands import DATA, STARTTLS, LastChunk, hello, mail_from, rcpt_to
    from posthouse.standards.smtp.grammar import parse_mailbox

BOB = Recipient(parse_mailbox("bob@elsewhere.test"))
ENDINGS = ([DATA], [LastChunk(3, (b"a\r\n",))], [])


def talk(octets, step, ending, *, lmtp):
    core = ClientConnection(lmtp=lmtp)
    core.receive_data(b"220 hop\r\n")
    core.next_event()
    core.send(hello("me", lmtp=lmtp))
    core.receive_data(b"250-hop\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
    core.next_event()
    for action in [mail_from(""), rcpt_to(BOB, dsn=True), rcpt_to(BOB, dsn=True), *ending] if ending else [STARTTLS]:
        core.send(action)
    said = []
    try:
        for at in range(0, len(octets), step):
            core.receive_data(octets[at : at + step])
            while (answer := core.next_event()) is not None:
                said.append((answer.to, answer.reply.code))
                assert 200 <= answer.reply.code <= 599
                assert len(str(answer.reply)) <= 64 * 1024
    except RemoteError:
        assert core.closed
        said.append("broken")
    return said


def one_input(data):
    if not data:
        return
    ending, lmtp = ENDINGS[data[0] % 3], bool(data[0] & 4)
    whole, split = (talk(data[1:], step, ending, lmtp=lmtp) for step in (max(1, len(data)), 1))
    assert whole == split or (not ending and whole[-1:] == split[-1:] == ["broken"])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
