"""RFC 2449, 2595, 3206 and 5034: the extension mechanism, TLS, response codes, SASL."""

import base64

import pytest

from posthouse.admd.credentials import make_verifiers
from posthouse.testing.pop3 import connect, file_message, log_in, open_service

PASSWORD = "correct horse battery"
VERIFIERS = make_verifiers(PASSWORD, iterations=4096)
TOKEN = base64.b64encode(f"\0alice@office.test\0{PASSWORD}".encode()).decode()


@pytest.fixture
async def service(open_office):
    office = await open_office(verifiers=VERIFIERS)
    await file_message(office, b"Subject: 1\r\n\r\nbody\r\n")
    return open_service(office)


@pytest.mark.rfc(2449, "5", "MUST")
async def test_capa_works_in_both_states(service) -> None:
    before, _ = await connect(service)
    after = await log_in(service, "alice@office.test", PASSWORD)
    for session in (before, after):
        lines = await session.says("CAPA")
        assert lines[0].startswith("+OK")
        assert lines[-1] == "."


@pytest.mark.rfc(2449, "5", "MUST")
async def test_every_capability_that_is_named_is_there(service) -> None:
    session = await log_in(service, "alice@office.test", PASSWORD)
    names = {line.split()[0] for line in (await session.says("CAPA"))[1:-1]}
    assert {"TOP", "UIDL", "RESP-CODES", "PIPELINING", "EXPIRE", "IMPLEMENTATION"} <= names
    assert (await session.says("TOP 1 0"))[0].startswith("+OK")
    assert (await session.says("UIDL"))[0].startswith("+OK")


@pytest.mark.rfc(2449, "6.8", "MUST")
async def test_pipelined_commands_are_answered_one_by_one_in_order(service) -> None:
    session = await log_in(service, "alice@office.test", PASSWORD)
    lines = await session.says("STAT", "NOOP", "LIST 1", "QUIT")
    assert [line[:3] for line in lines] == ["+OK"] * 4
    assert session.core.closed


@pytest.mark.rfc(2449, "8", "MUST")
async def test_a_response_code_stands_first_in_brackets(service) -> None:
    session, _ = await connect(service)
    await session.tell("USER alice@office.test")
    assert (await session.tell("PASS wrong")).startswith("-ERR [AUTH] ")


@pytest.mark.rfc(2449, "4", "MUST")
async def test_command_lines_of_255_octets_are_taken(service) -> None:
    session, _ = await connect(service)
    assert (await session.tell("USER " + "a" * 248)).startswith("+OK")


@pytest.mark.rfc(2595, "4", "MUST")
async def test_stls_only_before_login_and_only_once(service) -> None:
    session, _ = await connect(service, secured=False)
    assert (await session.tell("STLS")).startswith("+OK")
    await session.secured()
    assert (await session.tell("STLS")).startswith("-ERR")
    await session.tell("USER alice@office.test")
    await session.tell(f"PASS {PASSWORD}")
    assert (await session.tell("STLS")).startswith("-ERR")


@pytest.mark.rfc(2595, "4", "MUST")
async def test_what_was_said_before_tls_is_forgotten(service) -> None:
    session, _ = await connect(service, secured=False)
    await session.tell("UTF8")
    await session.tell("STLS")
    await session.secured()
    assert not session.core.utf8
    assert (await session.tell(f"PASS {PASSWORD}")).startswith("-ERR")


@pytest.mark.rfc(3206, "4", "MUST")
async def test_a_temporary_refusal_is_marked_as_such(service) -> None:
    for guess in range(10):
        session, _ = await connect(service)
        await session.tell("USER alice@office.test")
        await session.tell(f"PASS guess {guess}")
    session, _ = await connect(service)
    await session.tell("USER alice@office.test")
    assert (await session.tell(f"PASS {PASSWORD}")).startswith("-ERR [SYS/TEMP] ")


@pytest.mark.rfc(3206, "6", "MUST")
async def test_auth_resp_code_is_announced(service) -> None:
    session, _ = await connect(service)
    assert "AUTH-RESP-CODE" in await session.says("CAPA")


@pytest.mark.rfc(5034, "3", "MUST")
async def test_the_mechanisms_are_announced_under_tls_only(service) -> None:
    inside, _ = await connect(service)
    outside, _ = await connect(service, secured=False)
    assert "SASL SCRAM-SHA-256 PLAIN LOGIN" in await inside.says("CAPA")
    assert not [line for line in await outside.says("CAPA") if line.startswith("SASL")]


@pytest.mark.rfc(5034, "4", "MUST")
async def test_an_initial_response_and_an_empty_challenge_mean_the_same(service) -> None:
    first, _ = await connect(service)
    assert (await first.tell(f"AUTH PLAIN {TOKEN}")).startswith("+OK")
    await first.tell("QUIT")
    second, _ = await connect(service)
    assert await second.tell("AUTH PLAIN") == "+ "
    assert (await second.tell(TOKEN)).startswith("+OK")


@pytest.mark.rfc(5034, "4", "MUST")
async def test_a_star_cancels(service) -> None:
    session, _ = await connect(service)
    await session.tell("AUTH PLAIN")
    assert (await session.tell("*")).startswith("-ERR")
    assert (await session.tell(f"AUTH PLAIN {TOKEN}")).startswith("+OK")


@pytest.mark.rfc(5034, "4", "MUST")
async def test_what_is_not_base64_is_refused(service) -> None:
    session, _ = await connect(service)
    assert (await session.tell("AUTH PLAIN !!!")).startswith("-ERR")
    await session.tell("AUTH PLAIN")
    assert (await session.tell("====")).startswith("-ERR")


@pytest.mark.rfc(5034, "4", "MUST")
async def test_no_auth_after_login(service) -> None:
    session = await log_in(service, "alice@office.test", PASSWORD)
    assert (await session.tell(f"AUTH PLAIN {TOKEN}")).startswith("-ERR")


@pytest.mark.rfc(5034, "4", "MUST")
async def test_an_empty_initial_response_is_an_equals_sign(service) -> None:
    session, _ = await connect(service)
    assert (await session.tell("AUTH PLAIN =")).startswith("-ERR [AUTH]")
