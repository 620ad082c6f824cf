"""Reports about the queue, ready to be committed with the settlement they are about."""

import hashlib

import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Notify, OriginalRecipient, Recipient
from posthouse.mail.reply import Reply
from posthouse.mta.bounce import Reporter
from posthouse.mta.reporting import Action, Finding
from posthouse.mta.schedule import Schedule
from posthouse.mta.secretary import Secretary
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.acceptance import Acceptance
from posthouse.storage.queue import Posting, Settlement
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock

BODY = b"Subject: x\r\n\r\nhello\r\n"


@pytest.fixture
async def office(tmp_path):
    clock, ids, journal = ManualClock(), CountedIds(), KeptJournal()
    store = await open_store(tmp_path / "store", clock=clock, ids=ids, journal=journal)
    yield await Office(store, clock=clock, ids=ids, journal=journal).furnish()
    await store.close()


async def test_a_report_about_very_many_is_committed_too(office):
    store, limits = office.store, office.limits
    reporter = Reporter(
        hostname="mx.office.test",
        clock=office.clock,
        ids=office.ids,
        schedule=Schedule.of(limits),
        returned_octets=limits.returned_octets,
    )
    blob = Blob(hashlib.sha256(BODY).hexdigest(), len(BODY), BODY)
    recipients = tuple(Recipient(Address(f"u{number}", "far.test")) for number in range(150))
    posting = Posting("q1", "alice@office.test", b"", recipients, created_at=1, due_at=1, expires_at=10**13)
    await store.accept(Acceptance("t1", blob, (), (posting,), at=1))
    items = await store.claim(owner="me", now=10, lease_until=10**9, limit=500)
    answer = Reply(550, "5.1.1", ("x" * 450,))
    findings = [Finding(item.recipient, Action.FAILED, answer, "mx.far.test") for item in items]
    report = await Secretary(store, reporter, office.intake).write(items[0], findings)
    assert report.blob.size > 128 * 1024
    assert all(await store.settle([Settlement(item.item, item.token) for item in items], [report]))


@pytest.mark.parametrize(
    ("original", "submitter", "final", "told"),
    [
        ("list@else.test", True, "b@far.test", True),  # the submitter's own ORCPT
        ("sales@office.test", True, "sales@office.test", False),  # an alias of ours led there
        ("list@else.test", False, "list@else.test", False),  # from outside, perhaps to an alias
        ("B@far.test", False, "b@far.test", True),
        ("b@f\u00e4r.test", False, "b@xn--fr-via.test", True),
    ],
)
async def test_an_alias_is_veiled_and_an_orcpt_of_our_own_people_is_not(office, original, submitter, final, told):
    store, limits = office.store, office.limits
    reporter = Reporter(
        hostname="mx.office.test", clock=office.clock, ids=office.ids, schedule=Schedule.of(limits), returned_octets=999
    )
    to = parse_mailbox("b@f\u00e4r.test" if "\u00e4" in original else "b@far.test")
    recipient = Recipient(to, Notify.FAILURE, OriginalRecipient("rfc822", original))
    blob = Blob(hashlib.sha256(BODY).hexdigest(), len(BODY), BODY)
    who = office.accounts["alice"] if submitter else None
    posting = Posting(
        "q1", "alice@office.test", b"", (recipient,), created_at=1, due_at=1, expires_at=10**13, submitter=who
    )
    await store.accept(Acceptance("t1", blob, (), (posting,), at=1))
    (item,) = await store.claim(owner="me", now=10, lease_until=10**9, limit=9)
    found = Finding(item.recipient, Action.FAILED, Reply(550, "5.1.1", ("no such user",)), "mx.far.test")
    report = await Secretary(store, reporter, office.intake).write(item, [found])
    octets = report.blob.octets or await store.blobs.read(report.blob.blob_id)
    assert f"Final-Recipient: rfc822; {final}\r\n".encode() in octets
    assert (b"Diagnostic-Code: smtp; 550 5.1.1 no such user" in octets) is told
    assert (b"Remote-MTA: dns; mx.far.test" in octets) is told
