"""What goes wrong is said in words a client understands, and costs nobody else anything."""

import asyncio

import pytest

from posthouse.net.ports import Farewell
from posthouse.observe.ports import Level
from posthouse.storage.errors import Moved, StorageError
from posthouse.testing.mailreader import MailReader

LETTER = b"Subject: x\r\n\r\ny\r\n"


@pytest.mark.parametrize(
    ("reason", "code"), [(Farewell.IDLE, ""), (Farewell.SHUTDOWN, "[UNAVAILABLE]"), (Farewell.TROUBLE, "[SERVERBUG]")]
)
async def test_last_words(alice, reason, code):
    for response in alice.door.farewell(reason):
        assert alice.core.send(response)[0].startswith(b"* BYE " + code.encode())
    assert alice.core.closed


async def test_a_disk_that_fails_is_told_and_the_alarm_is_raised(alice, monkeypatch):
    async def fail(*_):
        raise StorageError("disk")

    await alice.says("SELECT INBOX")
    monkeypatch.setattr(alice.office.store, "mailboxes", fail)
    assert (await alice.says("CREATE x"))[-1].startswith("NO [UNAVAILABLE]")
    assert any(entry.event == "imap.storage" for entry in alice.office.journal.entries)


async def test_an_account_on_its_way_to_another_cell_alarms_nobody(alice, monkeypatch):
    """Each client asks many times while an operator moves it."""

    async def fail(*_, **__):
        raise Moved("account 1 is on its way to another cell")

    await alice.says("SELECT INBOX")
    store = alice.office.store
    monkeypatch.setattr(store, "mailboxes", fail)
    monkeypatch.setattr(store, "delta", fail)
    assert (await alice.says("CREATE x"))[-1].startswith("NO [UNAVAILABLE] The account is being moved")
    assert (await alice.says("NOOP"))[-1].startswith("OK"), "nothing is new"
    assert not [entry for entry in alice.office.journal.entries if entry.level is Level.ALARM]


async def test_a_message_that_the_disk_refuses_is_not_acknowledged(alice, monkeypatch):
    def fail(*_):
        raise StorageError("disk full")

    from posthouse.storage.sqlite.blobs import FileBlobWriter

    monkeypatch.setattr(FileBlobWriter, "write", fail)
    answer = await alice.says(f"APPEND INBOX {{{len(LETTER)}+}}\r\n".encode() + LETTER)
    assert answer[-1].startswith("NO [UNAVAILABLE]")


async def test_the_mailbox_that_is_looked_at_may_go_while_another_command_is_answered(alice, twin):
    await alice.says("CREATE Short")
    await alice.says("SELECT Short")
    await twin.says("DELETE Short")
    await asyncio.sleep(0)
    assert (await alice.says('LIST "" INBOX'))[-1].startswith("* BYE")


async def test_an_idling_session_learns_that_its_mailbox_is_gone(alice, twin):
    await alice.says("CREATE Short")
    await alice.says("SELECT Short")
    await alice.says("IDLE")
    await twin.says("DELETE Short")
    await asyncio.sleep(0)
    assert (await alice.pushed())[-1].startswith("* BYE")


async def test_a_change_between_looking_and_watching_is_not_lost(office, house, alice, twin, monkeypatch):
    store = office.store
    view = store.view

    async def view_and_then_mail_comes(*arguments):
        found = await view(*arguments)
        await twin.says(f"APPEND INBOX {{{len(LETTER)}+}}\r\n".encode() + LETTER)
        await asyncio.sleep(0)
        return found

    monkeypatch.setattr(store, "view", view_and_then_mail_comes)
    lines = await alice.says("SELECT INBOX")
    assert "* 0 EXISTS" in lines
    monkeypatch.undo()
    assert "* 1 EXISTS" in lines + await alice.says("IDLE")


