"""The queue in the operator's hands, and where a message is."""

import pytest

from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.observe.ledger import Record, format_record
from posthouse.ops.house import CannotDo, House
from posthouse.storage.acceptance import Acceptance
from posthouse.storage.queue import Posting


async def post(operator, trace: str, *recipients: str, sender: str = "x@office.test") -> None:
    """A message for somebody elsewhere."""
    store, now = operator.house.store, operator.house.now
    writer = store.blobs.open()
    writer.write(b"Subject: " + trace.encode() + b"\r\n\r\n")
    blob = await writer.finish()
    to = tuple(Recipient(Address(local, "elsewhere.test")) for local in recipients)
    posting = Posting(trace, sender, b"", to, now, now, now + 10**9)
    record = format_record(
        Record(trace, now, "smtp", "accepted", sender=sender, recipients=recipients, queued=recipients)
    )
    await store.accept(Acceptance(trace, blob, (), (posting,), record, now))


@pytest.fixture
async def queue(operator):
    await post(operator, "t1", "one", "two")
    await post(operator, "t2", "three", sender="y@office.test")
    return operator


async def states(operator) -> dict[str, str]:
    return {row["to"].partition("@")[0]: row["state"] for row in await operator.do("queue list")}


async def test_list_has_a_row_for_each_recipient(queue) -> None:
    assert await states(queue) == {"one": "waiting", "two": "waiting", "three": "waiting"}
    assert [row["id"] for row in await queue.do("queue list", sender="y@office.test")] == ["t2"]
    assert len(await queue.do("queue list", limit=1)) == 1


async def test_show_is_one_message(queue) -> None:
    rows = await queue.do("queue show", id="t1")
    assert {row["to"] for row in rows} == {"one@elsewhere.test", "two@elsewhere.test"}


async def test_hold_and_release(queue) -> None:
    assert await queue.do("queue hold", id="t1") == [{"changed": 2}]
    assert await states(queue) == {"one": "held", "two": "held", "three": "waiting"}
    assert len(await queue.do("queue list", state="held")) == 2
    assert await queue.do("queue release", all=True) == [{"changed": 2}]
    assert set((await states(queue)).values()) == {"waiting"}
    assert queue.woken


async def test_retry_leaves_held_messages_alone(queue) -> None:
    await queue.do("queue hold", id="t1")
    assert await queue.do("queue retry", all=True) == [{"changed": 1}]
    assert (await states(queue))["one"] == "held"


async def test_drop_takes_out_what_was_named(queue) -> None:
    assert await queue.do("queue drop", recipient="two@elsewhere.test") == [{"changed": 1}]
    assert set(await states(queue)) == {"one", "three"}


async def test_bounce_needs_somebody_who_writes_reports(queue) -> None:
    with pytest.raises(CannotDo, match="running server"):
        await queue.do("queue bounce", id="t1")
    assert len(await states(queue)) == 3


async def test_bounce_writes_one_report_a_message_and_empties(queue) -> None:
    written = []

    class Scribe:
        async def write(self, item, findings):
            written.append((item.queue_id, len(findings)))
            writer = queue.house.store.blobs.open()
            writer.write(b"report\r\n")
            return Acceptance(f"r{len(written)}", await writer.finish())

    queue.house = House(queue.house.store, queue.house.clock, secretary=Scribe())
    assert await queue.do("queue bounce", all=True) == [{"changed": 3}]
    assert sorted(written) == [("t1", 2), ("t2", 1)]
    assert not await states(queue)


@pytest.mark.parametrize("verb", ["hold", "release", "retry", "drop", "bounce"])
async def test_nothing_named_changes_nothing(queue, verb) -> None:
    with pytest.raises(CannotDo, match="which messages"):
        await queue.do(f"queue {verb}")
    with pytest.raises(CannotDo, match="unknown: recpient"):
        await queue.do(f"queue {verb}", recpient="x@y.test", all=True)
    assert set((await states(queue)).values()) == {"waiting"}


