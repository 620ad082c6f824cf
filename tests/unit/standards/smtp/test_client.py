"""The client core as dialogues: whole, and byte by byte."""

import pytest

from posthouse.lib.sansio import Channel, LocalError, RemoteError
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.standards.smtp.client import ClientConnection
from posthouse.standards.smtp.commands import (
    DATA,
    QUIT,
    RSET,
    STARTTLS,
    ChunkRest,
    Command,
    LastChunk,
    Mailing,
    Verb,
    hello,
    mail_from,
    rcpt_to,
)
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.standards.smtp.offered import parse_offered

BOB = Recipient(parse_mailbox("bob@elsewhere.test"))
EHLO = b"250-hop\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-STARTTLS\r\n250 SIZE 1000\r\n"


def hear(core: ClientConnection, octets: bytes, *, by: int | None = None) -> list[tuple[Verb, int]]:
    found = []
    step = by or len(octets) or 1
    for at in range(0, len(octets), step):
        core.receive_data(octets[at : at + step])
        while answer := core.next_event():
            found.append((answer.to, answer.reply.code))
    return found


def greeted(*, lmtp: bool = False, keywords: bytes = EHLO) -> ClientConnection:
    core = ClientConnection(lmtp=lmtp)
    hear(core, b"220 hop\r\n")
    core.send(hello("me", lmtp=lmtp))
    hear(core, keywords)
    return core


@pytest.mark.parametrize("by", [None, 1, 3])
def test_a_session_with_pipelining(by):
    core = ClientConnection()
    assert hear(core, b"220 hop\r\n", by=by) == [(Verb.CONNECT, 220)]
    assert core.send(hello("office.test")) == (b"EHLO office.test\r\n",)
    assert hear(core, EHLO, by=by) == [(Verb.EHLO, 250)]
    assert (core.offered.size, core.offered.pipelining, core.offered.dsn) == (1000, True, False)
    for action in (mail_from("a@b.test"), rcpt_to(BOB, dsn=False), DATA):
        core.send(action)
    assert hear(core, b"250 ok\r\n550 no\r\n354 go\r\n", by=by) == [
        (Verb.MAIL, 250),
        (Verb.RCPT, 550),
        (Verb.DATA, 354),
    ]
    assert core.wants_content
    core.send(Mailing((b".\r\n",), last=True))
    core.send(RSET)  # RFC 2920 section 3.1: the content may begin a group
    assert hear(core, b"554 no\r\n250 ok\r\n", by=by) == [(Verb.END, 554), (Verb.RSET, 250)]
    core.send(QUIT)
    assert hear(core, b"221 bye\r\n", by=by) == [(Verb.QUIT, 221)]
    assert core.closed


def test_nothing_follows_what_ends_a_group():
    core = greeted()
    core.send(DATA)
    with pytest.raises(LocalError):
        core.send(RSET)


def test_nothing_is_sent_ahead_without_pipelining():
    core = greeted(keywords=b"250 hop\r\n")
    core.send(mail_from(""))
    with pytest.raises(LocalError):
        core.send(rcpt_to(BOB, dsn=False))


def test_only_content_follows_354():
    core = greeted()
    core.send(DATA)
    hear(core, b"354 go\r\n")
    with pytest.raises(LocalError):
        core.send(QUIT)


def test_chunks_are_counted():
    core = greeted()
    assert core.send(LastChunk(5, (b"abc",))) == (b"BDAT 5 LAST\r\n", b"abc")
    with pytest.raises(LocalError):
        core.send(QUIT)
    with pytest.raises(LocalError):
        core.send(ChunkRest((b"defg",)))


def test_lmtp_answers_the_content_once_for_each_accepted_recipient():
    core = greeted(lmtp=True)
    for action in (mail_from(""), rcpt_to(BOB, dsn=False), rcpt_to(BOB, dsn=False), rcpt_to(BOB, dsn=False), DATA):
        core.send(action)
    hear(core, b"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n")
    core.send(Mailing((b".\r\n",), last=True))
    assert hear(core, b"250 ok\r\n") == [(Verb.END, 250)]
    assert core.awaits == 1
    assert hear(core, b"452 full\r\n") == [(Verb.END, 452)]
    assert core.awaits == 0


