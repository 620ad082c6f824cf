"""What the boundary filter says is done: where copies go, what is held, what the client hears and the ledger keeps."""

import base64

import pytest

from posthouse.filter.action import Action
from posthouse.filter.amendment import Amendment, ChangeField, DropRecipient, NewBody
from posthouse.filter.boundary import Boundary
from posthouse.filter.clue import Clue
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.mail.reply import Reply
from posthouse.observe.ledger import Record, parse_record
from posthouse.storage.mailbox import Role
from posthouse.storage.queue import State
from posthouse.testing.journal import KeptJournal

LETTER = b"From: friend@elsewhere.test\r\nSubject: Hi\r\n\r\nHello\r\n"
VIRUS = Reply(554, "5.7.1", ("it holds a virus",))
LATER = Reply(451, "4.7.1", ("scanners are busy",))


class Says:
    def __init__(self, *clues: Clue) -> None:
        self.name = "oracle"
        self.clues = clues
        self.letters: list[Letter] = []

    async def examine(self, letter: Letter) -> Opinion:
        self.letters.append(letter)
        return Opinion(self.clues)


def told(office, *clues: Clue) -> Says:
    """Somebody looks at everything, in and out."""
    says = Says(*clues)
    office.boundary = office.outbound = Boundary(None, (says,), journal=KeptJournal())
    return says


def clue(action: Action, **given) -> Clue:
    return Clue("oracle", "oracle.x", "because", action=action, **given)


async def send(office, *to: str, content: bytes = LETTER, door: str = "smtp") -> list[str]:
    session = office.smtp() if door == "smtp" else office.lmtp()
    async with session:
        await session.hello(verb="EHLO" if door == "smtp" else "LHLO")
        session.written = b""
        return await session.send("friend@elsewhere.test", to, content)


async def last_record(office) -> Record:
    (row, *_) = await office.store.records(limit=1)
    return parse_record(row[2])


async def test_junk_goes_to_junk_for_all(office) -> None:
    told(office, clue(Action.JUNK))
    answers = await send(office, "alice@office.test", "bob@office.test")
    assert answers[-1].startswith("250")
    for name in ("alice", "bob"):
        assert len(await office.read(name, Role.JUNK)) == 1
        assert await office.read(name) == []
    record = await last_record(office)
    assert (record.verdict, record.action, record.reasons) == ("accepted", "junk", ("oracle.x: because",))


async def test_lmtp_does_so_too(office) -> None:
    told(office, clue(Action.JUNK))
    assert (await send(office, "alice@office.test", door="lmtp"))[-1].startswith("250")
    assert len(await office.read("alice", Role.JUNK)) == 1


async def test_one_account_alone_may_find_it_junk(office) -> None:
    told(office, clue(Action.JUNK, account=office.accounts["alice"]))
    await send(office, "alice@office.test", "bob@office.test")
    assert (len(await office.read("alice", Role.JUNK)), len(await office.read("bob"))) == (1, 1)


async def test_quarantine_is_out_of_sight_and_what_goes_elsewhere_is_held(office) -> None:
    told(office, clue(Action.QUARANTINE))
    assert (await send(office, "all@office.test"))[-1].startswith("250")
    assert await office.read("alice") == await office.read("alice", Role.JUNK) == []
    assert [one.account for one in await office.store.quarantined()] == [
        office.accounts["alice"],
        office.accounts["bob"],
    ]
    (item,) = await office.queue()
    assert (item.state, item.last) == (State.HELD, "quarantined: oracle.x")


@pytest.mark.parametrize(("action", "reply"), [(Action.DEFER, LATER), (Action.REFUSE, VIRUS)])
async def test_who_is_not_let_in_hears_why_and_an_id(office, action: Action, reply: Reply) -> None:
    told(office, clue(action, reply=reply))
    answer = (await send(office, "alice@office.test"))[-1]
    record = await last_record(office)
    assert answer == f"{reply.code} {reply.status} {reply.text[0]} (id {record.id})"
    assert (record.verdict, record.action) == ("deferred" if action is Action.DEFER else "refused", action.value)
    assert (record.sender, record.recipients) == ("friend@elsewhere.test", ("alice@office.test",))
    assert record.reasons == ("oracle.x: because",)
    assert await office.read("alice") == []
    assert list(await office.queue()) == []


