"""The POP3 door, with a real store behind it."""

import asyncio
import base64

import pytest

from posthouse.admd.credentials import make_verifiers
from posthouse.net.ports import Farewell, Peer
from posthouse.services.pop3d.door import open_pop3
from posthouse.services.pop3d.session import Pop3d
from posthouse.standards.sasl.scram import ScramClient
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Role
from posthouse.testing.office import FakeLine, Session
from posthouse.testing.wire import TLS

PASSWORD = "correct horse battery"
VERIFIERS = make_verifiers(PASSWORD, iterations=4096)
PEER = Peer("192.0.2.1", 4711, "198.51.100.1", 995)
HOME = Peer("192.0.2.99", 4711, "198.51.100.1", 995)
MESSAGES = (
    b"Subject: one\r\n\r\n.dot\r\n..two\r\nend\r\n",
    b"Subject: two\r\n\r\nbody\r\n",
    "Subject: drei Grüße\r\n\r\nbody\r\n".encode(),
)


class House:
    def __init__(self, office) -> None:
        self.office = office
        self.pop3d = Pop3d(office.store, office.authenticator, office.limits, office.clock, office.journal)

    async def connect(self, *, secured: bool = True, peer: Peer = PEER) -> "Session":
        line = FakeLine(peer, TLS if secured else None)
        core, door = open_pop3(self.pop3d, line)
        if secured:
            core.secured(TLS)
        session = Session(core, door, line)
        await session.__aenter__()
        assert session.written == b"+OK Posthouse ready\r\n"
        session.written = b""
        return session

    async def log_in(self, user: str = "alice") -> "Session":
        session = await self.connect()
        await session.tell(f"USER {user}@office.test")
        answer = await session.tell(f"PASS {PASSWORD}")
        assert answer.startswith("+OK"), answer
        return session

    async def fill(self, *messages: bytes) -> None:
        for message in messages:
            await file(self.office, message)

    async def uids(self) -> list[int]:
        account = self.office.accounts["alice"]
        inbox = await self.inbox()
        view = await self.office.store.view(account, inbox)
        return [int(message.uid) for message in view.messages]

    async def inbox(self):
        mailboxes = await self.office.store.mailboxes(self.office.accounts["alice"])
        return next(box.mailbox for box in mailboxes if box.role is Role.INBOX)


async def file(office, octets: bytes, name: str = "alice") -> None:
    """Put a message into an INBOX, as intake would."""
    from posthouse.storage.acceptance import Acceptance, Filing

    writer = office.store.blobs.open()
    writer.write(octets)
    blob = await writer.finish()
    filing = Filing(office.accounts[name], Role.INBOX, b"X-Prefix: ours\r\n")
    await office.store.accept(Acceptance(office.ids.trace_id(), blob, (filing,)))


@pytest.fixture
async def house(open_office) -> House:
    return House(await open_office(verifiers=VERIFIERS))


@pytest.fixture
async def full(house) -> House:
    await house.fill(*MESSAGES)
    return house


# -- before login


async def test_no_login_in_the_clear(house) -> None:
    """Threat A10: nothing is offered, nothing is taken, and a password that was shown is in the journal."""
    session = await house.connect(secured=False)
    capabilities = await session.says("CAPA")
    assert "STLS" in capabilities
    assert "USER" not in capabilities
    assert (await session.tell("USER alice")).startswith("-ERR not without TLS")
    assert "auth.exposed" in [entry.event for entry in house.office.journal.entries]
    assert PASSWORD not in str(house.office.journal.entries)


async def test_stls_and_then_login(full) -> None:
    session = await full.connect(secured=False)
    assert await session.tell("STLS") == "+OK begin TLS"
    await session.secured()
    await session.tell("USER alice@office.test")
    assert (await session.tell(f"PASS {PASSWORD}")).startswith("+OK 3 messages")


async def test_a_wrong_password_says_so_and_the_third_hangs_up(house) -> None:
    session = await house.connect()
    for _ in range(3):
        await session.tell("USER alice@office.test")
        assert await session.tell("PASS wrong") == "-ERR [AUTH] name or password is wrong"
    assert session.core.closed


async def test_unknown_users_are_answered_like_known_ones(house) -> None:
    """Threat A04."""
    answers = []
    for user in ("alice@office.test", "nobody@office.test"):
        session = await house.connect()
        answers.append([await session.tell(f"USER {user}"), await session.tell("PASS wrong")])
    assert answers[0] == answers[1]


