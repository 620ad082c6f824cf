"""What every engine promises: the contract of ``posthouse.storage.ports.Store``.

An engine's test module gives a fixture ``store`` (fresh, with the domain
office.test) and takes all ``test_`` functions of this file.
"""

import asyncio
import hashlib

import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.storage.acceptance import Acceptance, Filing, Overquota
from posthouse.storage.directory import AliasRow, Directory, DirectoryDelta, DomainRow, Population
from posthouse.storage.errors import Conflict, Missing, QuotaExceeded, StorageError
from posthouse.storage.mailbox import USER_ROLES, Change, Facts, Role
from posthouse.storage.queue import Fate, Posting, QueueFilter, Settlement, State
from posthouse.storage.shelf import Note, Tally
from posthouse.storage.sql import turns
from posthouse.storage.sql.migrations import MIGRATIONS
from posthouse.storage.standing import Backlog

SEEN, DELETED = "\\Seen", "\\Deleted"
PREFIX = b"Return-Path: <a@b.test>\r\n"
BODY = b"Subject: x\r\n\r\nHello\r\n"
ROOM = 10**9


def blob_of(octets=BODY):
    return Blob(hashlib.sha256(octets).hexdigest(), len(octets), octets)


async def an_account(store, name="alice", quota=ROOM):
    return await store.create_account(f"{name}@office.test", name.title(), ("verifier",), quota=quota)


def filing(account, mailbox=Role.INBOX, **more):
    return Filing(account, mailbox, PREFIX, **more)


async def file(store, account, trace, mailbox=Role.INBOX, octets=BODY, **more):
    """File one message; where it went."""
    answer = await store.accept(Acceptance(trace, blob_of(octets), (filing(account, mailbox, **more),), at=5))
    return answer.placed[0]


async def inbox(store, account):
    return next(m for m in await store.mailboxes(account) if m.role is Role.INBOX)


async def role(store, account, wanted):
    return next(m for m in await store.mailboxes(account) if m.role is wanted)


def posting(trace="q1", *names, due_at=100, **more):
    recipients = tuple(Recipient(Address(name, f"{name}.test")) for name in names or ("far",))
    return Posting(trace, "me@office.test", PREFIX, recipients, 50, due_at, 10**6, **more)


async def post(store, trace="q1", *names, **more):
    return await store.accept(Acceptance(trace, blob_of(), (), (posting(trace, *names, **more),), b"{}", 50))


async def claim(store, now=200, owner="w", limit=10, avoid=frozenset(), lease=100):
    return await store.claim(owner=owner, now=now, lease_until=now + lease, limit=limit, avoid=avoid)


# -- acceptance -----------------------------------------------------------------------------


async def test_an_accepted_message_is_in_the_mailbox_with_everything_it_came_with(store):
    account = await an_account(store)
    facts = Facts(b"\0envelope", b"structure\xff", "<1@x>", ("<1@x>",), "Sübject", "préview", 77)
    place = await file(store, account, "t1", facts=facts, flags=frozenset({"\\SEEN", "$Later"}), received_at=9)
    (message,) = await store.read(account, place.mailbox, [place.uid])
    assert message.content.prefix == PREFIX
    assert await store.blobs.read(message.content.blob.blob_id) == BODY
    assert message.flags == {SEEN, "$Later"}
    assert (message.received_at, message.saved_at) == (9, 5)
    assert message.email_id == place.email_id
    assert message.facts == Facts(b"\0envelope", b"structure\xff", "<1@x>", (), "Sübject", "préview", 77)


async def test_a_trace_is_accepted_once(store):
    account = await an_account(store)
    first = await file(store, account, "t1")
    again = await file(store, account, "t1")
    assert again.repeated
    assert again.uid == first.uid
    assert (await inbox(store, account)).messages == 1


async def test_a_repeated_trace_queues_nothing_twice(store):
    await post(store, "q1", "far", "near")
    await post(store, "q1", "far", "near")
    assert len(await store.queued(QueueFilter())) == 2


async def test_a_key_is_filed_once_in_an_account_whatever_the_trace(store):
    alice, bob = await an_account(store), await an_account(store, "bob")
    first = await file(store, alice, "t1", key="k")
    second = await file(store, alice, "t2", key="k")
    other = await file(store, bob, "t3", key="k")
    assert (first.repeated, second.repeated, other.repeated) == (False, True, False)
    assert second.uid == first.uid
    assert (await inbox(store, alice)).messages == 1


async def test_without_a_key_it_is_filed_each_time(store):
    account = await an_account(store)
    await file(store, account, "t1")
    await file(store, account, "t2")
    assert (await inbox(store, account)).messages == 2


async def test_uids_and_mod_sequences_only_ascend(store):
    account = await an_account(store)
    places = [await file(store, account, f"t{n}") for n in range(5)]
    assert [p.uid for p in places] == [1, 2, 3, 4, 5]
    modseqs = [p.modseq for p in places]
    assert modseqs == sorted(set(modseqs))
    await store.remove(account, places[0].mailbox, [5])
    assert (await file(store, account, "t9")).uid == 6


async def test_an_account_without_room_is_told_and_the_others_get_theirs(store):
    alice, bob = await an_account(store, quota=10), await an_account(store, "bob")
    answer = await store.accept(Acceptance("t1", blob_of(), (filing(alice), filing(bob))))
    assert answer.placed[0] == Overquota(alice)
    assert answer.placed[1].account == bob
    assert (await inbox(store, alice)).messages == 0


async def test_a_filing_may_be_excused_from_the_quota(store):
    alice = await an_account(store, quota=10)
    assert (await file(store, alice, "t1", obey_quota=False)).uid == 1


async def test_what_is_removed_makes_room(store):
    alice = await an_account(store, quota=len(PREFIX + BODY))
    place = await file(store, alice, "t1")
    assert await file(store, alice, "t2") == Overquota(alice)
    await store.remove(alice, place.mailbox, [place.uid])
    assert (await file(store, alice, "t3")).uid == 2


async def test_a_filing_for_nobody_fails_whole_and_alone(store):
    alice = await an_account(store)
    bad = Acceptance("bad", blob_of(), (filing(alice), filing(999)), (posting("bad"),))
    good = [Acceptance(f"g{n}", blob_of(), (filing(alice),)) for n in range(10)]
    results = await asyncio.gather(*map(store.accept, [*good[:5], bad, *good[5:]]), return_exceptions=True)
    assert isinstance(results[5], Missing)
    assert sorted(r.placed[0].uid for r in results if r is not results[5]) == list(range(1, 11))
    assert (await inbox(store, alice)).messages == 10
    assert await store.queued(QueueFilter()) == []
    assert await store.record("bad") is None


