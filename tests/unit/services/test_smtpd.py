"""The door to the world: what a stranger is told, and what becomes of his mail."""

from dataclasses import replace

import pytest

from posthouse.admd.limits import Limits
from posthouse.net.ports import Farewell, Peer
from posthouse.observe.ledger import Record, parse_record
from posthouse.observe.ports import Level
from posthouse.storage.errors import Moved, StorageError
from posthouse.testing.office import RELAY

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


async def ledger(office, answer: str) -> Record:
    """What the ledger knows under the id in an answer."""
    trace = answer.rpartition("(id ")[2].rstrip(")")
    await office.store.records()
    octets = await office.store.record(trace)
    assert octets is not None, f"no record of {answer}"
    return parse_record(octets)


async def test_every_refusal_has_an_id_under_which_the_ledger_tells_why(office):
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<friend@elsewhere.test>")
        said = await session.tell("RCPT TO:<nobody@office.test>")
    record = await ledger(office, said)
    assert (record.verdict, record.peer, record.helo) == ("refused", "192.0.2.1", "client.example")
    assert (record.sender, record.recipients) == ("friend@elsewhere.test", ("nobody@office.test",))
    assert record.reply == "550 5.1.1 <nobody@office.test>: no such user here"


async def test_an_accepted_message_is_in_the_ledger_under_its_id(office):
    async with office.smtp() as session:
        await session.hello()
        answers = await session.send("friend@elsewhere.test", ["alice@office.test", "bob@office.test"], MESSAGE)
    record = parse_record(await office.store.record(answers[-1].rpartition(" ")[2]))
    assert (record.verdict, record.size, record.message_id) == ("accepted", len(MESSAGE), "1@elsewhere.test")
    assert record.stored == ("alice@office.test", "bob@office.test")


async def test_one_message_is_one_entry_in_the_journal(office):
    async with office.smtp() as session:
        await session.hello()
        await session.send("friend@elsewhere.test", ["alice@office.test"], MESSAGE)
    (entry,) = [one for one in office.journal.entries if one.level >= Level.INFO]
    assert (entry.event, entry.values["recipients"]) == ("mail.accepted", 1)


async def test_for_is_told_only_when_there_is_one_recipient(office):
    async with office.smtp() as session:
        await session.hello()
        await session.send("friend@elsewhere.test", ["alice@office.test", "bob@office.test"], MESSAGE)
    (letter,) = await office.read("alice")
    assert b"bob" not in letter.partition(b"From:")[0]
    assert b" for " not in letter.partition(b"From:")[0]


async def test_under_tls_the_trace_line_says_so(office):
    async with office.smtp() as session:
        await session.hello("before.example")
        assert (await session.tell("STARTTLS")).startswith("220 2.0.0")
        await session.secured()
        await session.hello("after.example")
        await session.send("friend@elsewhere.test", ["alice@office.test"], MESSAGE)
    (letter,) = await office.read("alice")
    assert b"from after.example" in letter
    assert b"with ESMTPS id" in letter
    assert b"(using TLSv1.3 TLS_AES_256_GCM_SHA384)" in letter


async def test_there_is_no_login_on_port_25(office):
    async with office.smtp() as session:
        session.written = b""
        assert not any("AUTH" in line for line in await session.says("EHLO a.example"))
        assert (await session.tell("AUTH PLAIN AGEAYg==")).startswith(("502", "503", "500", "504"))


@pytest.mark.parametrize(
    "verb", ["XCLIENT ADDR=127.0.0.1", "XFORWARD ADDR=127.0.0.1", "PROXY TCP4 127.0.0.1 127.0.0.1 1 25"]
)
async def test_nobody_says_who_he_is_by_command(office, verb):
    """S14."""
    async with office.smtp() as session:
        await session.hello()
        assert (await session.tell(verb))[0] == "5"
        await session.hello()
        await session.tell("MAIL FROM:<a@b.test>")
        assert (await session.tell("RCPT TO:<x@outside.test>")).startswith("550 5.7.1")


