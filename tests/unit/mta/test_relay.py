"""The relay against a next hop on loopback: what is said, in how many writes, and what each recipient's outcome is."""

import pytest

from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.mail.outcome import Deferred, Failed, Relayed
from posthouse.mta.route import Credentials, TlsPolicy
from posthouse.standards.smtp.grammar import parse_mailbox

FULL = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000000", "ENHANCEDSTATUSCODES")


async def test_a_plain_server_hears_one_command_at_a_time(road, hop, item):
    await hop.start(hop.speak())
    trip = await road.carry(item(1), item(2, "carol@elsewhere.test"))
    assert hop.commands == [
        "EHLO office.test",
        "MAIL FROM:<alice@office.test>",
        "RCPT TO:<bob@elsewhere.test>",
        "RCPT TO:<carol@elsewhere.test>",
        "DATA",
        "QUIT",
    ]
    assert b"\r\n..a dot\r\n.\r\n" in hop.said[5]
    assert [type(trip.outcomes[n]) for n in (1, 2)] == [Relayed, Relayed]
    assert trip.outcomes[1].host == "hop.test"


async def test_helo_where_ehlo_is_unknown(road, hop, item):
    await hop.start(hop.speak(answers={"EHLO": "502 what?"}))
    trip = await road.carry(item())
    assert hop.commands[:3] == ["EHLO office.test", "HELO office.test", "MAIL FROM:<alice@office.test>"]
    assert isinstance(trip.outcomes[1], Relayed)


async def test_everything_offered_is_used(road, hop, item):
    await hop.start(hop.speak(keywords=FULL))
    bob = Recipient(
        parse_mailbox("bob@elsewhere.test"), Notify.SUCCESS | Notify.FAILURE, OriginalRecipient("rfc822", "b+b@x.test")
    )
    one = item(
        1, recipient=bob, body=Body.EIGHTBIT, ret=Return.HEADERS, envid="A=1", content=b"S: x\r\n\r\n\xc3\xa9\r\n"
    )
    trip = await road.carry(one)
    assert hop.commands[1:3] == [
        "MAIL FROM:<alice@office.test> SIZE=43 BODY=8BITMIME RET=HDRS ENVID=A+3D1",
        "RCPT TO:<bob@elsewhere.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bb@x.test",
    ]
    assert trip.outcomes[1].speaks_dsn