async def test_a_blocked_address_is_told_to_come_back(house) -> None:
    """RFC 3206 section 4."""
    for guess in range(10):
        session = await house.connect()
        await session.tell("USER alice@office.test")
        await session.tell(f"PASS guess{guess}")
    session = await house.connect()
    await session.tell("USER alice@office.test")
    assert (await session.tell(f"PASS {PASSWORD}")).startswith("-ERR [SYS/TEMP]")


async def test_auth_plain_with_and_without_initial_response(full) -> None:
    token = base64.b64encode(f"\0alice@office.test\0{PASSWORD}".encode()).decode()
    session = await full.connect()
    assert (await session.tell(f"AUTH PLAIN {token}")).startswith("+OK")
    session.door.gone()
    session = await full.connect()
    assert await session.tell("AUTH PLAIN") == "+ "
    assert (await session.tell(token)).startswith("+OK")


async def test_auth_scram(full) -> None:
    client = ScramClient("alice@office.test", PASSWORD, "abc")
    session = await full.connect()
    first = await session.tell("AUTH SCRAM-SHA-256 " + base64.b64encode(client.first()).decode())
    final = await session.tell(base64.b64encode(client.final(base64.b64decode(first[2:]))).decode())
    assert client.verify(base64.b64decode(final[2:]))
    assert (await session.tell("")).startswith("+OK 3 messages")


async def test_auth_can_be_cancelled_and_begun_again(house) -> None:
    session = await house.connect()
    await session.tell("AUTH LOGIN")
    assert await session.tell("*") == "-ERR cancelled"
    assert await session.tell("AUTH CRAM-MD5") == "-ERR no such mechanism here"
    assert await session.says("AUTH") == ["+OK mechanisms", "SCRAM-SHA-256", "PLAIN", "LOGIN", "."]


async def test_an_unending_exchange_is_ended_by_its_mechanism(house) -> None:
    """Threat A07."""
    session = await house.connect()
    assert (await session.tell("AUTH SCRAM-SHA-256")) == "+ "
    assert (await session.tell("eCx5")).startswith("-ERR")
    assert (await session.tell("eCx5")).startswith("-ERR")


async def test_fifteen_errors_end_a_session(house) -> None:
    """L19."""
    session = await house.connect()
    for _ in range(15):
        assert not session.core.closed
        answer = await session.tell("NONSENSE")
    assert session.core.closed
    assert answer == "-ERR unknown command; too many errors, goodbye"


@pytest.mark.parametrize("command", ["CAPA", "LANG tlh", "AUTH", "AUTH CRAM-MD5"])
async def test_a_stranger_who_only_talks_is_not_listened_to_for_long(house, command) -> None:
    """L19: none of these is an error, and any number of them would be answered until the login is overdue."""
    session = await house.connect()
    for _ in range(50):
        await session.says(command)
        assert not session.core.closed
    assert await session.tell(command) == "-ERR too many commands without login, goodbye"
    assert session.core.closed


async def test_who_has_logged_in_may_say_as_much_as_he_likes(full) -> None:
    session = await full.log_in()
    for _ in range(60):
        assert (await session.tell("NOOP")).startswith("+OK")


async def test_language_is_english(house) -> None:
    """RFC 6856 section 3."""
    session = await house.connect()
    assert await session.says("LANG") == ["+OK languages", "en English", "i-default English", "."]
    assert (await session.tell("LANG en")).startswith("+OK en ")
    assert (await session.tell("LANG tlh")).startswith("-ERR")


# -- after it


async def test_stat_list_and_uidl_agree(full) -> None:
    session = await full.log_in()
    sizes = [len(message) + len(b"X-Prefix: ours\r\n") for message in MESSAGES]
    assert await session.tell("STAT") == f"+OK 3 {sum(sizes)}"
    assert (await session.says("LIST"))[1:] == [*(f"{at} {size}" for at, size in enumerate(sizes, 1)), "."]
    assert await session.tell("LIST 2") == f"+OK 2 {sizes[1]}"
    lines = await session.says("UIDL")
    assert await session.tell("UIDL 2") == f"+OK {lines[2]}"
    assert (await session.tell("LIST 4")).startswith("-ERR")