async def test_what_select_tells_is_one_view(office, alice, twin, monkeypatch):
    """A client adds up EXISTS, what vanished and what is new (RFC 7162 section 3.2.5.2); the rest comes after it."""
    for _ in range(2):
        await twin.says(f"APPEND INBOX {{{len(LETTER)}+}}\r\n".encode() + LETTER)
    await twin.says("SELECT INBOX")
    await alice.says("ENABLE QRESYNC")
    uidvalidity = next(line for line in await alice.says("SELECT INBOX") if "UIDVALIDITY" in line).split()[3][:-1]
    await alice.says("UNSELECT")
    store = office.store
    view = store.view

    async def view_and_then_mail_goes(*arguments):
        found = await view(*arguments)
        await twin.says("STORE 2 +FLAGS (\\Deleted)")
        await twin.says("EXPUNGE")
        return found

    monkeypatch.setattr(store, "view", view_and_then_mail_goes)
    lines = await alice.says(f"SELECT INBOX (QRESYNC ({uidvalidity} 1))")
    monkeypatch.undo()
    assert [line for line in lines if line.endswith("EXISTS")] == ["* 2 EXISTS"]
    assert [line.split()[4] for line in lines if "FETCH" in line] == ["1", "2"]
    assert not any("VANISHED" in line for line in lines)
    assert "* VANISHED 2" in await alice.says("NOOP")


async def test_an_account_that_is_closed_is_shown_out(alice, office):
    await office.store.change_account(office.accounts["alice"], enabled=False)
    await office.directory.refresh(office.store)
    assert (await alice.says("SELECT INBOX"))[-1].startswith("* BYE")
    assert alice.core.closed


async def test_too_many_mistakes_end_it(alice):
    heard = []
    for _ in range(51):
        heard = await alice.says("NONSENSE")
    assert heard[-1].startswith("* BYE")


async def test_a_password_exchange_may_be_cancelled(office, house):
    reader = MailReader(office, house)
    await reader.greeting()
    assert await reader.says("AUTHENTICATE PLAIN") == ["+ "]
    assert (await reader.plain(b"*\r\n"))[0].endswith("BAD Cancelled")


async def test_a_structure_that_was_never_stored_is_worked_out(alice, office):
    from posthouse.mail.content import Blob
    from posthouse.mail.ids import TraceId
    from posthouse.storage.acceptance import Acceptance, Filing
    from posthouse.storage.mailbox import Role

    octets = b"Subject: bare\r\n\r\nno facts"
    writer = office.store.blobs.open()
    writer.write(octets)
    blob: Blob = await writer.finish()
    filing = Filing(office.accounts["alice"], Role.INBOX, b"Delivered-To: a\r\n")
    await office.store.accept(Acceptance(TraceId("t"), blob, (filing,)))
    await alice.says("SELECT INBOX")
    heard = await alice.octets("FETCH 1 (ENVELOPE BODYSTRUCTURE BODY[TEXT] BODY[HEADER.FIELDS (SUBJECT DELIVERED-TO)])")
    assert b'"bare"' in heard
    assert b'"plain"' in heard
    assert b"no facts)" in heard or b"no facts " in heard
    assert b"Delivered-To: a\r\nSubject: bare\r\n\r\n" in heard


async def test_news_that_a_disk_withheld_come_with_the_next_command(alice, twin, monkeypatch):
    async def fail(*_):
        raise StorageError("disk")

    await alice.says("SELECT INBOX")
    await twin.says(f"APPEND INBOX {{{len(LETTER)}+}}\r\n".encode() + LETTER)
    with monkeypatch.context() as patch:
        patch.setattr(alice.office.store, "delta", fail)
        await alice.says("NOOP")
    assert "* 1 EXISTS" in await alice.says("NOOP")


async def test_a_message_is_not_put_together_in_memory_again_and_again(alice):
    """Threat R06: fields are copied out of a header; 90 times one of 250 KiB are 23 MiB, for each of any number of them."""
    letter = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 900) for number in range(200)) + b"\r\nbody\r\n"
    await alice.says(b"APPEND INBOX {%d+}\r\n" % len(letter) + letter)
    await alice.says("SELECT INBOX")
    items = " ".join(f"BODY.PEEK[HEADER.FIELDS.NOT (X-{number})]" for number in range(90))
    assert await alice.says(f"FETCH 1 ({items})") == ["NO [LIMIT] Too much of a message at once"]
    items = " ".join(f"BODY.PEEK[HEADER.FIELDS (X-{number})] BODY.PEEK[]<{number}.9>" for number in range(40))
    assert (await alice.says(f"FETCH 1 ({items} BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT])"))[-1] == "OK Done"
