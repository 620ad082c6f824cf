"""Message Submission for Mail (RFC 6409), sentence by sentence."""

from base64 import b64encode

import pytest

LETTER = b"From: alice@office.test\r\nTo: x@outside.test\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture
async def session(office):
    """Logged in as alice, under TLS."""
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        yield office.logged_in(session)


@pytest.mark.rfc(6409, "3.2", "MUST")
async def test_a_message_that_will_not_be_delivered_is_rejected_and_not_bounced_later(office, session):
    """An MSA rejects what it can judge: an unknown recipient of ours hears of it now, and no report is queued."""
    answers = await session.send("alice@office.test", ["nobody@office.test"], LETTER)
    assert answers[0].startswith("550 5.1.1")
    assert not await office.queue()


@pytest.mark.rfc(6409, "3.3", "MUST")
async def test_only_who_is_authorised_may_submit(office):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        for sender in ("alice@office.test", "", "x@outside.test"):
            assert (await session.tell(f"MAIL FROM:<{sender}>"))[:3] == "530"


@pytest.mark.rfc(6409, "4.1", "SHOULD")
async def test_a_message_is_rejected_with_a_5_7_code_when_no_better_fits(session):
    forged = LETTER.replace(b"alice", b"bob")
    answers = await session.send("alice@office.test", ["bob@office.test"], forged)
    assert answers[-1].startswith("550 5.7.1")


@pytest.mark.rfc(6409, "4.2", "MUST")
@pytest.mark.parametrize("path", ["<alice>", "<alice@>", "<bob@office..test>"])
async def test_domains_in_the_envelope_are_fully_qualified(session, path):
    assert (await session.tell(f"MAIL FROM:{path}"))[0] == "5"
    await session.tell("MAIL FROM:<alice@office.test>")
    assert (await session.tell(f"RCPT TO:{path}"))[0] == "5"


@pytest.mark.rfc(6409, "4.2", "MUST")
async def test_a_sender_that_is_not_qualified_is_not_completed_by_guessing(session):
    answers = await session.send(
        "alice@office.test", ["bob@office.test"], LETTER.replace(b"alice@office.test", b"alice")
    )
    assert answers[-1].startswith("550 5.7.1")


@pytest.mark.rfc(6409, "4.3", "MUST")
async def test_mail_before_authentication_is_answered_with_530(office):
    async with office.submission() as session:
        await session.hello()
        assert (await session.tell("MAIL FROM:<alice@office.test>")).startswith("530 5.7.0")


@pytest.mark.rfc(6409, "5.1", "SHOULD")
@pytest.mark.parametrize(
    "path", ["<a b@office.test>", "<a@b@c>", "<.a@office.test>", "<a@-office.test>", "a@office.test"]
)
async def test_addresses_with_illegal_syntax_are_rejected(session, path):
    assert (await session.tell(f"MAIL FROM:{path}")).startswith("501 5.")


@pytest.mark.rfc(6409, "5.2", "SHOULD")
async def test_errors_are_logged(office, session):
    await session.tell("MAIL FROM:<bob@office.test>")
    assert [one.event for one in office.journal.entries] == ["mail.refused"]


@pytest.mark.rfc(6409, "6.1", "MAY")
async def test_the_right_to_send_in_a_name_is_enforced_with_5_7_1(session):
    assert (await session.tell("MAIL FROM:<bob@office.test>"))[4:9] == "5.7.1"


@pytest.mark.rfc(6409, "6.3", "MAY")
async def test_message_data_that_breaks_the_format_is_rejected(office, session):
    answers = await session.send(
        "alice@office.test", ["bob@office.test"], b"From: alice@office.test\r\nFrom: alice@office.test\r\n\r\n"
    )
    assert answers[-1][0] == "5"
    assert not await office.read("bob")


@pytest.mark.rfc(6409, "6.4", "SHOULD")
async def test_postmaster_is_reachable(session):
    await session.tell("MAIL FROM:<alice@office.test>")
    assert (await session.tell("RCPT TO:<postmaster@office.test>")).startswith("250")
    assert (await session.tell("RCPT TO:<postmaster>")).startswith("250")


@pytest.mark.rfc(6409, "7", "SHOULD")
async def test_the_extensions_of_table_1_are_offered(office):
    async with office.submission() as session:
        session.written = b""
        clear = await session.says("EHLO a.example")
        await session.tell("STARTTLS")
        await session.secured()
        offered = {line[4:].split()[0] for line in await session.says("EHLO a.example")}
    assert {"PIPELINING", "ENHANCEDSTATUSCODES", "DSN", "SIZE", "8BITMIME", "AUTH", "CHUNKING", "BINARYMIME"} <= offered
    assert any(line.endswith("STARTTLS") for line in clear)


@pytest.mark.rfc(6409, "7", "MUST NOT")
@pytest.mark.parametrize("verb", ["ETRN office.test", "ATRN office.test"])
async def test_etrn_and_atrn_do_not_exist(session, verb):
    assert (await session.tell(verb)).startswith("502")


@pytest.mark.rfc(6409, "7", "MUST")
async def test_authentication_is_supported(office):
    async with office.submission(implicit_tls=True) as session:
        await session.hello()
        said = await session.tell(f"AUTH PLAIN {b64encode(bytes(1) + b'nobody' + bytes(1) + b'x').decode()}")
        assert said.startswith("535 5.7.8")


@pytest.mark.rfc(6409, "8", "MUST")
async def test_what_is_passed_on_has_the_fields_that_the_format_demands(office, session):
    """RFC 5322 section 3.6: origination date and author."""
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    (item,) = await office.queue()
    whole = item.content.prefix + await office.store.blobs.read(item.content.blob.blob_id)
    header = whole.partition(b"\r\n\r\n")[0]
    assert header.count(b"\r\nDate: ") == header.count(b"\r\nFrom: ") == 1


@pytest.mark.rfc(6409, "8.1", "MAY")
async def test_a_sender_field_is_not_invented(office, session):
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    (item,) = await office.queue()
    assert b"Sender:" not in item.content.prefix


@pytest.mark.rfc(6409, "8.2", "MAY")
async def test_a_date_that_is_there_stays_as_it_is(office, session):
    await session.send("alice@office.test", ["x@outside.test"], b"Date: yesterday\r\n" + LETTER)
    (item,) = await office.queue()
    assert b"Date:" not in item.content.prefix


@pytest.mark.rfc(6409, "8.3", "SHOULD")
async def test_a_message_id_is_added_when_missing_and_is_different_each_time(office, session):
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    await session.send("alice@office.test", ["x@outside.test"], LETTER)
    first, second = (item.content.prefix.partition(b"Message-ID: ")[2] for item in await office.queue())
    assert first.startswith(b"<")
    assert first != second


@pytest.mark.rfc(6409, "8.8", "MUST NOT")
async def test_a_forward_pointing_address_is_not_rewritten(office, session):
    await session.send("alice@office.test", ['"x y"@Outside.Test', "MiXeD@outside.test"], LETTER)
    assert {item.recipient.address.local for item in await office.queue()} == {"x y", "MiXeD"}
