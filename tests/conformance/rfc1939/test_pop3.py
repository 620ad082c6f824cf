"""RFC 1939, sentence by sentence, against the real door."""

import pytest

from posthouse.admd.credentials import make_verifiers
from posthouse.testing.pop3 import connect, file_message, log_in, open_service

PASSWORD = "correct horse battery"
VERIFIERS = make_verifiers(PASSWORD, iterations=4096)


@pytest.fixture
async def service(open_office):
    office = await open_office(verifiers=VERIFIERS)
    for number in (1, 2, 3):
        await file_message(office, b"Subject: %d\r\n\r\n.dot\r\nbody\r\n" % number)
    return open_service(office)


@pytest.fixture
async def session(service):
    return await log_in(service, "alice@office.test", PASSWORD)


@pytest.mark.rfc(1939, "3", "MUST")
async def test_keywords_are_case_insensitive(session) -> None:
    assert (await session.tell("stat")).startswith("+OK 3 ")
    assert (await session.tell("nOoP")).startswith("+OK")


@pytest.mark.rfc(1939, "3", "MUST")
async def test_status_indicators_are_in_upper_case(session) -> None:
    assert (await session.tell("NOOP"))[:3] == "+OK"
    assert (await session.tell("NONSENSE"))[:4] == "-ERR"


@pytest.mark.rfc(1939, "3", "MUST")
async def test_an_unknown_command_is_a_negative_answer(session) -> None:
    assert (await session.tell("XYZZY")).startswith("-ERR")


@pytest.mark.rfc(1939, "3", "MUST")
async def test_a_command_in_the_wrong_state_is_a_negative_answer(service, session) -> None:
    other, _ = await connect(service)
    assert (await other.tell("STAT")).startswith("-ERR")
    assert (await session.tell("USER alice")).startswith("-ERR")


@pytest.mark.rfc(1939, "3", "MUST")
async def test_responses_are_no_longer_than_512_octets(session) -> None:
    for line in await session.says("NOOP", "CAPA", "LIST 9999999999", "X" * 400):
        assert len(line) + 2 <= 512


@pytest.mark.rfc(1939, "3", "MUST")
async def test_the_autologout_timer_is_at_least_ten_minutes(session) -> None:
    assert session.door.patience >= 600


@pytest.mark.rfc(1939, "3", "SHOULD")
async def test_a_timeout_does_not_enter_the_update_state(service, session) -> None:
    from posthouse.net.ports import Farewell

    await session.tell("DELE 1")
    for action in session.door.farewell(Farewell.IDLE):
        session.core.send(action)
    session.door.gone()
    assert (await (await log_in(service, "alice@office.test", PASSWORD)).tell("STAT")).startswith("+OK 3 ")


@pytest.mark.rfc(1939, "4", "MUST")
async def test_the_greeting_is_one_positive_line(service) -> None:
    _, greeting = await connect(service)
    assert greeting.startswith("+OK")
    assert "<" not in greeting  # section 7: a timestamp there would offer APOP


@pytest.mark.rfc(1939, "4", "MUST")
async def test_the_maildrop_is_locked_for_one_session(service, session) -> None:
    other, _ = await connect(service)
    await other.tell("USER alice@office.test")
    assert (await other.tell(f"PASS {PASSWORD}")).startswith("-ERR [IN-USE]")
    assert (await session.tell("STAT")).startswith("+OK 3 ")


@pytest.mark.rfc(1939, "5", "MUST")
async def test_the_drop_listing_is_count_space_size(session) -> None:
    assert await session.tell("STAT") == "+OK 3 126"


@pytest.mark.rfc(1939, "5", "MUST")
async def test_messages_marked_as_deleted_are_not_counted(session) -> None:
    await session.tell("DELE 1")
    assert await session.tell("STAT") == "+OK 2 84"
    assert [line.split()[0] for line in (await session.says("LIST"))[1:-1]] == ["2", "3"]


@pytest.mark.rfc(1939, "5", "MUST")
async def test_the_scan_listing_is_number_space_size(session) -> None:
    assert await session.tell("LIST 2") == "+OK 2 42"
    assert await session.says("LIST") == ["+OK sizes follow", "1 42", "2 42", "3 42", "."]