async def test_the_latest_trace_is_the_greatest_and_not_the_newest(store):
    assert await store.latest_trace() == ""
    for trace in ("t00000000002", "t00000000009", "t00000000003"):
        await store.accept(Acceptance(trace, blob_of(), record=b"r", at=1))
    assert await store.latest_trace() == "t00000000009"


async def test_what_offices_call_letters_of_their_own_is_not_the_latest_trace(store):
    for trace in ("t00000000009", "t00000000009u", "t0000000000b-q", "w0123456789abcdef0123456"):
        await store.accept(Acceptance(trace, blob_of(), record=b"r", at=1))
    assert await store.latest_trace() == "t00000000009"


async def test_operators_see_who_serves_and_what_waits(store):
    before = await store.standing()
    assert before.backlog == Backlog()
    assert [one.name for one in before.nodes] == [store.node]
    assert before.schema == MIGRATIONS[-1].number
    recipients = tuple(Recipient(Address(f"r{n}", "elsewhere.test")) for n in range(4))
    posting = Posting("q1", "a@office.test", b"", recipients, 0, 5, 10**15)
    await store.accept(Acceptance("t1", blob_of(), (), (posting,)))
    await store.claim(owner="me", now=10, lease_until=10**15, limit=1)
    items = [one.item for one in await store.queued(QueueFilter()) if not one.claimed]
    await store.hold(items[:1])
    await store.lease("a job", store.node, 10, 20)
    seen = await store.standing()
    assert seen.backlog == Backlog(waiting=3, due=2, claimed=1, held=1, oldest_due=5, owners=(("me", 1),))
    assert [(one.name, one.owner, one.until) for one in seen.leases] == [("a job", store.node, 20)]


async def test_the_record_of_the_decision_is_kept_with_the_message(store):
    await store.accept(Acceptance("t1", blob_of(), (), (), b"why", 7))
    assert await store.record("t1") == b"why"


async def test_a_note_is_kept_and_never_replaces_an_acceptance(store):
    store.note("t0", 3, b"refused")
    assert await store.record("t0") == b"refused"
    await store.accept(Acceptance("t1", blob_of(), (), (), b"accepted", 7))
    store.note("t1", 8, b"later")
    assert await store.record("t1") == b"accepted"
    assert await store.records() == [("t1", 7, b"accepted"), ("t0", 3, b"refused")]
    assert await store.records(since=4, limit=1) == [("t1", 7, b"accepted")]
    assert await store.record("unknown") is None


async def test_a_noted_trace_can_still_be_accepted(store):
    alice = await an_account(store)
    store.note("t1", 3, b"first try")
    assert await store.record("t1") == b"first try"
    assert not (await file(store, alice, "t1")).repeated


async def test_blobs_nobody_has_cannot_be_accepted(store):
    alice = await an_account(store)
    with pytest.raises(Missing):
        await store.accept(Acceptance("t1", Blob("ab" * 32, 4), (filing(alice),)))


async def test_a_stored_blob_can_be_accepted_again_by_its_name(store):
    alice, bob = await an_account(store), await an_account(store, "bob")
    await file(store, alice, "t1")
    blob = blob_of()
    answer = await store.accept(Acceptance("t2", Blob(blob.blob_id, blob.size), (filing(bob),)))
    assert answer.placed[0].uid == 1


async def test_replies_join_the_thread_of_what_they_answer(store):
    alice = await an_account(store)
    for trace, own, keys in (("t1", "<1>", ("<1>",)), ("t2", "<2>", ("<2>", "<1>")), ("t3", "<3>", ("<3>", "<2>")),
                             ("t4", "<4>", ("<4>",)), ("t5", "", ())):  # fmt: skip
        await file(store, alice, trace, facts=Facts(message_id=own, thread_keys=keys))
    box = await inbox(store, alice)
    threads = [m.thread_id for m in await store.read(alice, box.mailbox, [1, 2, 3, 4, 5])]
    assert threads[0] == threads[1] == threads[2]
    assert len(set(threads)) == 3


async def test_strange_text_comes_back_as_it_was(store):
    alice = await an_account(store)
    facts = Facts(subject='a\0b"\\\u2028\x01\U0001f600', preview="\x7f")
    place = await file(store, alice, "t1", facts=facts, flags=frozenset({'we"ird\\x'}))
    (message,) = await store.read(alice, place.mailbox, [1])
    assert message.facts == facts
    assert message.flags == {'we"ird\\x'}


# -- blobs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 128 * 1024, 128 * 1024 + 1, 1_000_000])
async def test_a_blob_is_read_back_whole_and_in_pieces(store, size):
    alice = await an_account(store)
    octets = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    writer = store.blobs.open()
    for start in range(0, size, 60_001):
        writer.write(octets[start : start + 60_001])
    blob = await writer.finish()
    assert writer.size == blob.size == size
    assert await writer.finish() == blob
    assert blob.blob_id == hashlib.sha256(octets).hexdigest()
    await store.accept(Acceptance("t1", blob, (filing(alice),)))
    writer.discard()
    writer.discard()
    assert await store.blobs.read(blob.blob_id) == octets
    assert await store.blobs.read(blob.blob_id, 10, 20) == octets[10:30]
    assert await store.blobs.read(blob.blob_id, size) == b""
    assert await store.blobs.verify(blob.blob_id)


async def test_an_unknown_blob_is_missing(store):
    with pytest.raises(Missing):
        await store.blobs.read("ab" * 32)


async def swept(store, now=10**13):
    return [line async for line in store.sweep(now)]


@pytest.mark.parametrize("octets", [BODY, b"L" * 300_000])
async def test_the_sweep_frees_a_blob_with_its_last_reference(store, octets):
    alice = await an_account(store)
    writer = store.blobs.open()
    writer.write(octets)
    blob = await writer.finish()
    place = (await store.accept(Acceptance("t1", blob, (filing(alice),), (posting("t1"),)))).placed[0]
    writer.discard()
    await store.remove(alice, place.mailbox, [place.uid])
    await swept(store)
    assert await store.blobs.read(blob.blob_id) == octets
    (item,) = await claim(store)
    await store.settle([Settlement(item.item, item.token)])
    await swept(store)
    with pytest.raises(Missing):
        await store.blobs.read(blob.blob_id)


async def test_what_became_of_each_recipient_is_kept_with_the_trace(store):
    await post(store, "q1", "one", "two")
    await post(store, "q2", "three")
    first, second, other = await claim(store)
    settled = [
        Settlement(second.item, second.token, fate=Fate("q1", second.item, b"second")),
        Settlement(other.item, other.token, 900, "451 later", fate=Fate("q2", other.item, b"not yet")),
    ]
    assert await store.settle(settled) == [True, True]
    assert await store.drop([first.item], fates=[Fate("q1", first.item, b"first")]) == 1
    assert await store.fates("q1") == [b"first", b"second"]
    assert await store.fates("q2") == []


