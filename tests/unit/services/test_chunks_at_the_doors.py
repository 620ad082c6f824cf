"""BDAT at the doors: a chunk that the office refuses, and one that cannot be a chunk."""

import pytest

from posthouse.storage.errors import StorageError

CONTENT = b"From: friend@elsewhere.test\r\nSubject: Hi\r\n\r\nHello\r\n"


def chunk(octets: bytes = CONTENT, *, last: bool = True) -> bytes:
    return b"BDAT %d%s\r\n%s" % (len(octets), b" LAST" if last else b"", octets)


def refuse_content(office) -> None:
    def no_room():
        raise StorageError("no room")

    office.intake._store = type("Store", (), {"blobs": type("Blobs", (), {"open": staticmethod(no_room)})()})()


async def begun(session, verb: str, *recipients: str) -> None:
    session.written = b""
    await session.hello(verb=verb)
    await session.tell("MAIL FROM:<friend@elsewhere.test>")
    for one in recipients:
        await session.tell(f"RCPT TO:<{one}>")


@pytest.mark.parametrize("last", [True, False])
async def test_an_office_that_cannot_begin_is_heard_when_the_chunk_is_over(office, last):
    async with office.smtp() as session:
        await begun(session, "EHLO", "alice@office.test")
        refuse_content(office)
        assert (await session.tell(chunk(last=last)))[:9] == "451 4.3.0"
        assert (await session.tell("RSET"))[:3] == "250"


async def test_by_lmtp_it_is_heard_for_each_recipient(office):
    async with office.lmtp() as session:
        await begun(session, "LHLO", "alice@office.test", "bob@office.test")
        refuse_content(office)
        assert [line[:9] for line in await session.says(chunk())] == ["451 4.3.0"] * 2
        assert (await session.tell("RSET"))[:3] == "250"


async def test_by_lmtp_chunks_are_filed_for_each(office):
    async with office.lmtp() as session:
        await begun(session, "LHLO", "alice@office.test", "bob@office.test")
        assert (await session.tell(chunk(CONTENT[:20], last=False)))[:3] == "250"
        assert [line[:3] for line in await session.says(chunk(CONTENT[20:]))] == ["250"] * 2
    assert len(await office.read("alice")) == len(await office.read("bob")) == 1


async def test_chunks_without_recipients_make_no_message(office):
    async with office.smtp() as session:
        await begun(session, "EHLO")
        assert (await session.tell(chunk(CONTENT[:20], last=False)))[:3] == "503"
        assert (await session.tell("RCPT TO:<alice@office.test>"))[:3] == "503"
        assert (await session.tell(chunk(CONTENT[20:])))[:3] == "503"
    assert await office.read("alice") == []
