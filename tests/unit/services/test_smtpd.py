"""The door to the world: what a stranger is told, and what becomes of his mail."""

MESSAGE = b"From: <friend@elsewhere.test>\r\nSubject: Hi\r\nMessage-ID: <1@elsewhere.test>\r\n\r\nHello Alice\r\n"


async def test_a_message_for_alice_is_in_her_inbox_when_it_is_acknowledged(office):
    async with office.smtp() as session:
        session.server("220 mx.office.test ESMTP Posthouse")
        await session.hello()
        assert await session.tell("MAIL FROM:<friend@elsewhere.test>") == "250 2.1.0 sender ok"
        assert await session.tell("RCPT TO:<Alice@Office.test>") == "250 2.1.5 recipient ok"
        assert (await session.tell("DATA")).startswith("354 ")
        answers = await session.says(MESSAGE + b".\r\n")
        assert answers == ["250 2.0.0 accepted, id t00000000001"]
        assert await session.tell("QUIT") == "221 2.0.0 bye"
        session.hangs_up()
    (letter,) = await office.read("alice")
    assert (
        letter
        == (
            b"Return-Path: <friend@elsewhere.test>\r\n"
            b"Delivered-To: alice@office.test\r\n"
            b"Received: from client.example (unknown [192.0.2.1])\r\n"
            b"\tby mx.office.test with ESMTP id t00000000001\r\n"
            b"\tfor <Alice@office.test>;\r\n"
            b"\tFri, 15 Jan 2027 08:00:00 +0000\r\n"
        )
        + MESSAGE
    )