async def test_lmtp_tells_each_recipient(office) -> None:
    told(office, clue(Action.REFUSE, reply=VIRUS))
    answers = await send(office, "alice@office.test", "bob@office.test", door="lmtp")
    assert [one[:3] for one in answers] == ["250", "250", "554", "554"]


async def test_who_looks_is_told_everything(office) -> None:
    says = told(office)
    await send(office, "all@office.test", "carol@office.test")
    (letter,) = says.letters
    assert (letter.peer, letter.helo, letter.mail_from) == ("192.0.2.1", "client.example", "friend@elsewhere.test")
    assert [str(one.address) for one in letter.recipients] == ["all@office.test", "carol@office.test"]
    assert set(letter.accounts) == set(office.accounts.values())
    assert (letter.submitter, letter.blob.octets) == (None, LETTER)
    assert await letter.read(6, 6) == b"friend"
    assert letter.examination.header.first("subject") == b"Hi"


async def test_mail_of_our_own_people_is_looked_at_on_its_way_out(office) -> None:
    says = told(office, clue(Action.REFUSE, reply=VIRUS))
    async with office.logged_in(office.submission(implicit_tls=True)) as session:
        await session.hello()
        session.written = b""
        content = LETTER.replace(b"friend@elsewhere.test", b"alice@office.test")
        answers = await session.send("alice@office.test", ["friend@elsewhere.test"], content)
    assert answers[-1].startswith("554 5.7.1 it holds a virus")
    assert says.letters[0].submitter == office.accounts["alice"]
    assert says.letters[0].evidence is None
    assert list(await office.queue()) == []


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
async def test_forged_fields_never_reach_the_spool_whatever_the_pieces(office, size: int) -> None:
    forged = b"Authentication-Results: mx.office.test; dmarc=pass\r\nReturn-Path: <x@y.test>\r\n"
    async with office.smtp() as session:
        await session.hello()
        await session.says("MAIL FROM:<friend@elsewhere.test>")
        await session.says("RCPT TO:<alice@office.test>")
        await session.says("DATA")
        octets = forged + LETTER + b".\r\n"
        for at in range(0, len(octets), size):
            await session.client(octets[at : at + size])
        assert b"250 2.0.0" in session.written
        session.written = b""
    (stored,) = await office.stored("alice")
    assert await office.store.blobs.read(stored.content.blob.blob_id) == LETTER


class Replaces(Says):
    """A milter that wants another body, and another person to get it."""

    def __init__(self, *amendments: Amendment) -> None:
        super().__init__()
        self.amendments = amendments

    async def examine(self, letter: Letter) -> Opinion:
        return Opinion((), self.amendments)


async def test_a_body_of_a_milter_that_readers_cannot_be_sent_is_encoded(office) -> None:
    office.boundary = Boundary(None, (Replaces(NewBody(b"a\0b\r\n")),), journal=KeptJournal())
    assert (await send(office, "bob@office.test"))[-1].startswith("250")
    (message,) = await office.read("bob")
    assert b"\0" not in message
    assert b"Content-Transfer-Encoding: base64" in message
    assert base64.b64decode(message.rpartition(b"\r\n\r\n")[2]) == b"a\0b\r\n"


async def test_a_message_of_a_milter_that_cannot_be_encoded_is_refused_for_all(office) -> None:
    """Whoever the milter took off the list does not make it look accepted."""
    amendments = (ChangeField(b"Subject", 1, b" \0"), DropRecipient("bob@office.test"))
    office.boundary = Boundary(None, (Replaces(*amendments),), journal=KeptJournal())
    assert (await send(office, "alice@office.test", "bob@office.test"))[-1].startswith("554 5.6.3")
    assert not await office.read("alice")
