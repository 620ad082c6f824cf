"""Changing very many messages: in steps, so that others' mail gets between them, and with an end."""

import asyncio

from posthouse.ms.folders import find_mailbox
from posthouse.services.imapd import changing


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
    storing = asyncio.ensure_future(alice.says("STORE 1:* +FLAGS.SILENT (\\Seen)"))
    await asyncio.sleep(0)
    await office.store.create_mailbox(office.accounts["bob"], "between")
    inbox = find_mailbox(await office.store.mailboxes(office.accounts["alice"]), "INBOX")
    assert inbox.unseen, "nobody else could write before it was all done"
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
        assert await alice.says(f"STORE 1 {command}") == ["OK Done"], command
