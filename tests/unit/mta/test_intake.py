"""The one road in: one transaction, and a word to the sender when somebody could not be served."""

import pytest
from msgspec.structs import replace

from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope, Notify, OriginalRecipient, Recipient
from posthouse.mta.aftermath import FULL
from posthouse.observe.ledger import Record, parse_record
from posthouse.storage.acceptance import Placed
from posthouse.storage.errors import StorageError

SENDER = Address("friend", "elsewhere.test")
LETTER = b"From: friend@elsewhere.test\r\nSubject: Hi\r\nMessage-ID: <1@elsewhere.test>\r\n\r\nHello\r\n"


def to(*addresses: str, notify: Notify | None = None, sender: Address | None = SENDER, **given) -> Envelope:
    return Envelope(sender, tuple(Recipient(Address(*one.split("@")), notify) for one in addresses), **given)


async def draft(office, envelope: Envelope, content: bytes = LETTER, **given):
    writer = office.intake.open()
    writer.write(content)
    office.held = writer  # as a door holds it until the message is safe
    blob = await writer.finish()
    facts = await office.intake.facts(blob)
    given = {"trace": office.ids.trace_id(), "trace_lines": b"Received: x\r\n", "head": content} | given
    return office.intake.draft(envelope, blob, facts=facts, **given)


async def take(office, envelope: Envelope, *, answers_each: bool = False, vouched: bool = False, **given):
    made = await draft(office, envelope, **given)
    return await office.intake.accept(made, answers_each=answers_each, vouched=vouched)


async def test_mailboxes_and_queue_get_it_in_one_acceptance(office):
    made = await draft(office, to("alice@office.test", "bob@office.test", "x@else.test", "y@else.test"))
    assert len(made.acceptance.filings) == 2
    (posting,) = made.acceptance.postings
    assert [str(one.address) for one in posting.recipients] == ["x@else.test", "y@else.test"]
    assert await office.intake.accept(made) == ()
    assert len(await office.read("alice")) == len(await office.read("bob")) == 1
    assert {str(item.recipient.address) for item in await office.queue()} == {"x@else.test", "y@else.test"}


async def test_facts_are_worked_out_once_however_many_get_it(office):
    made = await draft(office, to("alice@office.test", "bob@office.test"))
    first, second = made.acceptance.filings
    assert first.facts is second.facts


async def test_a_relayed_copy_carries_no_return_path_and_no_delivered_to(office):
    await take(office, to("alice@office.test", "x@else.test"))
    (item,) = await office.queue()
    assert item.content.prefix == b"Received: x\r\n"
    (letter,) = await office.read("alice")
    prefix = b"Return-Path: <friend@elsewhere.test>\r\nDelivered-To: alice@office.test\r\nReceived: x\r\n"
    assert letter == prefix + LETTER


async def test_the_same_acceptance_twice_files_once(office):
    made = await draft(office, to("alice@office.test", "x@else.test"))
    await office.intake.accept(made)
    await office.intake.accept(made)
    assert len(await office.read("alice")) == 1
    assert len(await office.queue()) == 1


async def test_all_dsn_parameters_go_along(office):
    original = OriginalRecipient("rfc822", "First@else.test")
    given = Recipient(Address("x", "else.test"), Notify.SUCCESS | Notify.DELAY, original)
    await take(office, Envelope(SENDER, (given,), utf8=True, envid="QQ314159"))
    (item,) = await office.queue()
    assert (item.recipient, item.envid, item.utf8) == (given, "QQ314159", True)


async def test_mail_is_born_claimed_when_a_worker_is_free(office):
    class Worker:
        def __init__(self):
            self.items = []

        def lease(self, at):
            return "worker", at + 60_000

        def take(self, items):
            self.items += items

    office.intake.handoff = worker = Worker()
    await take(office, to("alice@office.test", "x@else.test"))
    assert [str(item.recipient.address) for item in worker.items] == ["x@else.test"]
    assert all(item.claimed for item in await office.queue())


async def test_the_ledger_tells_what_was_stored_and_queued(office):
    record = Record(id="t9", at=1, door="smtp", verdict="accepted")
    await take(office, to("sales@office.test", "x@else.test"), trace="t9", record=record)
    kept = parse_record(await office.store.record("t9"))
    assert (kept.stored, kept.queued) == (("bob@office.test",), ("x@else.test",))


# -- a mailbox without room


@pytest.fixture
async def narrow(open_office):
    """Nobody has room, except carol."""
    office = await open_office(quota=10)
    await office.store.change_account(office.accounts["carol"], quota=10**9)
    return office


async def test_when_nobody_has_room_everybody_is_refused_and_nothing_is_reported(narrow):
    refusals = await take(narrow, to("alice@office.test", "bob@office.test"))
    assert [(one.index, one.reply) for one in refusals] == [(0, FULL), (1, FULL)]
    assert not await narrow.queue()


async def test_a_full_mailbox_beside_others_is_told_to_the_postmaster_not_to_whom_the_sender_claims_to_be(narrow):
    """B01: the reverse-path of a stranger may be forged."""
    assert [one.index for one in await take(narrow, to("alice@office.test", "bob@office.test", "carol@office.test"))]
    assert not await narrow.queue()
    _message, *notices = await narrow.read("carol")
    assert [b"Subject: A mailbox is full" in notice for notice in notices] == [True, True]


async def test_a_sender_who_is_vouched_for_gets_a_report_about_who_has_no_room(narrow):
    refused = await take(narrow, to("alice@office.test", "carol@office.test"), vouched=True)
    assert [one.index for one in refused] == [0]
    assert len(await narrow.read("carol")) == 1
    (report,) = await narrow.queue()
    assert (report.reverse_path, str(report.recipient.address), report.is_report) == ("", str(SENDER), True)
    assert report.recipient.notify == Notify.NEVER
    text = await narrow.store.blobs.read(report.content.blob.blob_id)
    assert b"Final-Recipient: rfc822; alice@office.test" in text
    assert b"Action: failed" in text
    assert b"Status: 5.2.2" in text