async def test_a_result_that_is_void_tells_nothing(store):
    await post(store, "q1")
    (item,) = await claim(store)
    assert await store.settle([Settlement(item.item, item.token + 1, fate=Fate("q1", item.item, b"void"))]) == [False]
    assert await store.fates("q1") == []
    assert await store.drop([item.item, 999], fates=[Fate("q1", 999, b"void")]) == 1
    assert await store.fates("q1") == []


async def test_fates_are_forgotten_with_the_record_they_belong_to(store):
    await post(store, "q1")
    (item,) = await claim(store)
    await store.settle([Settlement(item.item, item.token, fate=Fate("q1", item.item, b"done"))])
    await swept(store)
    assert await store.record("q1") is None
    assert await store.fates("q1") == []
    await post(store, "q2")
    (late,) = await claim(store)
    await swept(store)
    await store.settle([Settlement(late.item, late.token, fate=Fate("q2", late.item, b"done"))])
    assert await store.fates("q2") == []


async def test_the_sweep_spares_what_is_on_its_way_in(store):
    alice = await an_account(store)
    octets = b"L" * 300_000
    writer = store.blobs.open()
    writer.write(octets)
    blob = await writer.finish()
    await store.accept(Acceptance("t1", blob, (filing(alice),)))
    writer.discard()
    again = store.blobs.open()
    again.write(octets)
    await again.finish()
    await store.remove(alice, (await inbox(store, alice)).mailbox, [1])
    await swept(store)
    await store.accept(Acceptance("t2", blob, (filing(alice),)))
    again.discard()
    assert await store.blobs.read(blob.blob_id) == octets


# -- the queue --------------------------------------------------------------------------------


async def test_a_queued_item_carries_the_whole_envelope(store):
    recipient = Recipient(
        Address("far away", "far.test"), Notify.SUCCESS | Notify.DELAY, OriginalRecipient("rfc822", "x@y")
    )
    letter = Posting(
        "q1", "me@office.test", PREFIX, (recipient, Recipient(Address("b", "far.test"), Notify.NEVER)), 50, 100, 999,
        Body.BINARY, True, Return.HEADERS, "env", 7, True, True,
    )  # fmt: skip
    await store.accept(Acceptance("q1", blob_of(), (), (letter,)))
    first, second = await claim(store)
    assert first.recipient == recipient
    assert second.recipient.notify is Notify.NEVER
    assert (first.queue_id, first.reverse_path, first.content.prefix) == ("q1", "me@office.test", PREFIX)
    assert (first.body, first.utf8, first.ret, first.envid, first.submitter) == (
        Body.BINARY, True, Return.HEADERS, "env", 7,
    )  # fmt: skip
    assert (first.require_tls, first.is_report, first.expires_at, first.created_at) == (True, True, 999, 50)
    assert first.claimed
    assert first.content.blob.blob_id == blob_of().blob_id


async def test_only_due_items_are_claimed_oldest_first(store):
    await post(store, "q1", due_at=150)
    await post(store, "q2", due_at=100)
    await post(store, "q3", due_at=300)
    assert await store.next_due() == 100
    assert [item.queue_id for item in await claim(store, now=200)] == ["q2", "q1"]


async def test_a_claimed_item_is_nobody_elses_until_its_lease_ends(store):
    await post(store)
    (mine,) = await claim(store, now=200, lease=50)
    assert await claim(store, now=249) == []
    assert await store.next_due() == 250
    (theirs,) = await claim(store, now=250, owner="other")
    assert theirs.item == mine.item
    assert theirs.token > mine.token
    assert await store.settle([Settlement(mine.item, mine.token)]) == [False]
    assert await store.renew([(mine.item, mine.token), (theirs.item, theirs.token)], 999) == [False, True]
    assert await store.next_due() == 999
    assert await store.settle([Settlement(theirs.item, theirs.token)]) == [True]
    assert await store.next_due() is None


async def test_a_full_destination_is_avoided_and_the_limit_kept(store):
    await post(store, "q1", "full", "free", "other", "third")
    claimed = await claim(store, avoid=frozenset({"full.test"}), limit=2)
    assert {item.domain for item in claimed} == {"free.test", "other.test"}


async def test_the_end_of_a_mailbox_is_a_change_of_the_account(store):
    account = await an_account(store)
    before = await store.create_mailbox(account, "before")
    await store.delete_mailbox(account, before.mailbox)
    after = await store.create_mailbox(account, "after")
    assert after.modseq > before.modseq + 1


async def test_what_ties_messages_together_goes_with_the_last_of_them(store):
    account = await an_account(store)
    other = await an_account(store, "other")
    box = await inbox(store, account)
    await file(store, account, "t1", facts=Facts(message_id="<1@x>", thread_keys=("<0@x>",)))
    kept = await file(store, account, "t2", facts=Facts(message_id="<2@x>", thread_keys=("<3@x>",)))
    await file(store, other, "t3", facts=Facts(message_id="<1@x>", thread_keys=("<0@x>",)))
    assert not any("threads" in line for line in await swept(store))
    await store.remove(account, box.mailbox, [1])
    assert "2 keys of threads dropped" in await swept(store)
    assert not any("threads" in line for line in await swept(store))
    again = await file(store, account, "t4", facts=Facts(message_id="<4@x>", thread_keys=("<3@x>",)))
    first, second = await store.read(account, box.mailbox, [kept.uid, again.uid])
    assert first.thread_id == second.thread_id


async def test_behind_more_avoided_items_than_one_slice_others_are_found(store):
    await post(store, "many", *["full"] * 12_000, due_at=100)
    await post(store, "q1", "free", due_at=150)
    avoid = frozenset({"full.test"})
    assert [item.queue_id for item in await claim(store, avoid=avoid)] == ["q1"]
    assert await claim(store, avoid=avoid) == []
    await post(store, "q2", "full", due_at=90)
    assert [item.queue_id for item in await claim(store, limit=1)] == ["q2"]


async def test_a_deferred_item_waits_with_its_reason(store):
    await post(store)
    (item,) = await claim(store)
    assert await store.settle([Settlement(item.item, item.token, 900, "451 later", "mx.far.test", warned=True)]) == [
        True
    ]
    (again,) = await store.queued(QueueFilter())
    assert (again.attempts, again.due_at, again.last, again.last_host) == (1, 900, "451 later", "mx.far.test")
    assert again.warned
    assert not again.claimed
    (item,) = await claim(store, now=900)
    await store.settle([Settlement(item.item, item.token, 1000, attempted=False)])
    (again,) = await store.queued(QueueFilter())
    assert again.attempts == 1
    assert again.warned


