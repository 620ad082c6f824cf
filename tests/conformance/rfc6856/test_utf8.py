"""RFC 6856: UTF8 and LANG."""

import pytest

from posthouse.admd.credentials import make_verifiers
from posthouse.testing.pop3 import connect, file_message, log_in, open_service

PASSWORD = "correct Pferd battery ü"
VERIFIERS = make_verifiers(PASSWORD, iterations=4096)


@pytest.fixture
async def service(open_office):
    office = await open_office(verifiers=VERIFIERS)
    await file_message(office, "Subject: Grüße\r\n\r\nGrüße\r\n".encode())
    return open_service(office)


async def say_all(session, command: str) -> bytes:
    await session.client(command)
    octets, session.written = session.written, b""
    return octets


@pytest.mark.rfc(6856, "2.1", "MUST NOT")
async def test_without_utf8_no_header_is_sent_as_it_is(service) -> None:
    session = await log_in(service, "alice@office.test", PASSWORD)
    octets = await say_all(session, "RETR 1")
    assert octets.partition(b"\r\n\r\n")[0].isascii()


@pytest.mark.rfc(6856, "2.1", "SHOULD")
async def test_with_utf8_messages_are_sent_as_they_are_and_sizes_agree(service) -> None:
    session, _ = await connect(service)
    await session.tell("UTF8")
    await session.tell("USER alice@office.test")
    await session.tell(f"PASS {PASSWORD}")
    octets = (await say_all(session, "RETR 1")).partition(b"\r\n")[2].removesuffix(b".\r\n")
    assert "Subject: Grüße\r\n".encode() in octets
    assert len(octets) == int((await session.tell("LIST 1")).split()[2])


@pytest.mark.rfc(6856, "2.1", "MUST")
async def test_utf8_comes_before_login(service) -> None:
    session = await log_in(service, "alice@office.test", PASSWORD)
    assert (await session.tell("UTF8")).startswith("-ERR")


@pytest.mark.rfc(6856, "2.2", "MUST")
async def test_names_and_passwords_may_be_utf8_and_must_be_good_utf8(service) -> None:
    assert "UTF8 USER" in await (await connect(service))[0].says("CAPA")
    await log_in(service, "alice@office.test", PASSWORD.replace("ü", "u\u0308"))
    session, _ = await connect(service)
    assert (await session.tell(b"USER \xff\r\n")).startswith("-ERR")


@pytest.mark.rfc(6856, "3.2", "MUST")
async def test_lang_lists_and_chooses(service) -> None:
    session, _ = await connect(service)
    assert (await session.says("LANG"))[0].startswith("+OK")
    assert (await session.tell("LANG *")).startswith("+OK en ")
    assert (await session.tell("LANG xx")).startswith("-ERR")
