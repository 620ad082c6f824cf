"""What milters want changed is changed, and nothing else; the content that came is never touched."""

import pytest

from posthouse.filter.amendment import AddField, AddRecipient, ChangeField, DropRecipient, NewBody, NewSender
from posthouse.filter.boundary import Boundary
from posthouse.filter.ports import Opinion
from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Body, Envelope, Recipient
from posthouse.mta.amend import Amend
from posthouse.storage.ports import Blobs
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import RELAY

CONTENT = b"From: a@x.test\r\nSubject: one\r\n two\r\nsubject: second\r\nX-Kept: y\r\n\r\nbody\r\n"
ADDED = b"Date: today\r\nMessage-ID: <m>\r\n"
ALICE, BOB = (Recipient(Address(name, "office.test")) for name in ("alice", "bob"))
ENVELOPE = Envelope(Address("a", "x.test"), (ALICE, BOB))


@pytest.fixture
async def amended(office):
    """Amends ``content`` and reads what came of it."""
    blobs: Blobs = office.store.blobs
    writers = []

    async def amend(*amendments: object, content: bytes = CONTENT, added: bytes = ADDED, at_hand: bool = True):
        writer = blobs.open()
        writers.append(writer)
        writer.write(content)
        blob = await writer.finish()
        shown = blob if at_hand else Blob(blob.blob_id, blob.size)
        result = await Amend(blobs)(ENVELOPE, shown, added, amendments)
        if result.writer is not None:
            writers.append(result.writer)
        octets = result.blob.octets if result.blob.octets is not None else await blobs.read(result.blob.blob_id)
        assert blob.octets in {None, content}
        return result, result.added, octets

    yield amend
    for writer in writers:
        writer.discard()


async def test_new_fields_stand_in_the_prefix_and_the_content_stays(amended) -> None:
    result, added, octets = await amended(
        AddField(b"X-Last", b" l"), AddField(b"X-First", b" f", 0), AddField(b"X-Second", b" s", 1)
    )
    assert added == b"X-First: f\r\nX-Second: s\r\n" + ADDED + b"X-Last: l\r\n"
    assert octets == CONTENT
    assert result.writer is None


async def test_a_field_is_changed_where_it_stands(amended) -> None:
    _, added, octets = await amended(ChangeField(b"Subject", 2, b" new"))
    assert octets == CONTENT.replace(b"subject: second", b"Subject: new")
    assert added == ADDED


async def test_a_folded_field_goes_whole(amended) -> None:
    _, _, octets = await amended(ChangeField(b"SUBJECT", 1, b""))
    assert octets == CONTENT.replace(b"Subject: one\r\n two\r\n", b"")


async def test_a_field_of_ours_is_changed_in_the_prefix(amended) -> None:
    result, added, octets = await amended(ChangeField(b"Date", 1, b" tomorrow"))
    assert added == ADDED.replace(b"today", b"tomorrow")
    assert octets == CONTENT
    assert result.writer is None


async def test_who_changes_what_is_not_there_adds_it(amended) -> None:
    _, added, octets = await amended(ChangeField(b"X-New", 1, b" v"), ChangeField(b"X-None", 1, b""))
    assert added == ADDED + b"X-New: v\r\n"
    assert octets == CONTENT


async def test_another_body_is_a_content_of_its_own_with_our_line_ends(amended) -> None:
    result, _, octets = await amended(NewBody("größer\nb\r\n.\rc".encode()))
    assert octets == CONTENT.partition(b"\r\n\r\n")[0] + "\r\n\r\ngrößer\r\nb\r\n.\r\nc".encode()
    assert result.envelope.body is Body.EIGHTBIT
    assert result.writer is not None