async def test_a_settled_item_cannot_be_settled_again(store):
    await post(store)
    (item,) = await claim(store)
    later = Settlement(item.item, item.token, 900)
    assert await store.settle([later]) == [True]
    assert await store.settle([later]) == [False]


async def test_an_item_born_claimed_is_worked_on_at_once(store):
    answer = await post(store, "q1", "a", "b", owner="w", lease_until=500, token=3)
    assert [item.recipient.address.local for item in answer.items] == ["a", "b"]
    assert await claim(store, now=499) == []
    first, second = answer.items
    assert await store.settle([Settlement(first.item, first.token), Settlement(second.item, second.token, 700)]) == [
        True,
        True,
    ]
    (left,) = await store.queued(QueueFilter())
    assert left.item == second.item


async def test_items_born_claimed_look_like_claimed_ones(store):
    (born,) = (await post(store, "q1", owner="w", lease_until=10**13)).items
    (found,) = await store.queued(QueueFilter())
    assert found.claimed
    assert (found.item, found.token, found.recipient, found.due_at) == (
        born.item,
        born.token,
        born.recipient,
        born.due_at,
    )


async def test_the_items_of_a_dead_owner_are_due_again(store):
    await post(store, owner="dead", lease_until=10**6)
    assert await store.reclaim("somebody else") == 0
    assert await store.reclaim("dead") == 1
    assert len(await claim(store)) == 1


async def test_a_report_commits_with_the_result_it_reports(store):
    alice = await an_account(store)
    await post(store)
    (item,) = await claim(store)
    report = Acceptance("r1", blob_of(b"report"), (filing(alice),))
    assert await store.settle([Settlement(item.item, item.token)], [report]) == [True]
    assert await store.settle([Settlement(item.item, item.token)], [report]) == [False]
    assert (await inbox(store, alice)).messages == 1


async def test_a_report_that_cannot_be_filed_leaves_the_item_as_it_was(store):
    await post(store)
    (item,) = await claim(store)
    with pytest.raises(StorageError):
        await store.settle([Settlement(item.item, item.token)], [Acceptance("r1", blob_of(), (filing(999),))])
    assert await store.settle([Settlement(item.item, item.token)]) == [True]


async def test_held_items_stay_until_released(store):
    await post(store, "q1", "a", "b")
    (item,) = await claim(store, limit=1)
    everything = [i.item for i in await store.queued(QueueFilter())]
    assert await store.hold(everything) == 2  # the clock is past the lease that this claim took
    assert await claim(store, now=10**6) == []
    assert len(await store.queued(QueueFilter(state=State.HELD))) == 2
    assert await store.next_due() is None
    assert await store.release(everything, 100) == 2
    assert await store.settle([Settlement(item.item, item.token)]) == [False]
    assert len(await claim(store)) == 2


async def test_claimed_items_are_neither_held_nor_released(store):
    answer = await post(store, owner="w", lease_until=10**13)
    items = [item.item for item in answer.items]
    assert await store.hold(items) == 0
    assert await store.release(items, 5) == 0


async def test_a_dropped_item_is_gone_whoever_holds_it(store):
    alice = await an_account(store)
    (item,) = (await post(store, owner="w", lease_until=10**13)).items
    assert await store.drop([item.item, 999], [Acceptance("r", blob_of(b"r"), (filing(alice),))]) == 1
    assert await store.settle([Settlement(item.item, item.token, 5)]) == [False]
    assert (await inbox(store, alice)).messages == 1


async def test_an_operator_finds_items_by_what_he_knows(store):
    await post(store, "q1", "a", "b")
    await post(store, "q2", "a")
    assert [i.queue_id for i in await store.queued(QueueFilter(queue_id="q1"))] == ["q1", "q1"]
    assert len(await store.queued(QueueFilter(domain="a.test"))) == 2
    assert len(await store.queued(QueueFilter(recipient="b@b.test"))) == 1
    assert len(await store.queued(QueueFilter(sender="me@office.test", state=State.WAITING, limit=2))) == 2
    assert await store.queued(QueueFilter(sender="nobody")) == []


async def test_what_one_account_has_sent_is_found_among_that_of_all_others(store):
    alice = await an_account(store)
    await post(store, "q1", "a", "b")
    recipients = (Recipient(Address("c", "c.test")),)
    posting = Posting("q2", "me@office.test", b"", recipients, 5, 5, 10**15, submitter=alice)
    await store.accept(Acceptance("t-q2", blob_of(), (), (posting,)))
    mine = QueueFilter(submitter=alice, limit=1)
    assert [i.queue_id for i in await store.queued(mine)] == ["q2"]


# -- mailboxes ---------------------------------------------------------------------------------


async def test_a_new_account_has_its_mailboxes_subscribed(store):
    boxes = await store.mailboxes(await an_account(store))
    assert boxes[0].role is Role.INBOX
    assert {box.role for box in boxes} == set(USER_ROLES)
    assert all(box.subscribed and box.uidnext == 1 for box in boxes)


async def test_parents_are_made_and_names_are_unique(store):
    account = await an_account(store)
    made = await store.create_mailbox(account, "Projects/SteelTec/Plans")
    assert (made.name, made.messages, made.role) == ("Projects/SteelTec/Plans", 0, None)
    names = {box.name for box in await store.mailboxes(account)}
    assert {"Projects", "Projects/SteelTec"} <= names
    for taken in ("Projects", "inbox", "INBOX"):
        with pytest.raises(Conflict):
            await store.create_mailbox(account, taken)


async def test_children_move_with_a_renamed_mailbox(store):
    account = await an_account(store)
    for name in ("A", "A/b", "A/b/c", "AA", "A.x"):
        await store.create_mailbox(account, name)
    boxes = {box.name: box for box in await store.mailboxes(account)}
    with pytest.raises(Conflict):
        await store.rename_mailbox(account, boxes["A"].mailbox, "AA")
    await store.rename_mailbox(account, boxes["A"].mailbox, "Z/new")
    names = {box.name for box in await store.mailboxes(account) if box.role is None}
    assert names == {"Z", "Z/new", "Z/new/b", "Z/new/b/c", "AA", "A.x"}


async def test_renaming_inbox_moves_its_messages_and_leaves_it(store):
    account = await an_account(store)
    await file(store, account, "t1")
    box = await inbox(store, account)
    await store.rename_mailbox(account, box.mailbox, "Old")
    boxes = {box.name: box for box in await store.mailboxes(account)}
    assert (boxes["INBOX"].messages, boxes["Old"].messages) == (0, 1)