async def test_vrfy_tells_nothing_and_expn_does_not_exist(office):
    """S13, L29."""
    async with office.smtp() as session:
        await session.hello()
        assert await session.tell("VRFY alice") == await session.tell("VRFY nobody")
        assert (await session.tell("VRFY alice")).startswith("252 ")
        assert (await session.tell("EXPN all")).startswith("502 ")


async def test_help_noop_and_reset_are_answered(office):
    async with office.smtp() as session:
        await session.hello()
        assert [(await session.tell(word))[:3] for word in ("HELP", "NOOP", "RSET")] == ["214", "250", "250"]


async def test_reset_forgets_the_transaction(office):
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<a@b.test>")
        await session.tell("RCPT TO:<alice@office.test>")
        await session.tell("RSET")
        assert (await session.tell("DATA")).startswith("503 ")


# -- bad manners


async def test_errors_cost_a_second_each_after_five_and_the_session_after_fifteen(office):
    """L19."""
    async with office.smtp() as session:
        await session.hello()
        answers = [await session.tell("NONSENSE") for _ in range(16)]
        assert {one[:3] for one in answers[:15]} == {"500"}
        assert answers[15].startswith("421 4.7.0 too many errors")
        session.hangs_up()
    assert office.delays == [1.0] * 11


async def test_fifty_commands_without_mail_are_enough(office):
    async with office.smtp() as session:
        await session.hello()
        answers = [await session.tell("NOOP") for _ in range(51)]
        assert {one[:3] for one in answers[:50]} == {"250"}
        assert answers[50].startswith("421 ")
        session.hangs_up()


async def test_a_dictionary_of_names_ends_after_five(office):
    """L20, S13."""
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<a@b.test>")
        answers = [await session.tell(f"RCPT TO:<x{n}@office.test>") for n in range(6)]
        assert [one[:3] for one in answers] == ["550"] * 5 + ["421"]
        session.hangs_up()


async def test_twenty_unknown_recipients_an_hour_are_all_that_one_address_may_try(office):
    async def ask(name: str) -> str:
        async with office.smtp() as session:
            await session.hello()
            await session.tell("MAIL FROM:<a@b.test>")
            return await session.tell(f"RCPT TO:<{name}@office.test>")

    for number in range(20):
        assert (await ask(f"x{number}")).startswith("550")
    assert (await ask("y")).startswith("421 4.7.0")
    assert (await ask("alice")).startswith("421 4.7.0"), "known and unknown are answered alike"


async def test_fifty_messages_on_one_connection_are_enough(open_office):
    """L13."""
    office = await open_office(limits=Limits(mx_messages=2))
    session = office.smtp()
    session.door._desk = replace(session.door._desk, messages_max=2)
    async with session:
        await session.hello()
        for _ in range(2):
            assert (await session.send("a@b.test", ["alice@office.test"], MESSAGE))[-1].startswith("250")
        assert (await session.tell("MAIL FROM:<a@b.test>")).startswith("421 4.7.0")
        session.hangs_up()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Farewell.IDLE, "421 4.4.2"),
        (Farewell.SLOW, "421 4.4.2"),
        (Farewell.SHUTDOWN, "421 4.3.2"),
        (Farewell.TROUBLE, "421 4.3.0"),
    ],
)
async def test_the_last_words_say_why(office, reason, code):
    async with office.smtp() as session:
        await session.hello()
        for reply in session.door.farewell(reason):
            session._write(reply)
        session.server(code)
        session.hangs_up()


async def test_patience_is_longer_while_content_comes_and_short_under_stress(office):
    session = office.smtp()
    async with session:
        await session.hello()
        assert session.door.patience == 60
        await session.tell("MAIL FROM:<a@b.test>")
        await session.tell("RCPT TO:<alice@office.test>")
        await session.tell("DATA")
        assert (session.door.patience, session.door.receives_content) == (300, True)
        await session.says(MESSAGE + b".\r\n")
        assert not session.door.receives_content
        session.door._desk = replace(session.door._desk, is_stressed=lambda: True)
        assert session.door.patience == 10


# -- content that is refused