async def test_pipelining_and_chunking_make_one_write_of_the_whole_transaction(road, hop, item):
    reads = []

    async def conversation(reader, writer):
        writer.write(b"220 hop\r\n")
        await reader.readline()
        writer.write(b"250-hop\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
        reads.append(await reader.readuntil(b"a dot\r\n"))
        writer.write(b"250 ok\r\n250 ok\r\n250 taken\r\n")
        await reader.readline()
        writer.write(b"221 bye\r\n")

    await hop.start(conversation)
    trip = await road.carry(item())
    assert reads[0].startswith(b"MAIL FROM:<alice@office.test>\r\nRCPT TO:<bob@elsewhere.test>\r\nBDAT ")
    assert b" LAST\r\nReceived: by office.test" in reads[0]
    assert b"\r\n.a dot\r\n" in reads[0]
    assert isinstance(trip.outcomes[1], Relayed)


async def test_each_recipient_has_its_own_fate(road, hop, item):
    answers = {
        "RCPT TO:<CAROL": "550 5.1.1 nobody",
        "RCPT TO:<DAVE": "451 4.2.1 later",
        "RCPT TO:<ERIN": "552 too many",
    }
    await hop.start(hop.speak(keywords=FULL, answers=answers))
    names = ("bob", "carol", "dave", "erin")
    trip = await road.carry(*(item(n, f"{name}@elsewhere.test") for n, name in enumerate(names)))
    assert [type(trip.outcomes[n]) for n in range(4)] == [Relayed, Failed, Deferred, Deferred]
    assert trip.outcomes[1].reply.status == "5.1.1"
    assert trip.outcomes[3].reply.status == "4.5.3"


@pytest.mark.parametrize("keywords", [(), FULL, (*FULL, "CHUNKING"), ("CHUNKING",)])
async def test_the_final_reply_decides_for_all_that_were_accepted(road, hop, item, keywords):
    await hop.start(hop.speak(keywords=keywords, answers={"END": "554 5.7.1 no"}))
    trip = await road.carry(item(1), item(2, "carol@elsewhere.test"))
    assert [type(one) for one in trip.outcomes.values()] == [Failed, Failed]


@pytest.mark.parametrize("keywords", [(), FULL, (*FULL, "CHUNKING"), ("CHUNKING",)])
async def test_nobody_accepted_is_no_content_for_anybody_and_a_link_that_still_works(road, hop, item, keywords):
    await hop.start(hop.speak(keywords=keywords, answers={"RCPT TO:<X": "550 5.1.1 nobody"}))
    trip = await road.carry(item(1, "x@elsewhere.test"), keep=True)
    assert isinstance(trip.outcomes[1], Failed)
    again = await road.carry(item(2), link=trip.link)
    assert isinstance(again.outcomes[2], Relayed)
    assert hop.connections == 1


@pytest.mark.parametrize("keywords", [(), FULL, (*FULL, "CHUNKING")])
async def test_a_refused_sender_settles_everybody_and_spares_the_link(road, hop, item, keywords):
    await hop.start(
        hop.speak(
            keywords=keywords, answers={"MAIL": "450 4.7.1 slow down", "RCPT": "503 mail first", "DATA": "503 no"}
        )
    )
    trip = await road.carry(item(1), item(2, "carol@elsewhere.test"))
    assert [type(one) for one in trip.outcomes.values()] == [Deferred, Deferred]
    assert trip.outcomes[1].reply.status == "4.7.1"
    assert trip.reached


async def test_several_messages_share_a_connection(road, hop, item):
    await hop.start(hop.speak(keywords=FULL))
    link = None
    for number in range(5):
        link = (await road.carry(item(number), link=link, keep=True)).link
    await link.quit()
    assert hop.connections == 1
    assert sum(command.startswith("MAIL") for command in hop.commands) == 5


async def test_a_server_that_takes_few_recipients_gets_as_many_at_a_time(road, hop, item):
    await hop.start(hop.speak(keywords=("PIPELINING", "LIMITS RCPTMAX=2")))
    trip = await road.carry(*[item(n, f"r{n}@elsewhere.test") for n in range(1, 6)])
    assert all(isinstance(trip.outcomes[n], Relayed) for n in range(1, 6))
    verbs = [command[:4] for command in hop.commands if command[:4] in {"MAIL", "RCPT", "DATA"}]
    assert verbs == ["MAIL", "RCPT", "RCPT", "DATA"] * 2 + ["MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("farewell", ["-", "421 4.3.2 enough"])
async def test_a_server_that_leaves_between_two_parts_has_the_first_and_is_asked_again_for_the_rest(
    road, hop, item, farewell
):
    await hop.start(hop.speak(keywords=("PIPELINING", "LIMITS RCPTMAX=1"), answers={"RCPT TO:<R2": farewell}))
    trip = await road.carry(item(1, "r1@elsewhere.test"), item(2, "r2@elsewhere.test"), item(3, "r3@elsewhere.test"))
    assert [type(trip.outcomes[n]) for n in (1, 2, 3)] == [Relayed, Deferred, Deferred]


async def test_a_link_that_went_stale_is_replaced_without_a_word(road, hop, item):
    seen = []

    async def conversation(reader, writer):
        seen.append(writer)
        await hop.speak(keywords=FULL, answers={"MAIL": "-"} if len(seen) == 2 else {})(reader, writer)

    await hop.start(conversation)
    first = await road.carry(item(1), keep=True)
    seen[0].transport.abort()
    second = await road.carry(item(2), link=first.link)
    assert isinstance(second.outcomes[2], Deferred)  # the fresh one broke off too
    third = await road.carry(item(3))
    assert isinstance(third.outcomes[3], Relayed)


async def test_the_next_host_is_tried_when_the_first_cannot_be_reached(road, hop, item):
    await hop.start(hop.speak())
    trip = await road.carry(item(), route=road.route(1, hop.port))
    assert isinstance(trip.outcomes[1], Relayed)


async def test_nobody_there_defers_and_says_that_nobody_was_reached(road, item):
    trip = await road.carry(item(), route=road.route(1))
    assert isinstance(trip.outcomes[1], Deferred)
    assert trip.outcomes[1].reply.status == "4.4.1"
    assert not trip.reached


async def test_a_message_that_is_too_large_is_not_begun(road, hop, item):
    await hop.start(hop.speak(keywords=("SIZE 10",)))
    trip = await road.carry(item())
    assert trip.outcomes[1].reply.status == "5.3.4"
    assert "MAIL" not in " ".join(hop.commands)


async def test_utf8_needs_a_server_that_takes_it(road, hop, item):
    await hop.start(hop.speak(keywords=("8BITMIME",)))
    trip = await road.carry(item(1), item(2, "böb@elsewhere.test", utf8=True))
    assert isinstance(trip.outcomes[1], Relayed)
    assert trip.outcomes[2].reply.status == "5.6.7"


async def test_utf8_header_needs_smtputf8_and_a_mere_flag_does_not(road, hop, item):
    await hop.start(hop.speak(keywords=FULL[:2]))
    flagged = await road.carry(item(1, utf8=True))
    needed = await road.carry(item(1, utf8=True, content="Subject: grüße\r\n\r\nx\r\n".encode()))
    assert isinstance(flagged.outcomes[1], Relayed)
    assert needed.outcomes[1].reply.status == "5.6.7"


async def test_eight_bits_are_converted_where_8bitmime_is_not_offered(road, hop, item):
    await hop.start(hop.speak())
    content = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nViele herzliche Grüße von der Baustelle\r\n".encode()
    trip = await road.carry(item(body=Body.EIGHTBIT, content=content))
    assert isinstance(trip.outcomes[1], Relayed)
    sent = next(said for said in hop.said if b"Subject" in said or b"MIME-Version" in said)
    assert sent.isascii()
    assert b"Content-Transfer-Encoding: quoted-printable" in sent


async def test_what_cannot_be_converted_comes_back(road, hop, item):
    await hop.start(hop.speak())
    content = b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--b--\r\n"
    trip = await road.carry(item(body=Body.EIGHTBIT, content=content))
    assert trip.outcomes[1].reply.status == "5.6.3"


async def test_bare_line_ends_leave_only_as_binary(road, hop, item):
    await hop.start(hop.speak(keywords=(*FULL, "CHUNKING", "BINARYMIME")))
    binary = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\na\rb\nc\0"
    refused = await road.carry(item(1, content=binary))
    sent = await road.carry(item(2, content=binary, body=Body.BINARY))
    assert refused.outcomes[1].reply.status == "5.6.0"
    assert isinstance(sent.outcomes[2], Relayed)
    assert any("BODY=BINARYMIME" in command for command in hop.commands)


@pytest.mark.parametrize("keywords", [(), ("PIPELINING", "CHUNKING")])
async def test_large_content_goes_in_pieces_and_arrives_whole(road, hop, item, keywords):
    await hop.start(hop.speak(keywords=keywords))
    content = b"Subject: large\r\n\r\n" + b".line of the letter\r\n" * 60_000
    road.blobs.octets["b1"] = content
    trip = await road.carry(item(content=content, stored=True))
    assert isinstance(trip.outcomes[1], Relayed)
    sent = max(hop.said, key=len)
    if keywords:
        assert sent == b"Received: by office.test; now\r\n" + content
    else:
        assert sent.count(b"\r\n..line") == 60_000


@pytest.mark.parametrize("keywords", [FULL, ("PIPELINING",), ()])
async def test_the_lease_is_looked_at_before_the_end(road, hop, item, keywords):
    """A worker that was stopped in the middle, and goes on when somebody else has the message."""
    await hop.start(hop.speak(keywords=keywords))
    left = iter([True, True])  # before the connection, before MAIL
    trip = await road.carry(item(), may_send=lambda _load: next(left, False))
    assert trip.outcomes == {}
    assert not any(said.endswith(b".\r\n") and said.count(b"\n") > 1 for said in hop.said)
    assert not any(said.startswith(b"BDAT") for said in hop.said)


async def test_nothing_is_begun_without_a_lease(road, hop, item):
    await hop.start(hop.speak(keywords=("PIPELINING",)))
    trip = await road.carry(item(), may_send=lambda _load: False)
    assert (trip.outcomes, hop.connections) == ({}, 0)
    first = await road.carry(item(), keep=True)
    trip = await road.carry(item(2), link=first.link, may_send=lambda _load: False, keep=True)
    assert trip.outcomes == {}
    assert trip.link is first.link, "it is as good as before"
    assert sum(said.startswith(b"MAIL") for said in hop.said) == 1
    await trip.link.quit()


async def test_lmtp_answers_for_each_recipient(road, hop, item):
    await hop.start(hop.speak(keywords=("PIPELINING",), answers={"END": "250 2.1.5 filed|452 4.2.2 full"}))
    trip = await road.carry(item(1), item(2, "carol@elsewhere.test"), route=road.route(lmtp=True))
    assert hop.commands[0] == "LHLO office.test"
    assert [type(trip.outcomes[n]) for n in (1, 2)] == [Relayed, Deferred]


async def test_login_with_plain_is_kept_for_tls(road, hop, item):
    await hop.start(hop.speak(keywords=("AUTH PLAIN LOGIN",), answers={"AUTH": "235 2.7.0 welcome"}))
    credentials = Credentials("user", "secret")
    clear = await road.carry(item(), route=road.route(credentials=credentials))
    assert clear.outcomes[1].reply.status == "4.7.0"
    meant = await road.carry(item(), route=road.route(credentials=credentials, tls=TlsPolicy.NEVER))
    assert isinstance(meant.outcomes[1], Relayed)
    assert "AUTH PLAIN AHVzZXIAc2VjcmV0" in hop.commands


async def test_a_failed_login_defers(road, hop, item):
    await hop.start(hop.speak(keywords=("AUTH PLAIN",), answers={"AUTH": "535 5.7.8 no"}))
    trip = await road.carry(item(), route=road.route(credentials=Credentials("u", "p"), tls=TlsPolicy.NEVER))
    assert isinstance(trip.outcomes[1], Deferred)
    assert trip.outcomes[1].reply.status == "4.7.8"


async def test_a_route_that_requires_tls_never_goes_without(road, hop, item):
    await hop.start(hop.speak())
    trip = await road.carry(item(), route=road.route(tls=TlsPolicy.MUST))
    assert isinstance(trip.outcomes[1], Deferred)
    assert not any(command.startswith("MAIL") for command in hop.commands)


async def test_a_handshake_that_fails_falls_back_only_where_the_policy_may(road, hop, item):
    await hop.start(hop.speak(keywords=("STARTTLS",), answers={"STARTTLS": "220 go\r\nnonsense"[:6]}))

    async def conversation(reader, writer):
        writer.write(b"220 hop\r\n")
        while line := await reader.readline():
            if line.startswith(b"STARTTLS"):
                writer.write(b"220 go ahead\r\n")
                await reader.read(1)
                writer.write(b"this is no TLS record\r\n")
                return
            if line.startswith(b"EHLO"):
                writer.write(b"250-hop\r\n250 STARTTLS\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 ok\r\n")
            else:
                writer.write(b"250 ok\r\n")

    await hop.stop()
    await hop.start(conversation)
    may = await road.carry(item())
    must = await road.carry(item(), route=road.route(tls=TlsPolicy.MUST))
    assert isinstance(may.outcomes[1], Relayed)
    assert must.outcomes[1].reply.status == "4.7.5"


async def test_a_server_that_refuses_the_sender_and_asks_for_content_gets_none(road, hop, item):
    await hop.start(hop.speak(keywords=("PIPELINING",), answers={"MAIL": "451 4.2.1 later"}))
    trip = await road.carry(item())
    assert isinstance(trip.outcomes[1], Deferred)
    assert hop.said[-1] == b"DATA\r\n"


# -- lines that are too long (ADR 0026)

WORDS = b"Subject: x\r\nContent-Type: text/plain\r\n\r\n" + b"many words " * 200 + b"\r\n"
EIGHT = ("8BITMIME", "SIZE 1000000")


def sent_to(hop) -> bytes:
    return next(said for said in hop.said if b"many words" in said)


async def test_long_lines_are_declared_where_binary_is_taken(road, hop, item):
    await hop.start(hop.speak(keywords=(*FULL, "CHUNKING", "BINARYMIME")))
    trip = await road.carry(item(content=WORDS))
    assert isinstance(trip.outcomes[1], Relayed)
    assert "BODY=BINARYMIME" in hop.commands[1]
    assert WORDS in sent_to(hop)


@pytest.mark.parametrize("keywords", [(), EIGHT])
async def test_long_lines_are_mended_where_it_is_not(road, hop, item, keywords):
    await hop.start(hop.speak(keywords=keywords))
    trip = await road.carry(item(content=WORDS))
    assert isinstance(trip.outcomes[1], Relayed)
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in sent_to(hop)
    assert max(map(len, sent_to(hop).split(b"\r\n"))) <= 998


@pytest.mark.parametrize("seal", [b"DKIM-Signature: v=1; d=x.test; b=x\r\n", b"ARC-Message-Signature: i=1; b=x\r\n"])
async def test_long_lines_that_somebody_signed_are_tried(road, hop, item, seal):
    """RFC 5321 section 4.5.3.1: clients MAY attempt to transmit these."""
    await hop.start(hop.speak(keywords=EIGHT))
    trip = await road.carry(item(content=seal + WORDS))
    assert isinstance(trip.outcomes[1], Relayed)
    assert seal + WORDS in sent_to(hop)


async def test_long_lines_of_a_large_message_are_found(road, hop, item):
    large = WORDS + b"A line of a large message, and all of them are short but one.\r\n" * 5000
    await hop.start(hop.speak(keywords=("8BITMIME",)))
    trip = await road.carry(item(content=large))
    assert isinstance(trip.outcomes[1], Relayed)
    assert max(map(len, b"".join(hop.said).split(b"\r\n"))) <= 998
    assert list(road.blobs.octets) == ["b1"], "what was made for the way is gone with it"


async def test_binary_that_was_signed_is_not_sent_as_lines(road, hop, item):
    """What was promised as binary is converted or comes back (RFC 3030 section 3)."""
    await hop.start(hop.speak(keywords=EIGHT))
    content = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0many words \r\n--b--\r\n"
    )
    trip = await road.carry(item(body=Body.BINARY, content=content))
    assert trip.outcomes[1].reply.status == "5.6.3"


async def test_what_is_too_large_once_it_is_encoded_is_not_begun(road, hop, item):
    content = b"MIME-Version: 1.0\r\nContent-Type: image/png\r\n\r\n" + b"x" * 3000 + b"\0"
    await hop.start(hop.speak(keywords=(f"SIZE {len(content) + 200}", "8BITMIME")))
    trip = await road.carry(item(body=Body.BINARY, content=content))
    assert trip.outcomes[1].reply.status == "5.3.4"
    assert "MAIL" not in " ".join(hop.commands)