async def test_a_deleted_mailbox_takes_its_messages_and_leaves_its_children(store):
    account = await an_account(store, quota=2 * len(PREFIX + BODY))
    box = await store.create_mailbox(account, "A/b")
    parent = next(b for b in await store.mailboxes(account) if b.name == "A")
    await file(store, account, "t1", parent.mailbox)
    await file(store, account, "t2", box.mailbox)
    await store.delete_mailbox(account, parent.mailbox)
    assert [b.name for b in await store.mailboxes(account) if b.role is None] == ["A/b"]
    assert (await file(store, account, "t3")).uid == 1
    again = await store.create_mailbox(account, "A")
    assert again.uidvalidity > parent.uidvalidity
    with pytest.raises(Missing):
        await store.view(account, parent.mailbox)
    with pytest.raises(Conflict):
        await store.delete_mailbox(account, (await inbox(store, account)).mailbox)


async def test_subscriptions_outlive_their_mailbox(store):
    account = await an_account(store)
    box = await store.create_mailbox(account, "News")
    await store.subscribe(account, "News", True)
    await store.delete_mailbox(account, box.mailbox)
    assert "News" in await store.subscriptions(account)
    await store.subscribe(account, "News", False)
    assert "News" not in await store.subscriptions(account)


# -- messages ------------------------------------------------------------------------------------


async def three(store, quota=ROOM):
    account = await an_account(store, quota=quota)
    for n in range(3):
        await file(store, account, f"t{n}")
    return account, (await inbox(store, account)).mailbox


async def test_counters_follow_flags(store):
    account, box = await three(store)
    await store.change_flags(account, box, [1, 2], Change.ADD, frozenset({SEEN}))
    await store.change_flags(account, box, [1], Change.REPLACE, frozenset({DELETED}))
    found = await inbox(store, account)
    assert (found.messages, found.unseen, found.deleted) == (3, 2, 1)
    assert found.size == 3 * len(PREFIX + BODY)


async def test_flags_change_as_asked_and_keywords_stay_as_first_written(store):
    account, box = await three(store)
    await store.change_flags(account, box, [1], Change.ADD, frozenset({"Work", "\\seen"}))
    (message,), _ = await store.change_flags(account, box, [1, 77], Change.ADD, frozenset({"WORK"}))
    assert message.flags == {"Work", SEEN}
    (message,), _ = await store.change_flags(account, box, [1], Change.REMOVE, frozenset({"work"}))
    assert message.flags == {SEEN}


async def test_a_change_that_changes_nothing_leaves_the_mod_sequence(store):
    account, box = await three(store)
    (first,), _ = await store.change_flags(account, box, [1], Change.ADD, frozenset({SEEN}))
    (second,), _ = await store.change_flags(account, box, [1], Change.ADD, frozenset({SEEN}))
    assert first == second


async def test_unchanged_since_refuses_what_changed(store):
    account, box = await three(store)
    since = (await store.view(account, box)).highest
    await store.change_flags(account, box, [2], Change.ADD, frozenset({SEEN}))
    changed, refused = await store.change_flags(account, box, [1, 2], Change.ADD, frozenset({DELETED}), since)
    assert [m.uid for m in changed] == [1]
    assert refused == [2]


async def test_expunge_removes_only_what_is_marked_and_asked_for(store):
    account, box = await three(store)
    await store.change_flags(account, box, [1, 2], Change.ADD, frozenset({DELETED}))
    assert await store.expunge(account, box, [2, 3]) == [2]
    assert await store.expunge(account, box, None) == [1]
    assert [m.uid for m in (await store.view(account, box)).messages] == [3]
    assert await store.remove(account, box, [1, 3]) == [3]
    assert (await inbox(store, account)).size == 0


async def test_a_copy_is_the_same_email_in_another_mailbox(store):
    account, box = await three(store)
    trash = await role(store, account, Role.TRASH)
    await store.change_flags(account, box, [2], Change.ADD, frozenset({SEEN}))
    ((uid, place),) = await store.copy(account, box, [2, 99], trash.mailbox)
    assert uid == 2
    (original,), (copied,) = [await store.read(account, b, [u]) for b, u in ((box, 2), (trash.mailbox, place.uid))]
    assert copied.email_id == original.email_id == place.email_id
    assert (copied.flags, copied.thread_id) == (original.flags, original.thread_id)
    await store.remove(account, box, [2])
    assert (await store.read(account, trash.mailbox, [place.uid]))[0].content == original.content


async def test_a_copy_needs_room_and_a_move_does_not(store):
    account, box = await three(store, quota=3 * len(PREFIX + BODY))
    trash = await role(store, account, Role.TRASH)
    with pytest.raises(QuotaExceeded):
        await store.copy(account, box, [1], trash.mailbox)
    assert len(await store.move(account, box, [1, 2], trash.mailbox)) == 2
    assert [m.uid for m in (await store.view(account, box)).messages] == [3]
    assert (await role(store, account, Role.TRASH)).messages == 2


async def test_a_missing_target_leaves_all_as_it_was(store):
    account, box = await three(store)
    before = await store.view(account, box)
    for change in (store.copy, store.move):
        with pytest.raises(Missing):
            await change(account, box, [1], 999)
    assert await store.view(account, box) == before


async def test_delta_tells_what_is_new_changed_and_gone(store):
    account, box = await three(store)
    since = (await store.view(account, box)).highest
    assert await store.delta(account, box, since) == await store.delta(account, box, since + 5)
    await file(store, account, "t9")
    await store.change_flags(account, box, [1], Change.ADD, frozenset({SEEN}))
    await store.remove(account, box, [2])
    delta = await store.delta(account, box, since)
    assert [(m.uid, m.flags) for m in delta.changed] == [(1, {SEEN}), (4, set())]
    assert delta.vanished == (2,)
    assert delta.highest == delta.mailbox.modseq == (await store.view(account, box)).highest
    nothing = await store.delta(account, box, delta.highest)
    assert (nothing.changed, nothing.vanished) == ((), ())


async def test_a_long_absence_is_caught_up_whole(store):
    account = await an_account(store)
    await asyncio.gather(*[file(store, account, f"t{n}") for n in range(150)])
    box = (await inbox(store, account)).mailbox
    delta = await store.delta(account, box, 0)
    assert [m.uid for m in delta.changed] == list(range(1, 151))


async def test_what_vanished_is_told_also_after_the_sweep_forgot_it(store):
    account, box = await three(store)
    since = (await store.view(account, box)).highest
    await store.remove(account, box, [2])
    await swept(store, 10**14)
    assert (await store.delta(account, box, since)).vanished == (2,)