async def test_retr_gives_prefix_and_blob_stuffed(full) -> None:
    session = await full.log_in()
    assert await session.says("RETR 1") == [
        "+OK 50 octets", "X-Prefix: ours", "Subject: one", "", "..dot", "...two", "end", "."
    ]  # fmt: skip


async def test_top_gives_the_header_and_so_many_lines(full) -> None:
    session = await full.log_in()
    assert (await session.says("TOP 1 1"))[1:] == ["X-Prefix: ours", "Subject: one", "", "..dot", "."]
    assert (await session.says("TOP 1 0"))[1:] == ["X-Prefix: ours", "Subject: one", "", "."]
    assert (await session.says("TOP 1 9999999"))[-2:] == ["end", "."]


async def test_a_client_without_utf8_gets_an_ascii_header(full) -> None:
    """RFC 6856 section 2.1."""
    session = await full.log_in()
    lines = await session.says("RETR 3")
    assert "Subject: drei =?UTF-8?B?R3LDvMOfZQ==?=" in lines


async def test_a_client_with_utf8_gets_it_as_it_is(full) -> None:
    session = await full.connect()
    await session.tell("UTF8")
    await session.tell("USER alice@office.test")
    await session.tell(f"PASS {PASSWORD}")
    assert "Subject: drei Grüße" in await session.says("RETR 3")


async def test_a_large_message_comes_in_parts_and_whole(house) -> None:
    body = b"".join(b".%06d" % number + b"x" * 70 + b"\r\n" for number in range(5000))
    await house.fill(b"Subject: large\r\n\r\n" + body)
    session = await house.log_in()
    await session.client("RETR 1")
    status, _, rest = session.written.partition(b"\r\n")
    session.written = b""
    assert status == b"+OK %d octets" % (len(body) + 34)
    assert rest.endswith(b"\r\n.\r\n")
    assert rest[:-3].replace(b"\r\n..", b"\r\n.") == b"X-Prefix: ours\r\nSubject: large\r\n\r\n" + body


async def test_deleted_messages_go_at_quit_and_not_before(full) -> None:
    session = await full.log_in()
    assert (await session.tell("DELE 2")).startswith("+OK")
    assert (await session.tell("RETR 2")).startswith("-ERR")
    assert len(await full.uids()) == 3
    assert await session.tell("QUIT") == "+OK goodbye"
    assert await full.uids() == [1, 3]


async def test_rset_takes_the_marks_back(full) -> None:
    session = await full.log_in()
    await session.tell("DELE 1")
    await session.tell("RSET")
    await session.tell("QUIT")
    assert len(await full.uids()) == 3


async def test_a_session_that_breaks_off_deletes_nothing(full) -> None:
    """RFC 1939 section 6."""
    session = await full.log_in()
    await session.tell("DELE 1")
    session.door.gone()
    assert len(await full.uids()) == 3


async def test_unique_ids_are_the_same_in_the_next_session(full) -> None:
    first = await full.log_in()
    before = await first.says("UIDL")
    await first.tell("DELE 1")
    await first.tell("QUIT")
    after = await (await full.log_in()).says("UIDL")
    assert [line.split()[1] for line in before[2:4]] == [line.split()[1] for line in after[1:3]]


async def test_mail_that_comes_meanwhile_waits_for_the_next_session(full) -> None:
    session = await full.log_in()
    await full.fill(b"Subject: late\r\n\r\n")
    assert (await session.tell("STAT")).startswith("+OK 3 ")


async def test_a_message_that_another_session_removed_is_gone(full) -> None:
    session = await full.log_in()
    await full.office.store.remove(full.office.accounts["alice"], await full.inbox(), [2])
    assert (await session.tell("RETR 2")).startswith("-ERR message 2 has been removed")
    assert [line.split()[0] for line in (await session.says("LIST"))[1:-1]] == ["1", "3"]


async def test_what_was_retrieved_is_read(full) -> None:
    session = await full.log_in()
    await session.says("RETR 1")
    await session.tell("QUIT")
    view = await full.office.store.view(full.office.accounts["alice"], await full.inbox())
    assert [message.flags for message in view.messages] == [frozenset({"\\Seen"}), frozenset(), frozenset()]