def test_starttls_forgets_what_was_offered():
    core = greeted()
    core.send(STARTTLS)
    hear(core, b"220 go\r\n")
    assert core.wants_tls
    core.secured(Channel("TLSv1.3", "x", 128))
    assert not core.wants_tls
    assert not core.offered.pipelining


@pytest.mark.parametrize("by", [None, 1])
def test_octets_after_the_answer_to_starttls_end_it(by):
    core = greeted()
    core.send(STARTTLS)
    with pytest.raises(RemoteError):
        hear(core, b"220 go\r\n250 injected\r\n", by=by)
    assert core.closed


def test_octets_that_come_later_but_before_the_handshake_end_it_too():
    core = greeted()
    core.send(STARTTLS)
    hear(core, b"220 go\r\n")
    core.receive_data(b"250")
    with pytest.raises(RemoteError):
        core.secured(Channel("TLSv1.3", "x", 128))


def test_421_ends_it_at_any_time():
    core = greeted()
    core.send(mail_from(""))
    core.send(rcpt_to(BOB, dsn=False))
    assert hear(core, b"421 4.3.2 closing\r\n250 ok\r\n") == [(Verb.MAIL, 421)]
    assert core.closed
    idle = greeted()
    assert hear(idle, b"421 idle too long\r\n") == [(Verb.NONE, 421)]
    assert idle.closed


@pytest.mark.parametrize(
    "octets",
    [
        b"250 nobody asked\r\n",
        b"xyz\r\n",
        b"2500\r\n",
        b"\r\n",
        b"250-a\r\n" * 101,
        b"250-" + b"x" * 70_000,
        b"199 x\r\n",
    ],
)
def test_what_is_no_reply_to_anything_ends_it(octets):
    core = greeted()
    with pytest.raises(RemoteError):
        hear(core, octets)
    assert core.closed


def test_the_end_of_the_stream_is_an_error_while_something_is_awaited():
    core = ClientConnection()
    core.receive_data(b"220-ho")
    core.receive_data(b"")
    with pytest.raises(RemoteError):
        core.next_event()


@pytest.mark.parametrize("evil", ["a\r\nRCPT TO:<x@y>", "a\0b", "a\nb", "a\x7fb"])
def test_no_value_smuggles_a_second_command(evil):
    for make in (
        lambda: mail_from(evil),
        lambda: hello(evil),
        lambda: Command(Verb.AUTH, evil),
        lambda: mail_from("", envid=evil),
        lambda: rcpt_to(Recipient(BOB.address, original=OriginalRecipient("x" + evil, "a")), dsn=True),
    ):
        with pytest.raises((LocalError, ValueError)):
            make()


def test_parameters_stand_as_the_standards_write_them():
    mail = mail_from("a@b.test", size=12, body=Body.BINARY, utf8=True, ret=Return.FULL, envid="x y+z", require_tls=True)
    assert mail.line == "MAIL FROM:<a@b.test> SIZE=12 BODY=BINARYMIME SMTPUTF8 RET=FULL ENVID=x+20y+2Bz REQUIRETLS"
    never = Recipient(BOB.address, Notify.NEVER, OriginalRecipient("utf-8", "grü@x.test"))
    assert rcpt_to(never, dsn=True).line == "RCPT TO:<bob@elsewhere.test> NOTIFY=NEVER ORCPT=utf-8;gr\\x{FC}@x.test"
    assert rcpt_to(never, dsn=False).line == "RCPT TO:<bob@elsewhere.test>"


def test_what_a_server_offers():
    offered = parse_offered(
        ["hop", "size 99999", "AUTH plain SCRAM-SHA-256", "BINARYMIME", "8bitmime", "LIMITS RCPTMAX=20 MAILMAX=5", ""]
    )
    assert (offered.size, offered.eightbitmime, offered.binarymime) == (99999, True, False)
    assert offered.mechanisms == {"PLAIN", "SCRAM-SHA-256"}
    assert (offered.recipients_max, offered.messages_max) == (20, 5)
    assert parse_offered(["hop", "SIZE"]).size == 0
    assert parse_offered(["hop", "SIZE -1"]).size == 0
    assert parse_offered([]).size is None
