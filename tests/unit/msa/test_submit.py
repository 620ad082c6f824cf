"""Mail from our own people: whose name, to whom, how much."""

import pytest

from posthouse.admd.limits import Limits

LETTER = b"From: alice@office.test\r\nTo: x@outside.test\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture
async def session(office):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        yield office.logged_in(session)


async def only(office):
    (item,) = await office.queue()
    return item


async def test_a_letter_to_outside_is_queued_in_the_accounts_name(office, session):
    answers = await session.send("alice@office.test", ["x@outside.test"], LETTER)
    assert answers[-1].startswith("250 2.0.0 accepted")
    item = await only(office)
    assert (item.reverse_path, item.submitter) == ("alice@office.test", office.accounts["alice"])


async def test_date_and_message_id_are_added_before_the_content_when_missing(office, session):
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    item = await only(office)
    assert b"\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <" in item.content.prefix
    assert item.content.prefix.endswith(b"@office.test>\r\n")
    assert await office.store.blobs.read(item.content.blob.blob_id) == LETTER


async def test_readers_find_what_was_added(office, session):
    await session.send("alice@office.test", ["bob@office.test"], LETTER)
    (stored,) = await office.stored("bob")
    assert stored.facts.message_id.endswith("@office.test")
    assert stored.facts.sent_at


async def test_a_bcc_is_not_in_the_blob(office, session):
    await session.send(
        "alice@office.test", ["bob@office.test", "carol@office.test"], b"Bcc: carol@office.test\r\n" + LETTER
    )
    (letter,) = await office.read("bob")
    assert b"carol" not in letter


async def test_content_in_any_pieces_gives_the_same_message(office):
    whole = b"Bcc: carol@office.test\r\n" + LETTER + b"x" * 300 + b"\r\n"
    for piece in (None, 1, 3, 50):
        session = office.submission(implicit_tls=True)
        session._piece = piece
        async with session:
            await session.hello()
            office.logged_in(session)
            await session.send("alice@office.test", ["bob@office.test"], whole)
    blobs = {one.content.blob.blob_id for one in await office.stored("bob")}
    assert len(await office.stored("bob")) == 4
    assert len(blobs) == 1


@pytest.mark.parametrize("sender", ["alice@office.test", "alice+x@office.test", "ALICE@office.test", "all@office.test"])
async def test_one_may_send_as_any_address_that_reaches_one(session, sender):
    assert (await session.tell(f"MAIL FROM:<{sender}>")).startswith("250")


@pytest.mark.parametrize(
    "sender", ["bob@office.test", "alice@elsewhere.test", "nobody@office.test", "sales@office.test"]
)
async def test_one_may_not_send_as_others(session, sender):
    assert (await session.tell(f"MAIL FROM:<{sender}>")).startswith("553 5.7.1")


@pytest.mark.parametrize(
    "head", [b"From: bob@office.test\r\n", b"", b"From: alice@office.test\r\nSender: bob@office.test\r\n"]
)
async def test_a_forged_author_is_refused_and_nothing_is_kept(office, session, head):
    answers = await session.send("alice@office.test", ["bob@office.test"], head + b"Subject: x\r\n\r\nx\r\n")
    assert answers[-1].startswith("550 5.7.1")
    assert not await office.read("bob")


async def test_a_message_that_is_all_header_is_judged_too(office, session):
    answers = await session.send("alice@office.test", ["bob@office.test"], b"From: bob@office.test\r\n")
    assert answers[-1].startswith("550 5.7.1")
    answers = await session.send("alice@office.test", ["bob@office.test"], b"From: alice@office.test\r\n")
    assert answers[-1].startswith("250")


async def test_the_null_sender_is_for_disposition_notifications_only(office, session):
    mdn = b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n" + LETTER
    assert (await session.send("", ["x@outside.test"], LETTER))[-1].startswith("550 5.7.1")
    assert (await session.send("", ["x@outside.test"], mdn))[-1].startswith("250")


async def test_who_does_not_exist_here_is_refused_in_the_session(session):
    answers = await session.send("alice@office.test", ["nobody@office.test", "chicken@office.test"], LETTER)
    assert [one[:9] for one in answers] == ["550 5.1.1", "554 5.4.6"]


async def test_a_header_without_end_is_let_go_at_l4(open_office):
    office = await open_office(limits=Limits(header_octets=1000))
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        answers = await session.send("alice@office.test", ["bob@office.test"], b"X: y\r\n" * 500)
        assert answers[-1].startswith("554 5.6.0")
    assert not await office.read("bob")


async def test_an_account_sends_so_much_to_outside_and_no_more(open_office):
    """L27; mail inside the house is not counted."""
    office = await open_office(limits=Limits(account_recipients_burst=2, account_messages_day=2))
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        answers = await session.send(
            "alice@office.test", ["a@o.test", "b@o.test", "c@o.test", "bob@office.test"], LETTER
        )
        assert [one[:3] for one in answers] == ["250", "250", "451", "250", "250"]
        office.clock.pass_time(600)
        assert (await session.send("alice@office.test", ["away@office.test"], LETTER))[-1].startswith("250")
        await session.tell("MAIL FROM:<alice@office.test>")
        await session.tell("RCPT TO:<a@o.test>")
        assert (await session.tell("DATA")).startswith("451 4.7.1")


async def test_the_limits_of_the_house_hold_here_too(open_office):
    office = await open_office(limits=Limits(submission_recipients=3, message_octets=5000))
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        office.logged_in(session)
        assert (await session.tell("MAIL FROM:<alice@office.test> SIZE=5001")).startswith("552 5.3.4")
        answers = await session.send("alice@office.test", [f"{n}@o.test" for n in range(5)], LETTER)
        assert [one[:3] for one in answers] == ["250", "250", "250", "452", "452", "250"]
        office.free = (0, 0)
        office.clock.pass_time(1)
        assert (await session.tell("MAIL FROM:<alice@office.test>")).startswith("452 4.3.1")


async def test_an_account_that_was_closed_meanwhile_sends_nothing(office, session):
    await office.store.change_account(office.accounts["alice"], enabled=False)
    await office.directory.refresh(office.store)
    assert (await session.tell("MAIL FROM:<alice@office.test>")).startswith("421 4.7.0")
    session.hangs_up()
