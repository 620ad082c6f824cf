"""Mail handed over on this machine: an answer for each recipient (RFC 2033)."""

import pytest

from posthouse.storage.errors import StorageError

MESSAGE = b"From: friend@elsewhere.test\r\nSubject: Hi\r\n\r\nHello\r\n"


async def deliver(office, *recipients: str, content: bytes = MESSAGE) -> list[str]:
    async with office.lmtp() as session:
        session.server("220 mx.office.test LMTP Posthouse")
        await session.hello(verb="LHLO")
        await session.tell("MAIL FROM:<friend@elsewhere.test>")
        answers = [await session.tell(f"RCPT TO:<{one}>") for one in recipients]
        await session.tell("DATA")
        return answers + await session.says(content + b".\r\n")


async def test_each_accepted_recipient_is_answered_in_order(office):
    """RFC 2033 section 4.2."""
    answers = await deliver(office, "alice@office.test", "nobody@office.test", "bob@office.test")
    assert [one[:9] for one in answers] == ["250 2.1.5", "550 5.1.1", "250 2.1.5", "250 2.0.0", "250 2.0.0"]
    assert len(await office.read("alice")) == len(await office.read("bob")) == 1


async def test_the_same_recipient_twice_is_answered_twice_and_served_once(office):
    assert [one[:3] for one in await deliver(office, "alice@office.test", "alice+x@office.test")] == ["250"] * 4
    assert len(await office.read("alice")) == 1


async def test_only_recipients_of_ours_are_taken(office):
    """RFC 2033 section 5: nobody is queued for here."""
    answers = await deliver(office, "friend@elsewhere.test", "alice@office.test")
    assert [one[:9] for one in answers] == ["550 5.7.1", "250 2.1.5", "250 2.0.0"]


async def test_a_full_mailbox_is_told_to_the_client_and_not_to_the_sender(open_office):
    office = await open_office(quota=10)
    await office.store.change_account(office.accounts["bob"], quota=10**9)
    answers = await deliver(office, "alice@office.test", "bob@office.test", "carol@office.test")
    assert [one[:9] for one in answers[3:]] == ["452 4.2.2", "250 2.0.0", "452 4.2.2"]
    assert not await office.queue()


async def test_when_all_are_full_each_is_told(open_office):
    office = await open_office(quota=10)
    answers = await deliver(office, "alice@office.test", "bob@office.test")
    assert [one[:9] for one in answers[2:]] == ["452 4.2.2", "452 4.2.2"]


async def test_content_that_earned_a_refusal_is_refused_for_each(office):
    answers = await deliver(office, "alice@office.test", "bob@office.test", content=b"bare\nfeed\r\n")
    assert [one[:3] for one in answers[2:]] == ["550", "550"]


async def test_trouble_with_the_disk_is_told_for_each(office):
    class Refusing:
        blobs = office.store.blobs

        async def accept(self, _acceptance):
            raise StorageError("gone")

    office.intake._store = Refusing()
    assert [one[:9] for one in (await deliver(office, "alice@office.test", "bob@office.test"))[2:]] == ["451 4.3.0"] * 2


@pytest.mark.parametrize("verb", ["EHLO", "HELO"])
async def test_the_hello_of_smtp_is_not_lmtp(office, verb):
    """RFC 2033 section 4.1."""
    async with office.lmtp() as session:
        session.written = b""
        assert (await session.tell(f"{verb} a.example"))[0] == "5"


async def test_the_trace_line_says_lmtp(office):
    await deliver(office, "alice@office.test")
    (letter,) = await office.read("alice")
    assert b"with LMTP id" in letter


async def test_a_program_with_a_stale_list_is_not_a_stranger_guessing_names(office):
    answers = await deliver(office, *(f"gone{n}@office.test" for n in range(30)), "alice@office.test")
    assert [one[:9] for one in answers] == ["550 5.1.1"] * 30 + ["250 2.1.5", "250 2.0.0"]
    assert not office.delays


async def test_a_chunk_refused_for_all_is_answered_for_each(office):
    """RFC 2033 section 4.2 with RFC 3030: no recipient is left without its answer."""
    async with office.lmtp() as session:
        await session.hello(verb="LHLO")
        await session.tell("MAIL FROM:<a@b.test>")
        await session.says("RCPT TO:<alice@office.test>", "RCPT TO:<bob@office.test>")
        session.door._transaction.recipients.clear()
        assert [one[:3] for one in await session.says(b"BDAT 6 LAST\r\nabcd\r\n")] == ["554", "554"]