async def test_keys_of_deliveries_are_kept_as_long_as_they_may_be_repeated(store):
    alice = await an_account(store)
    days = [0, 13, 15]
    for number, day in enumerate(days):
        acceptance = Acceptance(f"t{number}", blob_of(), (filing(alice, key=f"k{number}"),), at=day * 86_400_000)
        await store.accept(acceptance)
    assert "1 delivery keys dropped" in await swept(store, 15 * 86_400_000)
    again = [
        (await store.accept(Acceptance(f"again{number}", blob_of(), (filing(alice, key=f"k{number}"),)))).placed[0]
        for number in range(3)
    ]
    assert [one.repeated for one in again] == [False, True, True]


async def test_watchers_hear_once_of_what_was_committed_together(store):
    alice, bob = await an_account(store), await an_account(store, "bob")
    heard = []
    end = store.watch(alice, lambda: heard.append("alice"))
    await asyncio.gather(*[file(store, alice, f"t{n}") for n in range(5)], file(store, bob, "b"))
    await asyncio.sleep(0)
    assert heard == ["alice"]
    end()
    end()
    await file(store, alice, "last")
    await asyncio.sleep(0)
    assert heard == ["alice"]


# -- quarantine ----------------------------------------------------------------------------------


async def quarantine(store, account, trace="t1", octets=BODY, **more):
    return await file(store, account, trace, Role.QUARANTINE, octets, **more)


async def test_what_is_in_quarantine_is_in_no_mailbox_of_the_user(store):
    alice = await an_account(store)
    before = await store.mailboxes(alice)
    place = await quarantine(store, alice)
    again = await quarantine(store, alice, "t2", b"other")
    assert (place.uid, again.uid, again.mailbox) == (1, 2, place.mailbox)
    assert await store.mailboxes(alice) == before
    assert place.mailbox not in {box.mailbox for box in before}
    assert {box.name for box in before} >= set(await store.subscriptions(alice))


async def test_quarantine_is_listed_of_one_account_and_of_all(store):
    alice, bob = await an_account(store), await an_account(store, "bob")
    assert await store.quarantined() == []
    for number, account in enumerate((bob, alice, bob)):
        await quarantine(store, account, f"t{number}", facts=Facts(subject=f"s{number}"), received_at=9)
    await file(store, alice, "not here")
    found = await store.quarantined()
    assert [(one.account, one.message.uid, one.message.facts.subject) for one in found] == [
        (alice, 1, "s1"), (bob, 1, "s0"), (bob, 2, "s2"),
    ]  # fmt: skip
    assert await store.blobs.read(found[0].message.content.blob.blob_id) == BODY
    assert (found[0].message.content.prefix, found[0].message.received_at) == (PREFIX, 9)
    assert await store.quarantined(bob) == found[1:]
    assert await store.quarantined(alice, after=(alice, 1)) == []
    assert await store.quarantined(after=(alice, 1), limit=1) == found[1:2]
    assert await store.quarantined(after=(bob, 1)) == found[2:]


async def test_a_quarantined_message_is_released_by_a_move_and_dropped_by_a_removal(store):
    alice = await an_account(store)
    place = await quarantine(store, alice)
    other = await quarantine(store, alice, "t2", b"other")
    target = (await inbox(store, alice)).mailbox
    ((uid, moved),) = await store.move(alice, place.mailbox, [place.uid], target)
    assert (uid, moved.mailbox, moved.email_id) == (1, target, place.email_id)
    assert (await inbox(store, alice)).messages == 1
    assert await store.remove(alice, other.mailbox, [other.uid]) == [2]
    assert await store.quarantined(alice) == []
    assert (await quarantine(store, alice, "t3")).uid == 3


async def used(store):
    return (await store.directory()).accounts[0].used


async def test_quarantine_counts_towards_no_quota_until_it_is_released(store):
    alice = await an_account(store, quota=2 * len(PREFIX + BODY))
    places = [await quarantine(store, alice, f"q{number}") for number in range(4)]
    assert await used(store) == 0
    await file(store, alice, "t1")
    assert await used(store) == len(PREFIX + BODY)
    box = (await inbox(store, alice)).mailbox
    assert len(await store.move(alice, places[0].mailbox, [1], box)) == 1
    assert await used(store) == 2 * len(PREFIX + BODY)
    with pytest.raises(QuotaExceeded):
        await store.copy(alice, places[0].mailbox, [2], box)
    await store.move(alice, box, [1, 2], places[0].mailbox)
    assert await used(store) == 0
    await store.remove(alice, places[0].mailbox, [2, 3, 4])
    assert await used(store) == 0


async def test_an_account_with_a_quarantine_can_be_removed(store):
    alice = await an_account(store)
    await quarantine(store, alice)
    await store.remove_account(alice)
    assert await store.quarantined() == []


async def test_a_posting_born_held_waits_for_its_release(store):
    answer = await post(store, owner="w", lease_until=500, state=State.HELD, last="quarantined: a virus")
    assert answer.items == ()
    assert await store.next_due() is None
    assert await claim(store, now=10**9) == []
    (item,) = await store.queued(QueueFilter(state=State.HELD))
    assert (item.last, item.attempts, item.claimed) == ("quarantined: a virus", 0, False)
    assert await store.release([item.item], 60) == 1
    (item,) = await claim(store)
    assert item.state is State.WAITING


# -- shelves -------------------------------------------------------------------------------------


async def test_notes_are_kept_by_kind_and_key(store):
    one, two = Note("dkim.key", "a", b"\0one", 5), Note("dkim.key", "ü", b"two", 6)
    other = Note("other", "a", b"three", 7)
    await store.put_notes([one, two, other])
    assert await store.notes("dkim.key", ["ü", "a", "unknown", "a"]) == [one, two]
    assert await store.notes("other", ["a", "ü"]) == [other]
    assert await store.notes("dkim.key", []) == []
    await store.put_notes([Note("dkim.key", "a", b"", 8)])
    assert await store.notes("dkim.key", ["a"]) == [Note("dkim.key", "a", b"", 8)]
    assert await store.drop_notes("dkim.key", ["a", "unknown"]) == 1
    assert await store.notes("dkim.key", ["a"]) == []
    assert await store.notes("other", ["a"]) == [other]


async def test_notes_are_listed_by_prefix_page_by_page(store):
    keys = ["a", "a/1", "a/2", "a/\U0010ffff", "a%", "aé", "b", "Z", "z_"]
    await store.put_notes([Note("k", key, b"") for key in keys] + [Note("l", "a/3", b"")])
    assert [note.key for note in await store.list_notes("k")] == sorted(keys, key=str.encode)
    assert [note.key for note in await store.list_notes("k", prefix="a/")] == ["a/1", "a/2"]
    assert [note.key for note in await store.list_notes("k", prefix="a", after="a%", limit=2)] == ["a/1", "a/2"]
    assert await store.list_notes("k", prefix="none") == []