@pytest.mark.parametrize("evil", [b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\x00\r\n.\r\n"])
async def test_a_smuggled_second_message_is_never_one(office, evil):
    """S01: what the core finds wrong in the content is refused, and nothing of it is kept."""
    second = b"MAIL FROM:<boss@office.test>\r\nRCPT TO:<alice@office.test>\r\nDATA\r\nSubject: evil\r\n\r\nx\r\n.\r\n"
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<a@b.test>")
        await session.tell("RCPT TO:<alice@office.test>")
        await session.tell("DATA")
        answers = await session.says(MESSAGE + evil + second)
        assert [one[:3] for one in answers if one.startswith("250")] == []
        assert answers[0].startswith("550 5.6.11")
        assert "lines must end with CRLF" in answers[0]
        session.hangs_up()
    assert not await office.read("alice")


async def test_a_chunk_for_nobody_is_refused_and_read_to_its_end(office):
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<a@b.test>")
        await session.says("RCPT TO:<nobody@office.test>", b"BDAT 6 LAST\r\nNOOP\r\n")
        assert (await session.tell("NOOP")).startswith("250")


async def test_a_message_in_chunks_arrives_as_one(office):
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<a@b.test> BODY=8BITMIME")
        await session.tell("RCPT TO:<alice@office.test>")
        half = len(MESSAGE) // 2
        assert (await session.tell(b"BDAT %d\r\n" % half + MESSAGE[:half])).startswith("250")
        last = await session.tell(b"BDAT %d LAST\r\n" % (len(MESSAGE) - half) + MESSAGE[half:])
        assert last.startswith("250 2.0.0 accepted")
    (letter,) = await office.read("alice")
    assert letter.endswith(MESSAGE)


# -- the promise


class Refusing:
    """A store on a disk that fails."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    error = StorageError("no space left on device")

    async def accept(self, _acceptance):
        raise self.error


@pytest.mark.parametrize(
    ("error", "alarms"),
    [(StorageError("no space left on device"), ["storage.failed"]), (Moved("account 1 is on its way"), [])],
)
async def test_what_could_not_be_kept_is_never_acknowledged(office, error, alarms):
    """A person should look, unless an operator is just moving the account."""
    office.intake._store = store = Refusing(office.store)
    store.error = error
    async with office.smtp() as session:
        await session.hello()
        said = (await session.send("a@b.test", ["alice@office.test"], MESSAGE))[-1]
        assert said.startswith("451 4.3.0")
        assert (await session.tell("NOOP")).startswith("250"), "the session goes on"
    assert [one.event for one in office.journal.entries if one.level is Level.ALARM] == alarms
    assert not await office.read("alice")


async def test_a_full_mailbox_is_told_in_the_session(open_office):
    office = await open_office(quota=10)
    async with office.smtp() as session:
        await session.hello()
        assert (await session.send("a@b.test", ["alice@office.test"], MESSAGE))[-1].startswith("452 4.2.2")
    assert not await office.queue()


async def test_when_one_of_two_mailboxes_is_full_the_message_is_ours_and_the_ledger_knows_of_both(open_office):
    office = await open_office(quota=10)
    for name in ("bob", "carol"):
        await office.store.change_account(office.accounts[name], quota=10**9)
    async with office.smtp() as session:
        await session.hello()
        answers = await session.send("a@b.test", ["alice@office.test", "bob@office.test"], MESSAGE)
        assert answers[-1].startswith("250 2.0.0 accepted")
    (refused,) = [one for one in office.journal.entries if one.event == "mail.refused"]
    record = parse_record(await office.store.record(refused.values["id"]))
    assert (record.recipients, record.reply) == (("alice@office.test",), "452 4.2.2 the mailbox is full")
    assert not await office.queue(), "the sender may be forged: the postmaster is told instead (B01)"
    (notice,) = await office.read("carol")
    assert b"Subject: A mailbox is full" in notice
    assert b"alice@office.test: 452 4.2.2" in notice


async def test_a_client_that_vanishes_leaves_nothing_behind(office):
    async with office.smtp() as session:
        await session.hello()
        await session.tell("MAIL FROM:<a@b.test>")
        await session.tell("RCPT TO:<alice@office.test>")
        await session.tell("DATA")
        await session.client(MESSAGE)
    assert not await office.read("alice")
    assert session.door._transaction is None


# -- stress (DM8), and who was thrown out before


async def test_under_stress_strangers_are_greeted_late_and_who_cannot_wait_is_out(open_office):
    """S03: the wait is the test."""
    office = await open_office(stressed=True)
    async with office.smtp() as session:
        session.server("220 mx.office.test ESMTP Posthouse")
    assert office.delays == [1]
    async with office.smtp(RELAY) as session:
        session.server("220 mx.office.test ESMTP Posthouse")
    async with office.submission() as session:
        session.server("220 mx.office.test ESMTP Posthouse")
    assert office.delays == [1], "our own need not wait"


async def test_under_stress_who_sent_mail_before_need_not_wait(open_office):
    office = await open_office()
    async with office.smtp() as session:
        await session.hello()
        await session.send("a@b.test", ["alice@office.test"], MESSAGE)
    office.stressed = True
    async with office.smtp() as session:
        session.server("220 mx.office.test ESMTP Posthouse")
    assert not office.delays


async def test_under_stress_fewer_errors_are_borne_and_afterwards_as_many_as_before(open_office):
    office = await open_office(stressed=True, limits=Limits(stress_errors=1))
    async with office.smtp() as session:
        await session.hello()
        assert (await session.tell("NONSENSE")).startswith("500")
        assert (await session.tell("NONSENSE")).startswith("421 4.7.0 too many errors")
    office.stressed = False
    async with office.smtp() as session:
        await session.hello()
        for _ in range(5):
            assert (await session.tell("NONSENSE")).startswith("500")


async def test_who_is_logged_in_is_not_hurried(open_office):
    """O11: limits for strangers never stop our own people."""
    office = await open_office(stressed=True, limits=Limits(stress_errors=1, stress_junk=1))
    async with office.submission(implicit_tls=True) as session:
        office.logged_in(session)
        await session.hello()
        for _ in range(4):
            assert (await session.tell("NOOP")).startswith("250")
        assert session.door.patience == office.limits.command_seconds


async def test_who_is_thrown_out_again_and_again_is_met_with_suspicion_for_a_while(open_office):
    office = await open_office(limits=Limits(hard_errors=1, offences_hour=2))
    for _ in range(2):
        async with office.smtp() as session:
            await session.hello()
            await session.says("NONSENSE")
            await session.says("NONSENSE")
            session.hangs_up()
    office.delays.clear()
    async with office.smtp() as session:
        session.server("220 mx.office.test ESMTP Posthouse")
        assert office.delays == [1]
        await session.hello()
        await session.tell("NONSENSE")
        assert office.delays == [1, 1], "each error costs a second from the first on"
    async with office.smtp(Peer("192.0.2.200", 1, "198.51.100.1", 25)) as session:
        session.server("220 mx.office.test ESMTP Posthouse")
    assert office.delays == [1, 1]
    office.clock.pass_time(3600)
    async with office.smtp() as session:
        session.server("220 mx.office.test ESMTP Posthouse")
    assert office.delays == [1, 1]


async def test_while_the_disk_is_short_postmaster_and_our_own_people_are_heard(open_office):
    """DM7: who is to mend it must be reached."""
    limits = Limits(free_octets=1000, free_inodes=10)
    office = await open_office(limits=limits, free=(900, 100))
    async with office.smtp() as session:
        await session.hello()
        answers = await session.send("a@b.test", ["alice@office.test", "postmaster@office.test"], MESSAGE)
        assert [one[:9] for one in answers] == ["452 4.3.1", "250 2.1.5", "250 2.0.0"]
    office.free = (200, 100)
    office.clock.pass_time(1)
    async with office.smtp() as session:
        await session.hello()
        assert (await session.tell("MAIL FROM:<a@b.test>")).startswith("452 4.3.1")
    office.free = (2000, 100)
    office.clock.pass_time(1)
    async with office.smtp() as session:
        await session.hello()
        assert (await session.send("a@b.test", ["alice@office.test"], MESSAGE))[-1].startswith("250")