@pytest.mark.rfc(1939, "5", "MUST")
async def test_a_size_counts_every_octet_as_it_is_sent_without_stuffing(session) -> None:
    lines = (await session.says("RETR 1"))[1:-1]
    assert sum(len(line.removeprefix(".") if line.startswith("..") else line) + 2 for line in lines) == 42


@pytest.mark.rfc(1939, "5", "MUST")
@pytest.mark.parametrize("command", ["LIST 1", "RETR 1", "DELE 1", "TOP 1 0", "UIDL 1"])
async def test_a_deleted_message_cannot_be_referred_to(session, command) -> None:
    await session.tell("DELE 1")
    assert (await session.tell(command)).startswith("-ERR")


@pytest.mark.rfc(1939, "5", "MUST")
@pytest.mark.parametrize("command", ["LIST 4", "RETR 4", "DELE 4", "TOP 4 0", "UIDL 4", "RETR 0", "RETR"])
async def test_a_message_that_does_not_exist_is_a_negative_answer(session, command) -> None:
    assert (await session.tell(command)).startswith("-ERR")


@pytest.mark.rfc(1939, "5", "MUST")
async def test_dele_does_not_remove_before_update(service, session) -> None:
    await session.tell("DELE 1")
    await session.tell("RSET")
    assert (await session.tell("LIST 1")).startswith("+OK")


@pytest.mark.rfc(1939, "6", "MUST")
async def test_quit_removes_what_was_marked_and_nothing_else(service, session) -> None:
    await session.tell("DELE 2")
    assert (await session.tell("QUIT")).startswith("+OK")
    assert session.core.closed
    later = await log_in(service, "alice@office.test", PASSWORD)
    assert await later.tell("STAT") == "+OK 2 84"
    assert "Subject: 3" in await later.says("RETR 2")


@pytest.mark.rfc(1939, "6", "MUST NOT")
async def test_a_connection_that_breaks_removes_nothing(service, session) -> None:
    await session.tell("DELE 2")
    session.door.gone()
    assert (await (await log_in(service, "alice@office.test", PASSWORD)).tell("STAT")).startswith("+OK 3 ")


@pytest.mark.rfc(1939, "4", "MUST")
async def test_quit_before_login_updates_nothing(service) -> None:
    session, _ = await connect(service)
    assert (await session.tell("QUIT")).startswith("+OK")
    assert session.core.closed


@pytest.mark.rfc(1939, "7", "MUST")
async def test_unique_ids_are_short_printable_and_distinct(session) -> None:
    unique_ids = [line.split()[1] for line in (await session.says("UIDL"))[1:-1]]
    assert len(set(unique_ids)) == 3
    for unique_id in unique_ids:
        assert 1 <= len(unique_id) <= 70
        assert all(0x21 <= ord(character) <= 0x7E for character in unique_id)


@pytest.mark.rfc(1939, "7", "MUST")
async def test_unique_ids_persist_across_sessions(service, session) -> None:
    before = await session.says("UIDL")
    await session.tell("QUIT")
    assert before == await (await log_in(service, "alice@office.test", PASSWORD)).says("UIDL")


@pytest.mark.rfc(1939, "7", "MUST")
async def test_top_sends_the_header_the_empty_line_and_so_many_lines(session) -> None:
    assert await session.says("TOP 1 1") == ["+OK the top of it", "X-Prefix: ours", "Subject: 1", "", "..dot", "."]
    assert (await session.says("TOP 1 0"))[-2:] == ["", "."]
    assert (await session.says("TOP 1 100"))[-2:] == ["body", "."]


@pytest.mark.rfc(1939, "7", "MUST")
async def test_top_needs_both_arguments(session) -> None:
    assert (await session.tell("TOP 1")).startswith("-ERR")


@pytest.mark.rfc(1939, "13", "MUST")
async def test_apop_without_a_timestamp_is_unknown(service) -> None:
    session, _ = await connect(service)
    assert (await session.tell("APOP alice c4c9334bac560ecc979e58001b3e22fb")).startswith("-ERR")
