"""Changing very many messages: in steps, so that others' mail gets between them, and with an end."""

import asyncio

import pytest

from posthouse.services.imapd import changing
from posthouse.storage.errors import StorageError


async def fill(alice, doublings: int) -> int:
    """INBOX of alice's with ``2 ** doublings`` messages, selected."""
    await alice.says(b"APPEND INBOX {14+}\r\nSubject: x\r\n\r\n")
    await alice.says("SELECT INBOX")
    for _ in range(doublings):
        await alice.says("COPY 1:* INBOX")
    return 2**doublings


async def test_every_message_is_changed_step_by_step(alice):
    number = await fill(alice, 11)
    lines = await alice.says("STORE 1:* +FLAGS (\\Deleted)")
    assert [line.split()[1] for line in lines[:-1]] == [str(n) for n in range(1, number + 1)]
    modseqs = {line.split()[-1] for line in (await alice.says("FETCH 1:* (MODSEQ)")) if "FETCH" in line}
    assert len(modseqs) == 3
    lines = await alice.says("EXPUNGE")
    assert sum(line.endswith("EXPUNGE") for line in lines) == number
    assert "* 0 EXISTS" in await alice.says("SELECT INBOX")


async def test_somebody_elses_mail_is_taken_between_two_steps(alice, office):
    await fill(alice, 12)
    has_begun = asyncio.Event()
    office.store.watch(office.accounts["alice"], has_begun.set)
    storing = asyncio.ensure_future(alice.says("STORE 1:* +FLAGS.SILENT (\\Seen)"))
    await has_begun.wait()
    await office.store.create_mailbox(office.accounts["bob"], "between")
    assert not storing.done(), "nobody else could write before it was all done"
    assert (await storing)[-1] == "OK Done"


async def test_expunge_takes_what_others_marked(alice, twin):
    await fill(alice, 2)
    await twin.says("SELECT INBOX")
    await twin.says("STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert "* 2 EXPUNGE" in await alice.says("EXPUNGE")


async def test_copying_comes_to_an_end(alice, monkeypatch):
    """Small messages cost no quota, and each COPY of a mailbox to itself doubles it."""
    monkeypatch.setattr(changing, "MOST_MESSAGES", 10)
    await fill(alice, 3)
    assert await alice.says("COPY 1:* INBOX") == ["NO [LIMIT] Too many messages"]
    assert (await alice.says("COPY 1:2 INBOX"))[-1].startswith("OK")


async def test_a_silent_store_tells_what_somebody_else_changed(alice, twin):
    await fill(alice, 0)
    await twin.says("SELECT INBOX")
    await twin.says("STORE 1 +FLAGS (\\Flagged)")
    lines = await alice.says("STORE 1 +FLAGS.SILENT (\\Seen)") + await alice.says("NOOP")
    assert any("\\Flagged" in line for line in lines)


async def test_a_silent_store_is_silent_whatever_the_case_of_its_flags(alice):
    await fill(alice, 0)
    for command in (
        "+FLAGS.SILENT (Work)",
        "+FLAGS.SILENT (work \\seen)",
        "-FLAGS.SILENT (WORK)",
        "FLAGS.SILENT (b B)",
    ):
        assert not [line for line in await alice.says(f"STORE 1 {command}") if "FETCH" in line], command


@pytest.mark.parametrize("command", ["COPY 1:2 Archive", "MOVE 1:2 Archive", "COPY 1 Archive"])
async def test_of_numbers_none_is_copied_rather_than_some(alice, twin, command):
    """RFC 2180 section 4.4: another session expunged one of them, and this one has not been told."""
    await fill(alice, 1)
    await twin.says("SELECT INBOX")
    await twin.says("STORE 1 +FLAGS (\\Deleted)")
    await twin.says("EXPUNGE")
    lines = await alice.says(command)
    assert lines[-1] == "NO [EXPUNGEISSUED] Some messages are gone"
    assert "* 1 EXPUNGE" in lines
    assert (await alice.says("STATUS Archive (MESSAGES)"))[0] == '* STATUS "Archive" (MESSAGES 0)'
    assert (await alice.says("UID COPY 1 Archive"))[-1].startswith("OK")  # of UIDs those that are left


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("STORE 1 +FLAGS (\\Seen)", "NO [EXPUNGEISSUED] The messages are gone"),
        ("STORE 1:2 +FLAGS (\\Seen)", "OK Done"),
        ("STORE 1 +FLAGS.SILENT (\\Seen)", "OK Done"),
        ("UID STORE 1 +FLAGS (\\Seen)", "OK Done"),
    ],
)
async def test_flags_of_nothing_are_refused(alice, twin, command, end):
    """RFC 2180 section 4.2: what is there is changed; who asked for new flags by number hears that nothing was."""
    await fill(alice, 1)
    await twin.says("SELECT INBOX")
    await twin.says("STORE 1 +FLAGS (\\Deleted)")
    await twin.says("EXPUNGE")
    assert (await alice.says(command))[-1] == end


async def test_keywords_are_in_flags_before_a_message_has_them(alice, twin):
    """Readers take FLAGS for what a mailbox knows, and wonder at a keyword that is not there."""
    await fill(alice, 0)
    await twin.says("SELECT INBOX")
    flags, fetched, _ = await alice.says("STORE 1 +FLAGS (\\Seen Work)")
    assert flags == "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Work)"
    assert "Work" in fetched
    assert (await twin.says("NOOP"))[0] == flags
    assert not [line for line in await alice.says("STORE 1 -FLAGS (\\Seen)") if line.startswith("* FLAGS")]


async def test_a_large_move_goes_in_steps_and_is_told_as_one(alice):
    number = await fill(alice, 11)
    lines = await alice.says("MOVE 2:* Archive")
    (code,) = [line for line in lines if "COPYUID" in line]
    assert code.endswith(f" 2:{number} 1:{number - 1}] Moved")
    expunged = [int(line.split()[1]) for line in lines if line.endswith("EXPUNGE")]
    assert expunged == list(range(number, 1, -1))
    assert (await alice.says("STATUS Archive (MESSAGES)"))[0] == f'* STATUS "Archive" (MESSAGES {number - 1})'


async def test_of_a_move_that_fails_midway_the_moved_are_told(alice, monkeypatch):
    """RFC 9051 section 6.4.8: each message is in one of the two mailboxes, and the client knows in which."""
    await fill(alice, 11)
    store = alice.office.store
    move, calls = store.move, []

    async def fail_later(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise StorageError("disk")
        return await move(*arguments)

    monkeypatch.setattr(store, "move", fail_later)
    lines = await alice.says("MOVE 1:* Archive")
    assert lines[-1].startswith("NO [UNAVAILABLE]")
    assert [line for line in lines if "COPYUID" in line and " 1:1000 1:1000]" in line]
    assert sum(line.endswith("EXPUNGE") for line in lines) == 1000
    assert (await alice.says("STATUS Archive (MESSAGES)"))[0] == '* STATUS "Archive" (MESSAGES 1000)'
    assert (await alice.says("UID SEARCH ALL"))[0].startswith("* SEARCH 1001 1002")