async def test_an_id_that_is_not_there_is_said(queue) -> None:
    with pytest.raises(CannotDo, match="no t9"):
        await queue.do("queue show", id="t9")
    with pytest.raises(CannotDo, match="no state"):
        await queue.do("queue list", state="sleeping")


async def test_a_hint_never_points_back_at_where_it_came_from(queue) -> None:
    """An id that nobody ever gave: both lead to the list. One that has left: to what became of it."""
    await queue.do("queue drop", id="t2")
    for verb in ("show", "hold", "drop"):
        with pytest.raises(CannotDo, match="no t9 in the queue") as unknown:
            await queue.do(f"queue {verb}", id="t9")
        assert unknown.value.hint == "posthouse queue list shows what is there"
        with pytest.raises(CannotDo, match="t2 is not in the queue") as gone:
            await queue.do(f"queue {verb}", id="t2")
        assert gone.value.hint == "posthouse explain t2 says what became of it"


async def test_nothing_to_change_about_what_is_there(queue) -> None:
    await queue.do("queue hold", id="t1")
    with pytest.raises(CannotDo, match="nothing to change about t1") as problem:
        await queue.do("queue retry", id="t1")
    assert problem.value.hint == "posthouse queue show t1 shows its state: held"
    with pytest.raises(CannotDo, match="nothing to change about t1") as problem:
        await queue.do("queue drop", id="t1", recipient="nobody@elsewhere.test")
    assert "posthouse queue show t1 shows its recipients" in problem.value.hint


async def test_explain_tells_the_record_and_what_waits(queue) -> None:
    rows = await queue.do("explain", id=" <T1> ")
    assert [row["kind"] for row in rows] == ["record", "queued", "queued"]
    assert rows[0]["verdict"] == "accepted"


async def test_explain_says_that_nothing_waits_any_more(queue) -> None:
    assert [row.get("waiting") for row in await queue.do("explain", id="t1")] == [2, None, None]
    await queue.do("queue drop", id="t1")
    assert [row.get("waiting") for row in await queue.do("explain", id="t1")] == [0, None, None]


async def test_explain_tells_what_became_of_whoever_waits_no_more(queue) -> None:
    await queue.do("queue drop", recipient="two@elsewhere.test")
    rows = await queue.do("explain", id="t1")
    assert [row["kind"] for row in rows] == ["record", "ended", "queued"]
    assert rows[1] == {
        "kind": "ended",
        "to": "two@elsewhere.test",
        "at": queue.house.now,
        "outcome": "dropped",
        "reply": "an operator of this server dropped the message",
    }


async def test_explain_of_a_report_of_ours_knows_that_there_is_no_more_to_tell(queue) -> None:
    store = queue.house.store
    writer = store.blobs.open()
    writer.write(b"x\r\n")
    now = queue.house.now
    to = (Recipient(Address("x", "elsewhere.test")),)
    sent = Posting("r1", "", b"", to, now, now, now + 10**9, is_report=True)
    await store.accept(Acceptance("r1", await writer.finish(), (), (sent,), b"", now))
    assert [row["kind"] for row in await queue.do("explain", id="r1")] == ["queued"]


async def test_explain_of_an_unknown_id_says_where_ids_are_found(queue) -> None:
    with pytest.raises(CannotDo, match="nothing is known") as problem:
        await queue.do("explain", id="nonsense")
    assert "Received" in problem.value.hint


async def test_status_counts(queue) -> None:
    queue.house.clock.pass_time(90)
    (row,) = await queue.do("status")
    assert (row["queued"], row["held"], row["oldest"]) == (3, 0, 90)


async def test_limits_have_number_value_and_reason(queue) -> None:
    rows = {row["limit"]: row for row in await queue.do("limits")}
    assert rows["hash_workers"]["number"] == "L41"
    assert all(row["why"] for row in rows.values())


async def test_recent_is_newest_first(queue) -> None:
    assert [row["id"] for row in await queue.do("recent", limit=5)] == ["t2", "t1"]