async def test_a_note_past_its_time_is_not_there_and_the_sweep_frees_it(store):
    await store.put_notes([Note("k", "old", b"", 0, 1), Note("k", "later", b"", 0, 10**14), Note("k", "ever", b"")])
    assert [note.key for note in await store.notes("k", ["old", "later", "ever"])] == ["ever", "later"]
    assert [note.key for note in await store.list_notes("k")] == ["ever", "later"]
    assert "1 notes expired" in await swept(store)
    assert "1 notes expired" not in await swept(store)
    await swept(store, 10**14)
    assert await store.drop_notes("k", ["old", "later", "ever"]) == 1


async def test_tallies_grow_by_what_is_added(store):
    await store.add_tallies([Tally("spam.token", "x", 1), Tally("spam.token", "x", 1, 5), Tally("spam.token", "y")])
    await store.add_tallies([Tally("spam.token", "x", 0, 1), Tally("other", "x", 7)])
    x, y = await store.tallies("spam.token", ["y", "x", "unknown"])
    assert (x.kind, x.key, x.a, x.b) == ("spam.token", "x", 2, 6)
    assert (y.key, y.a, y.b) == ("y", 0, 0)
    assert x.at > 0
    await store.add_tallies([Tally("spam.token", "x", -1, 1)])
    (x,) = await store.tallies("spam.token", ["x"])
    assert (x.a, x.b) == (1, 7)


async def test_who_asks_for_a_tally_waits_for_no_others(store):
    await store.add_tallies([Tally("k", "mine", 1)])
    assert len(await store.tallies("k", ["mine"])) == 1
    await store.add_tallies([Tally("k", "somebody else's", 1)])
    written = []
    shelves = (store.cells.home if hasattr(store, "cells") else store)._shelves
    shelves.write = lambda write=shelves.write: written.append(write())
    assert len(await store.tallies("k", ["mine"])) == 1
    assert not written
    assert len(await store.tallies("k", ["mine", "somebody else's"])) == 2
    assert written


async def test_tallies_are_listed_and_dropped(store):
    await store.add_tallies([Tally("k", key, 1) for key in ("a", "ab", "b")])
    assert [tally.key for tally in await store.list_tallies("k", prefix="a", limit=5)] == ["a", "ab"]
    assert [tally.key for tally in await store.list_tallies("k", after="a")] == ["ab", "b"]
    await store.add_tallies([Tally("k", "c", 1)])
    assert await store.drop_tallies("k", ["a", "c", "unknown"]) == 2
    assert [tally.key for tally in await store.list_tallies("k")] == ["ab", "b"]


async def test_many_tallies_from_many_callers_are_all_counted(store):
    await asyncio.gather(*[store.add_tallies([Tally("k", "x", 1), Tally("k", f"y{n}", 1)]) for n in range(300)])
    (x,) = await store.tallies("k", ["x"])
    assert x.a == 300
    assert len(await store.list_tallies("k")) == 301


# -- one among many nodes ------------------------------------------------------------------------


async def test_a_job_belongs_to_one_owner_until_his_lease_ends(store):
    token = await store.lease("sweep", "a", 100, 200)
    assert token is not None
    assert await store.lease("sweep", "b", 150, 250) is None
    assert await store.lease("sweep", "a", 190, 300) == token
    assert await store.lease("sweep", "b", 299, 400) is None
    later = await store.lease("sweep", "b", 300, 400)
    assert later > token
    assert await store.lease("sweep", "a", 350, 450) is None
    assert await store.lease("other", "a", 350, 450) is not None


async def test_a_job_given_back_is_free_and_its_next_holder_has_a_newer_token(store):
    token = await store.lease("sweep", "a", 100, 200)
    assert await store.lease("sweep", "a", 150, 150) == token
    assert await store.lease("sweep", "b", 150, 250) > token


async def test_who_slept_past_his_lease_gets_a_newer_token(store):
    token = await store.lease("sweep", "a", 100, 200)
    assert await store.lease("sweep", "a", 200, 300) > token


async def test_of_many_who_want_a_job_one_gets_it(store):
    answers = await asyncio.gather(*[store.lease("sweep", f"n{n}", 100, 200) for n in range(20)])
    assert len([answer for answer in answers if answer is not None]) == 1


async def test_an_allotment_is_shared_and_ends_with_its_window(store):
    assert await store.take("send/alice", 30, 100, 1000, 5500) == 30
    assert await store.take("send/alice", 60, 100, 1000, 5600) == 60
    assert await store.take("send/alice", 60, 100, 1000, 5999) == 10
    assert await store.take("send/alice", 60, 100, 1000, 5999) == 0
    assert await store.take("send/bob", 60, 100, 1000, 5999) == 60
    assert await store.take("send/alice", 60, 100, 1000, 6000) == 60
    assert await store.take("send/alice", 60, 40, 1000, 6001) == 0
    assert await store.take("send/alice", 0, 100, 1000, 6001) == 0


async def test_together_nobody_gets_more_than_the_limit(store):
    grants = await asyncio.gather(*[store.take("k", 7, 100, 1000, 5500) for _ in range(30)])
    assert sum(grants) == 100


# -- who we are -----------------------------------------------------------------------------------


async def test_the_directory_says_who_we_are(store):
    before = (await store.directory()).epoch
    account = await store.create_account("alice@office.test", "Alice", ("v1", "v2"), quota=500, admin=True, at=9)
    await store.put_alias(AliasRow("all@office.test", ("alice@office.test", "x@far.test"), 4))
    await store.put_domain(DomainRow("other.test", "alice@office.test", 3))
    found = await store.directory()
    assert found.epoch > before
    assert found.domains == (DomainRow("office.test"), DomainRow("other.test", "alice@office.test", 3))
    (row,) = found.accounts
    assert (row.account, row.verifiers, row.quota, row.admin, row.enabled, row.created_at) == (
        account, ("v1", "v2"), 500, True, True, 9,
    )  # fmt: skip
    assert found.aliases == (AliasRow("all@office.test", ("alice@office.test", "x@far.test"), 4),)


async def test_the_directory_comes_in_pages_too(store, monkeypatch):
    monkeypatch.setattr(turns, "PAGE", 2)
    for name in ("c", "a", "b"):
        await store.create_account(f"{name}@office.test", "", (), quota=500, at=9)
        await store.put_alias(AliasRow(f"to-{name}@office.test", (f"{name}@office.test",)))
    whole, pages = await store.directory(), [page async for page in store.directory_pages()]
    assert pages[0].domains == whole.domains
    assert {page.epoch for page in pages} == {whole.epoch}
    accounts = [row for page in pages for row in page.accounts]
    assert accounts == sorted(whole.accounts, key=lambda row: row.account)
    assert tuple(row for page in pages for row in page.aliases) == whole.aliases