async def test_one_session_a_maildrop(full) -> None:
    """RFC 2449 section 8.1.2."""
    first = await full.log_in()
    second = await full.connect()
    await second.tell("USER alice@office.test")
    assert (await second.tell(f"PASS {PASSWORD}")).startswith("-ERR [IN-USE]")
    await first.tell("QUIT")
    await second.tell("USER alice@office.test")
    assert (await second.tell(f"PASS {PASSWORD}")).startswith("+OK")


async def test_a_maildrop_is_free_again_when_its_session_dies(full) -> None:
    """Threat I10."""
    (await full.log_in()).door.gone()
    await full.log_in()


async def test_a_silent_session_gives_its_maildrop_up(full) -> None:
    """Threat I10: a hung client must not keep its owner out."""
    first = await full.log_in()
    await first.tell("DELE 1")
    full.office.clock.pass_time(61)
    second = await full.log_in()
    assert (await first.tell("QUIT")).startswith("-ERR [SYS/TEMP]")
    assert first.core.closed
    first.door.gone()
    assert (await second.tell("STAT")).startswith("+OK 3 ")
    third = await full.connect()
    await third.tell("USER alice@office.test")
    assert (await third.tell(f"PASS {PASSWORD}")).startswith("-ERR [IN-USE]")


async def test_pipelined_commands_are_answered_in_order(full) -> None:
    session = await full.log_in()
    lines = await session.says("STAT", "UIDL 1", "DELE 1", "QUIT")
    assert len(lines) == 4
    assert lines[3] == "+OK goodbye"
    assert await full.uids() == [2, 3]


async def test_an_empty_maildrop(house) -> None:
    session = await house.log_in()
    assert await session.tell("STAT") == "+OK 0 0"
    assert await session.says("LIST") == ["+OK sizes follow", "."]
    assert await session.says("UIDL") == ["+OK unique-ids follow", "."]


async def test_trouble_with_the_store_is_temporary_and_told(full, monkeypatch) -> None:
    session = await full.log_in()

    async def refuse(*_: object) -> None:
        raise StorageError("disk on fire")

    await session.tell("DELE 1")
    monkeypatch.setattr(full.office.store, "remove", refuse)
    assert (await session.tell("QUIT")).startswith("-ERR [SYS/TEMP]")
    assert "pop3.unremoved" in [entry.event for entry in full.office.journal.entries]


async def test_who_could_not_open_the_maildrop_is_not_logged_in(full, monkeypatch) -> None:
    """The login was kept, and with it a place among the sessions that "revoke-sessions" wakes, after QUIT too."""
    session = await full.connect()
    works = full.office.store.view

    async def refuse(*_: object) -> None:
        raise StorageError("disk on fire")

    monkeypatch.setattr(full.office.store, "view", refuse)
    await session.tell("USER alice@office.test")
    assert (await session.tell(f"PASS {PASSWORD}")).startswith("-ERR [SYS/TEMP]")
    assert "pop3.unopened" in [entry.event for entry in full.office.journal.entries]
    monkeypatch.setattr(full.office.store, "view", works)
    await session.tell("USER alice@office.test")
    assert (await session.tell(f"PASS {PASSWORD}")).startswith("+OK 3 messages")
    session.door.gone()
    assert len(full.office.authenticator.sessions) == 0


async def test_before_login_the_time_is_counted_from_the_first_octet(full) -> None:
    """Threat I03: commands without end do not keep a stranger's place."""
    session = await full.connect()
    full.office.clock.pass_time(20)
    assert await session.tell("NOOP") == "-ERR log in first"
    assert session.door.patience == 10
    full.office.clock.pass_time(20)
    assert session.door.patience < 1


async def test_patience_is_short_before_login_and_ten_minutes_after(full) -> None:
    """RFC 1939 section 3; L33."""
    assert (await full.connect()).door.patience == 30
    assert (await full.log_in()).door.patience >= 600


async def test_every_farewell_is_a_word_and_the_end(full) -> None:
    for reason in Farewell:
        session = await full.connect()
        for action in session.door.farewell(reason):
            session.core.send(action)
        assert session.core.closed


async def test_ten_logins_at_once_leave_one_session(full) -> None:
    sessions = [await full.connect(peer=HOME) for _ in range(10)]
    for session in sessions:
        await session.tell("USER alice@office.test")
    answers = await asyncio.gather(*(session.tell(f"PASS {PASSWORD}") for session in sessions))
    assert sum(answer.startswith("+OK") for answer in answers) == 1
