"""Quarantine in the operator's hands."""

import pytest

from posthouse.filter.boundary import HELD
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.ops.house import CannotDo
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.mailbox import Role
from posthouse.storage.queue import Posting, State


async def put_aside(operator, trace: str, subject: str) -> None:
    """A message for alice and somebody elsewhere, kept from both."""
    store, now = operator.house.store, operator.house.now
    writer = store.blobs.open()
    writer.write(f"From: x@sender.test\r\nSubject: {subject}\r\n\r\n".encode())
    blob = await writer.finish()
    (alice,) = (await store.directory()).accounts
    prefix = f"Return-Path: <x@sender.test>\r\nReceived: from h\r\n\tby mx with ESMTP id {trace};\r\n".encode()
    filing = Filing(alice.account, Role.QUARANTINE, prefix, received_at=now)
    to = (Recipient(Address("friend", "elsewhere.test")),)
    posting = Posting(
        trace, "x@sender.test", prefix, to, now, now, now + 10**9, state=State.HELD, last=f"{HELD}clamav.virus"
    )
    await store.accept(Acceptance(trace, blob, (filing,), (posting,), b"", now))


@pytest.fixture
async def kept(office):
    await put_aside(office, "t1", "one")
    await put_aside(office, "t2", "two")
    return office


async def listed(operator, **given) -> list[tuple[str, str]]:
    return [(row["kind"], row["subject"]) for row in await operator.do("quarantine list", **given)]


async def test_list(kept) -> None:
    assert await listed(kept) == [("copy", "one"), ("copy", "two"), ("held", "one"), ("held", "two")]
    assert await listed(kept, account="alice@office.test") == [("copy", "one"), ("copy", "two")]
    assert len(await listed(kept, limit=1)) == 1
    held = (await kept.do("quarantine list"))[2]
    assert (held["id"], held["to"], held["reason"]) == ("t1", "friend@elsewhere.test", "clamav.virus")


async def test_show(kept) -> None:
    ident = (await kept.do("quarantine list"))[0]["id"]
    (row,) = await kept.do("quarantine show", id=ident)
    assert (row["subject"], row["trace"], row["from"], row["to"]) == ("one", "t1", "x@sender.test", "alice@office.test")


async def test_release_one_and_all(kept) -> None:
    assert await kept.do("quarantine release", id="t1") == [{"changed": 1}]
    assert kept.woken
    assert await kept.do("quarantine release", account="alice@office.test") == [{"changed": 2}]
    assert await listed(kept) == [("held", "two")]
    assert await kept.do("quarantine release", all=True) == [{"changed": 1}]
    assert await listed(kept) == []


async def test_drop(kept) -> None:
    assert await kept.do("quarantine drop", all=True) == [{"changed": 4}]
    assert await listed(kept) == []
    assert await kept.do("queue list") == []


@pytest.mark.parametrize("verb", ["release", "drop"])
async def test_nothing_named_means_nothing(kept, verb: str) -> None:
    with pytest.raises(CannotDo, match="which messages"):
        await kept.do(f"quarantine {verb}")
    assert len(await listed(kept)) == 4


@pytest.mark.parametrize("given", [{"id": "t9"}, {"account": "nobody@office.test"}])
async def test_what_is_not_there_is_said(kept, given: dict) -> None:
    with pytest.raises(CannotDo, match="there is no"):
        await kept.do("quarantine release", **given)


async def test_letters_need_a_server(kept) -> None:
    with pytest.raises(CannotDo, match="running server"):
        await kept.do("quarantine digest")


async def test_scanners_need_a_server(operator) -> None:
    assert await operator.do("scanner list") == []
    with pytest.raises(CannotDo, match="no server"):
        await operator.do("scanner test")