@pytest.mark.parametrize("at_hand", [True, False])
async def test_a_large_body_is_copied_as_it_is(amended, at_hand: bool) -> None:
    content = CONTENT + b"line\r\n" * 100_000
    _, _, octets = await amended(ChangeField(b"X-Kept", 1, b" z"), content=content, at_hand=at_hand)
    assert octets == content.replace(b"X-Kept: y", b"X-Kept: z")


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"Subject: x\r\n", b"Subject: x", b"\r\nbody", b"garbage\r\nSubject: x\r\n\r\nb"]
)
async def test_odd_contents(amended, content: bytes) -> None:
    _, _, octets = await amended(ChangeField(b"Subject", 1, b" new"), NewBody(b"b\r\n"), content=content)
    header, gap, body = octets.partition(b"\r\n\r\n") if not octets.startswith(b"\r\n") else (b"", b"x", octets[2:])
    assert gap
    assert body == b"b\r\n"
    assert (b"Subject: new" in header) is (b"Subject" in content)


async def test_the_envelope(amended) -> None:
    result, _, _ = await amended(
        NewSender("new@x.test"), AddRecipient("carol@office.test"), AddRecipient("BOB@office.test"),
        DropRecipient("alice@office.test"),
    )  # fmt: skip
    assert str(result.envelope.reverse_path) == "new@x.test"
    assert [str(one.address) for one in result.envelope.recipients] == ["bob@office.test", "carol@office.test"]
    assert result.places == (1, -1)
    assert (await amended(NewSender("")))[0].envelope.reverse_path is None


async def test_nothing_asked_nothing_changed(amended) -> None:
    result, added, octets = await amended()
    assert (result.envelope, added, octets, result.places) == (ENVELOPE, ADDED, CONTENT, None)


# -- on the road


class Wishful:
    """Implements ``Examiner``: wants ``amendments``."""

    name = "wishful"

    def __init__(self, *amendments: object) -> None:
        self.amendments = amendments

    async def examine(self, _letter) -> Opinion:
        return Opinion((), self.amendments)


TWO = ("alice@office.test", "bob@office.test")


@pytest.mark.parametrize("dropped", [TWO[:1], TWO[1:], TWO])
async def test_lmtp_answers_for_each_recipient_whoever_was_dropped(open_office, dropped) -> None:
    office = await open_office(boundary=boundary(*map(DropRecipient, dropped)))
    async with office.lmtp() as session:
        await session.hello(verb="LHLO")
        answers = await session.send("a@x.test", TWO, CONTENT)
    assert [answer[:3] for answer in answers] == ["250"] * 4
    for address in TWO:
        assert len(await office.read(address.partition("@")[0])) == (address not in dropped)


async def test_a_full_mailbox_is_told_for_the_right_recipient(open_office) -> None:
    office = await open_office(boundary=boundary(DropRecipient(TWO[0]), AddRecipient("carol@office.test")))
    await office.store.change_account(office.accounts["bob"], quota=1)
    await office.directory.refresh(office.store)
    async with office.lmtp() as session:
        await session.hello(verb="LHLO")
        answers = await session.send("a@x.test", TWO, CONTENT)
    assert [answer[:3] for answer in answers[-2:]] == ["250", "452"]
    assert len(await office.read("carol")) == 1


async def test_what_a_milter_adds_and_changes_is_what_readers_get(open_office) -> None:
    office = await open_office(boundary=boundary(AddField(b"X-Seen", b" yes"), ChangeField(b"Subject", 1, b" new")))
    async with office.smtp(RELAY) as session:
        await session.hello()
        answers = await session.send("a@x.test", TWO[:1], CONTENT)
    assert answers[-1].startswith("250")
    (message,) = await office.read("alice")
    assert b"X-Seen: yes\r\n" in message
    assert message.endswith(CONTENT.replace(b"Subject: one\r\n two", b"Subject: new"))
    (stored,) = await office.stored("alice")
    assert stored.facts.subject.lower() == "new"


def boundary(*amendments: object) -> Boundary:
    return Boundary(None, [Wishful(*amendments)], journal=KeptJournal())