async def test_operators_read_the_directory_by_domain_and_address(store, monkeypatch):
    monkeypatch.setattr(turns, "PAGE", 2)
    await store.put_domain(DomainRow("a.test"))
    for address in ("b@office.test", "z@a.test", "c@a.test", "a@office.test", "d@a.test"):
        await store.create_account(address, "", (), quota=500, at=9)
        await store.put_alias(AliasRow(f"to-{address}", (address,)))
    pages = [page async for page in store.directory_pages(by_domain=True)]
    wanted = ["c@a.test", "d@a.test", "z@a.test", "a@office.test", "b@office.test"]
    assert [row.address for page in pages for row in page.accounts] == wanted
    assert [row.address for page in pages for row in page.aliases] == [f"to-{address}" for address in wanted]
    assert [page.domains for page in pages] == [
        (DomainRow("a.test"), DomainRow("office.test")),
        *[()] * (len(pages) - 1),
    ]
    assert max(len(page.accounts) + len(page.aliases) for page in pages) == 2


async def test_it_is_known_how_many_live_in_a_domain(store):
    assert await store.population() == {}
    await store.create_account("alice@office.test", "", (), quota=500, at=9)
    await store.create_account("bob@office.test", "", (), quota=500, at=9)
    await store.put_alias(AliasRow("all@office.test", ("alice@office.test",)))
    await store.put_domain(DomainRow("other.test"))
    await store.put_alias(AliasRow("all@other.test", ("alice@office.test",)))
    assert await store.population() == {"office.test": Population(2, 1), "other.test": Population(0, 1)}


async def test_accounts_are_read_by_number(store):
    account = await an_account(store)
    await file(store, account, "t1")
    (row,) = await store.accounts([account, account + 99])
    assert row == (await store.directory()).accounts[0]
    assert row.used
    assert list(await store.accounts([])) == []


async def test_who_stands_for_an_address_is_found_whatever_is_in_it(store):
    names = (
        "a_b@office.test",
        "axb@office.test",
        "A_B@office.test",
        "50%@office.test",
        "x!@office.test",
        '"q"@office.test',
    )
    for number, name in enumerate(names):
        await store.put_alias(AliasRow(f"to{number}@office.test", ("other@far.test", name)))
    for number, name in enumerate(names):
        assert [row.address for row in await store.aliases_to(name)] == [f"to{number}@office.test"]
    assert list(await store.aliases_to("b@office.test")) == []


async def test_the_directory_says_what_changed_since(store):
    alice = await store.create_account("alice@office.test", "", (), quota=500, at=9)
    bob = await store.create_account("bob@office.test", "", (), quota=500, at=9)
    await store.put_alias(AliasRow("all@office.test", ("alice@office.test",)))
    before = (await store.directory()).epoch
    assert await store.directory_since(before) == DirectoryDelta(Directory(before, (DomainRow("office.test"),), (), ()))
    await store.change_account(alice, name="Alice")
    await store.put_alias(AliasRow("new@office.test", ("alice@office.test",)))
    await store.remove_alias("all@office.test")
    await store.remove_account(bob)
    await store.put_domain(DomainRow("other.test"))
    now = await store.directory()
    found = await store.directory_since(before)
    assert found == DirectoryDelta(now, (bob,), ("all@office.test",))
    assert (await store.directory_since(now.epoch - 1)).news.accounts == ()


async def test_what_changed_too_long_ago_nobody_knows(store, monkeypatch):
    monkeypatch.setattr(turns, "KEPT", 2)
    before = (await store.directory()).epoch
    for number in range(3):
        await store.put_domain(DomainRow(f"d{number}.test"))
    assert await store.directory_since(before) is None
    assert (await store.directory_since(before + 1)) is not None


async def test_addresses_are_unique_and_used_domains_stay(store):
    await an_account(store)
    with pytest.raises(Conflict):
        await an_account(store)
    with pytest.raises(Conflict):
        await store.put_alias(AliasRow("alice@office.test", ()))
    with pytest.raises(Conflict):
        await store.remove_domain("office.test")
    for removal in (store.remove_domain("none.test"), store.remove_alias("none@office.test"), store.remove_account(9)):
        with pytest.raises(Missing):
            await removal


async def test_only_what_is_given_changes(store):
    account = await an_account(store)
    await store.change_account(account, enabled=False, quota=7)
    (row,) = (await store.directory()).accounts
    assert (row.name, row.verifiers, row.enabled, row.quota) == ("Alice", ("verifier",), False, 7)
    with pytest.raises(Missing):
        await store.change_account(99, name="x")


async def test_a_removed_account_leaves_nothing(store):
    account = await an_account(store)
    await file(store, account, "t1", key="k")
    await store.remove_account(account)
    assert (await store.directory()).accounts == ()
    with pytest.raises(Missing):
        await file(store, account, "t2")
    await swept(store)
    with pytest.raises(Missing):
        await store.blobs.read(blob_of().blob_id)
    await store.remove_domain("office.test")


async def test_directory_watchers_hear_of_changes(store):
    heard = []
    end = store.watch_directory(lambda: heard.append(1))
    await an_account(store)
    await asyncio.sleep(0)
    assert heard == [1]
    end()


async def test_small_things_are_kept_by_name(store):
    assert await store.get("key") is None
    await store.put("key", b"\0one")
    await store.put("key", b"two")
    assert await store.get("key") == b"two"


async def test_who_puts_a_thing_first_is_who_all_agree_with(store):
    said = await asyncio.gather(*[store.agree("key", b"%d" % number) for number in range(5)])
    assert len(set(said)) == 1
    assert await store.get("key") == said[0]
    assert await store.agree("key", b"late") == said[0]


async def test_content_that_nobody_had_room_for_is_freed(store):
    account = await an_account(store, quota=1)
    assert isinstance(await file(store, account, "t1"), Overquota)
    await swept(store)
    with pytest.raises(Missing):
        await store.blobs.read(blob_of().blob_id)


async def test_what_nobody_had_room_for_was_not_accepted(store):
    account = await an_account(store, quota=1)
    await file(store, account, "t1")
    store.note("t1", 8, b"refused")
    assert await store.record("t1") == b"refused"
    await store.change_account(account, quota=10**6)
    assert (await file(store, account, "t1")).uid == 1
    await swept(store)
    assert await store.blobs.read(blob_of().blob_id) == BODY