async def test_a_sender_who_wants_no_report_gets_none(narrow):
    await take(narrow, to("alice@office.test", "carol@office.test", notify=Notify.NEVER))
    assert not await narrow.queue()


async def test_a_report_is_never_reported_about(narrow):
    await take(narrow, to("alice@office.test", "carol@office.test", sender=None))
    assert not await narrow.queue()


async def test_where_each_recipient_is_answered_none_is_reported(narrow):
    refusals = await take(narrow, to("alice@office.test", "carol@office.test"), answers_each=True)
    assert [(one.index, one.reply) for one in refusals] == [(0, FULL)]
    assert not await narrow.queue()


async def test_a_report_to_one_of_us_is_filed(narrow):
    await take(narrow, to("alice@office.test", "carol@office.test", sender=Address("carol", "office.test")))
    letter, report = await narrow.read("carol")
    assert letter.endswith(LETTER)
    assert report.startswith(b"Return-Path: <>\r\nDelivered-To: carol@office.test\r\n")


# -- success


async def test_a_delivery_is_confirmed_to_who_asked_for_it(office):
    ours = office.accounts["bob"]
    await take(office, to("alice@office.test", "bob@office.test", notify=Notify.SUCCESS, submitter=ours))
    (report,) = await office.queue()
    text = await office.store.blobs.read(report.content.blob.blob_id)
    assert text.count(b"Action: delivered") == 2


async def test_a_confirmation_names_who_was_accepted_and_who_was_meant_at_first(office):
    """RFC 3464 section 2.3.2."""
    meant = OriginalRecipient("rfc822", "list@else.test")
    envelope = to("alice@office.test", notify=Notify.SUCCESS, submitter=office.accounts["bob"])
    await take(office, replace(envelope, recipients=(replace(envelope.recipients[0], original=meant),)))
    (report,) = await office.queue()
    text = await office.store.blobs.read(report.content.blob.blob_id)
    assert b"Original-Recipient: rfc822; list@else.test" in text
    assert b"Final-Recipient: rfc822; alice@office.test" in text


async def test_a_group_is_confirmed_as_expanded_and_its_members_stay_unnamed(office):
    await take(office, to("all@office.test", notify=Notify.SUCCESS, submitter=office.accounts["bob"]))
    onward, report = sorted(await office.queue(), key=lambda item: item.is_report)
    assert onward.recipient.notify == Notify.NEVER
    text = await office.store.blobs.read(report.content.blob.blob_id)
    assert b"Action: expanded" in text
    assert b"bob@office.test" not in text


async def test_a_stranger_hears_that_we_took_it_and_not_what_became_of_it(office):
    """Threat B02: neither that there is a mailbox, nor that it is a group, unless the operator wants it so."""
    await take(office, to("alice@office.test", "all@office.test", notify=Notify.SUCCESS))
    *_, report = sorted(await office.queue(), key=lambda item: item.is_report)
    text = await office.store.blobs.read(report.content.blob.blob_id)
    assert text.count(b"Action: relayed") == 2
    assert b"delivered" not in text
    assert b"expanded" not in text


async def test_confirmations_to_a_sender_we_cannot_know_come_to_an_end(office):
    """Threat B01: who forges a sender and asks for confirmations aims them at somebody; our own people may ask on."""
    for _ in range(office.limits.stranger_reports_hour + 5):
        await take(office, to("alice@office.test", notify=Notify.SUCCESS))
    assert len(await office.queue()) == office.limits.stranger_reports_hour
    own = {"sender": Address("bob", "office.test"), "submitter": office.accounts["bob"]}
    for _ in range(office.limits.stranger_reports_hour + 5):
        await take(office, to("alice@office.test", notify=Notify.SUCCESS, **own))
    assert len(await office.read("bob")) == office.limits.stranger_reports_hour + 5
    office.clock.pass_time(3600)
    await take(office, to("alice@office.test", notify=Notify.SUCCESS))
    assert len(await office.queue()) == office.limits.stranger_reports_hour + 1


async def test_nothing_is_said_of_success_unasked(office):
    await take(office, to("alice@office.test", notify=Notify.FAILURE | Notify.DELAY))
    assert not await office.queue()


# -- trouble


class Broken:
    """A store whose disk fails when something is accepted."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def accept(self, _acceptance):
        raise StorageError("the disk is gone")


async def test_a_storage_error_is_never_a_success(office):
    made = await draft(office, to("alice@office.test"))
    office.intake._store = Broken(office.store)
    with pytest.raises(StorageError):
        await office.intake.accept(made)


async def test_a_plan_of_our_own_needs_no_more_than_envelope_and_blob(office):
    writer = office.intake.open()
    writer.write(LETTER)
    blob = await writer.finish()
    acceptance = office.intake.plan(to("alice@office.test", sender=None), blob, trace="t1", is_report=True)
    accepted = await office.store.accept(acceptance)
    assert isinstance(accepted.placed[0], Placed)
    assert acceptance.filings[0].facts.subject == "Hi"


async def test_a_large_message_is_described_from_the_store(office):
    content = LETTER + b"All work and no play\r\n" * 20_000
    made = await draft(office, to("alice@office.test"), content=content)
    assert made.acceptance.blob.octets is None
    assert made.acceptance.filings[0].facts.subject == "Hi"
    await office.intake.accept(made)
    (stored,) = await office.stored("alice")
    assert stored.content.blob.size == len(content)
