"""A mail reader's day: it finds, reads, files and removes mail, and hears at once what others do."""

import asyncio
import re

import pytest

from posthouse.services.imapd.door import FAULTS
from posthouse.testing.mailreader import MailReader, open_house

LETTER = b"From: Bob <bob@office.test>\r\nTo: alice@office.test\r\nSubject: plans\r\nDate: Sat, 21 Nov 2026 14:00:00 +0000\r\n\r\nSee you.\r\n"
MIXED = (
    b"From: bob@office.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nc2Vjb25kIMOE\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--b--\r\n"
)


async def append(reader, octets=LETTER, mailbox="INBOX", flags=""):
    return await reader.says(f"APPEND {mailbox} {flags}{{{len(octets)}+}}\r\n".encode() + octets)


# -- coming in


async def test_a_password_needs_tls_first(office):
    reader = MailReader(office, secured=False)
    assert "LOGINDISABLED" in await reader.greeting()
    assert (await reader.says("LOGIN alice x"))[-1].startswith("NO [PRIVACYREQUIRED]")


async def test_wrong_passwords_are_counted_and_the_third_ends_it(office):
    reader = MailReader(office, open_house(office, welcoming=False))
    await reader.greeting()
    for _ in range(2):
        assert (await reader.says("LOGIN alice@office.test wrong"))[-1].startswith("NO [AUTHENTICATIONFAILED]")
    assert (await reader.says("LOGIN alice@office.test wrong"))[-1].startswith("* BYE")
    assert reader.core.closed


async def test_an_account_has_only_so_many_connections(office, house):
    most = office.limits.imap_account_connections
    readers = [await MailReader.enter(office, "alice", house) for _ in range(most)]
    late = MailReader(office, house)
    await late.greeting()
    assert (await late.says("LOGIN alice x"))[-1].startswith("NO [LIMIT]")
    assert (await MailReader.enter(office, "bob", house)).core.authenticated
    readers[0].leave()
    assert (await late.says("LOGIN alice x"))[-1].startswith("OK")


async def test_mistakes_in_a_row_end_it_and_those_of_a_long_day_do_not(office):
    reader = await MailReader.enter(office, "alice")
    for _ in range(2 * FAULTS):
        assert (await reader.says("XLIST"))[-1].startswith("BAD")
        assert (await reader.says("NOOP"))[-1].startswith("OK")
    for _ in range(FAULTS):
        assert (await reader.says("XLIST"))[-1].startswith("BAD")
    assert (await reader.says("XLIST"))[-1].startswith("* BYE")


async def test_who_does_not_log_in_is_not_waited_for(office):
    reader = MailReader(office)
    assert reader.door.patience == office.limits.early_seconds
    office.clock.pass_time(29)
    await reader.says("NOOP")
    assert reader.door.patience == pytest.approx(1)


async def test_who_asks_too_much_is_slowed_down(office):
    pauses = []
    reader = await MailReader.enter(office, "alice", open_house(office, pauses=pauses))
    for _ in range(office.limits.imap_commands_minute):
        await reader.says("NOOP")
    assert len(pauses) == 1
    office.clock.pass_time(60)
    await reader.says("NOOP")
    assert len(pauses) == 1


# -- mailboxes


async def test_an_account_has_its_folders(alice):
    lines = await alice.says('LIST "" *')
    assert '* LIST (\\HasNoChildren) "/" "INBOX"' in lines
    assert any("\\Drafts" in line and "Drafts" in line for line in lines)
    assert len(lines) == 7
    assert lines[-1] == "OK Done"


async def test_mailboxes_are_made_renamed_and_removed(alice):
    assert (await alice.says("CREATE Projects/SteelTec"))[-1].startswith("OK [MAILBOXID")
    assert (await alice.says("CREATE Projects/SteelTec"))[-1].startswith("NO [ALREADYEXISTS]")
    assert (await alice.says("RENAME Projects Work"))[-1].startswith("OK")
    lines = await alice.says('LIST "" Work*')
    assert ["\\HasChildren" in line for line in lines[:-1]] == [True, False]
    assert (await alice.says("DELETE Work/SteelTec"))[-1].startswith("OK")
    assert (await alice.says("DELETE Nothing"))[-1].startswith("NO [NONEXISTENT]")
    assert (await alice.says("DELETE INBOX"))[-1].startswith("NO [CANNOT]")
    assert (await alice.says("RENAME Work Work/Deeper"))[-1].startswith("NO [CANNOT]")


async def test_what_is_only_a_parent_is_renamed_with_its_children(alice):
    """RFC 9051 section 6.3.6: LIST shows the name, so it can be renamed."""
    await alice.says("CREATE Old/a")
    await alice.says("CREATE Old/b/c")
    await alice.says("DELETE Old")
    assert (await alice.says("RENAME Old Old/b"))[-1].startswith("NO")
    assert (await alice.says("RENAME Old New"))[-1] == "OK Renamed"
    listed = "".join(await alice.says('LIST "" "*"'))
    assert all(f'"{name}"' in listed for name in ("New", "New/a", "New/b", "New/b/c"))
    assert "Old" not in listed


async def test_renaming_inbox_empties_it(alice):
    await append(alice)
    assert (await alice.says("RENAME INBOX Old"))[-1].startswith("OK")
    assert '* STATUS "INBOX" (MESSAGES 0)' in (await alice.says("STATUS INBOX (MESSAGES)"))[0]
    assert "(MESSAGES 1)" in (await alice.says("STATUS Old (MESSAGES)"))[0]


async def test_subscriptions(alice):
    await alice.says("CREATE A/B")
    await alice.says("SUBSCRIBE A/B")
    await alice.says("UNSUBSCRIBE INBOX")
    lines = await alice.says('LIST (SUBSCRIBED RECURSIVEMATCH) "" %')
    assert any('"A"' in line and "CHILDINFO" in line for line in lines)
    assert not any("INBOX" in line for line in lines)
    lines = await alice.says('LSUB "" %')
    assert any('"A"' in line and "\\Noselect" in line for line in lines)
    lines = await alice.says('LIST "" INBOX RETURN (SUBSCRIBED STATUS (MESSAGES UNSEEN))')
    assert lines[1].endswith("(MESSAGES 0 UNSEEN 0)")


async def test_a_name_above_a_subscribed_one_that_exists_no_more_is_told_too(alice):
    """RFC 5258 section 5, example 8: or its subscription could never be found and undone."""
    await alice.says("SUBSCRIBE Gone/Below")
    lines = await alice.says('LIST (SUBSCRIBED RECURSIVEMATCH) "" %')
    assert '* LIST (\\NonExistent \\HasNoChildren) "/" "Gone" ("CHILDINFO" ("SUBSCRIBED"))' in lines
    assert not any("Gone" in line for line in await alice.says('LIST (SUBSCRIBED) "" %'))


async def test_a_name_that_only_stands_for_others_is_left_out_where_all_of_them_are_told(alice):
    """RFC 5258 section 3.5: redundant CHILDINFO is suppressed; example 9 shows the three cases."""
    for name in ("some/bar1", "some/bar2", "all/bar2", "all/bar22", "own", "own/mamba"):
        await alice.says(f"CREATE {name}")
        await alice.says(f"SUBSCRIBE {name}")
    for name in ("some", "all"):
        await alice.says(f"CREATE {name}")
    lines = [
        line for line in await alice.says('LIST (RECURSIVEMATCH SUBSCRIBED) "" (*2 some all own)') if "LIST" in line
    ]
    assert [line.split('"/" ')[1] for line in lines if not line.startswith("OK")] == [
        '"all/bar2"',
        '"all/bar22"',
        '"own" ("CHILDINFO" ("SUBSCRIBED"))',
        '"some" ("CHILDINFO" ("SUBSCRIBED"))',
        '"some/bar2"',
    ]


async def test_status_counts(alice):
    await append(alice)
    await append(alice, flags="(\\Seen \\Deleted) ")
    (line, _) = await alice.says("STATUS INBOX (MESSAGES UNSEEN DELETED SIZE UIDNEXT RECENT)")
    assert line.endswith(f"(MESSAGES 2 UNSEEN 1 DELETED 1 SIZE {2 * len(LETTER)} UIDNEXT 3 RECENT 0)")
    assert (await alice.says("STATUS Nothing (MESSAGES)"))[-1].startswith("NO [NONEXISTENT]")


async def test_selecting_tells_what_is_there(alice):
    await append(alice, flags="(\\Seen) ")
    await append(alice, flags="($Work) ")
    lines = await alice.says("SELECT inbox")
    assert "* 2 EXISTS" in lines
    assert any(line.startswith("* FLAGS (") and "$Work" in line for line in lines)
    assert any("[UNSEEN 2]" in line for line in lines)
    assert any("[UIDNEXT 3]" in line for line in lines)
    assert any("[HIGHESTMODSEQ" in line for line in lines)
    assert lines[-1] == "OK [READ-WRITE] Done"
    assert (await alice.says("EXAMINE INBOX"))[-1] == "OK [READ-ONLY] Done"
    assert (await alice.says("SELECT Nowhere"))[-1].startswith("NO [NONEXISTENT]")
    assert (await alice.says("FETCH 1 FLAGS"))[-1].startswith("BAD")


# -- reading


async def test_fetching_what_was_filed(alice):
    answer = await append(alice)
    assert answer[-1].startswith("OK [APPENDUID ")
    await alice.says("SELECT INBOX")
    octets = await alice.octets("FETCH 1 (UID RFC822.SIZE BODY.PEEK[])")
    assert octets == b"* 1 FETCH (UID 1 RFC822.SIZE %d BODY[] {%d}\r\n%b)\r\nOK Done\r\n" % (
        len(LETTER),
        len(LETTER),
        LETTER,
    )


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (b"1", b"first"),
        (b"1.MIME", b"Content-Type: text/plain\r\n\r\n"),
        (b"2", b"c2Vjb25kIMOE"),
        (b"3", b"Subject: inner\r\n\r\ninner text"),
        (b"3.HEADER", b"Subject: inner\r\n\r\n"),
        (b"3.TEXT", b"inner text"),
        (b"3.1", b"inner text"),
        (b"HEADER.FIELDS (SUBJECT DATE)", b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"),
        (b"TEXT", MIXED.partition(b"\r\n\r\n")[2]),
        (b"HEADER", MIXED[: MIXED.index(b"\r\n\r\n") + 4]),
        (b"", MIXED),
    ],
)
async def test_sections(alice, section, expected):
    await append(alice, MIXED)
    await alice.says("SELECT INBOX")
    octets = await alice.octets(b"FETCH 1 BODY.PEEK[" + section + b"]")
    label = section.replace(b"SUBJECT DATE", b"SUBJECT DATE")
    assert octets == b"* 1 FETCH (BODY[%b] {%d}\r\n%b)\r\nOK Done\r\n" % (label, len(expected), expected)


@pytest.mark.parametrize("section", [b"4", b"1.1", b"3.2", b"1.HEADER", b"9.9.9"])
async def test_parts_that_do_not_exist(alice, section):
    await append(alice, MIXED)
    await alice.says("SELECT INBOX")
    octets = await alice.octets(b"FETCH 1 BODY.PEEK[" + section + b"]")
    assert octets == b"* 1 FETCH (BODY[%b] NIL)\r\nOK Done\r\n" % section


async def test_partial_and_binary(alice):
    await append(alice, MIXED)
    await alice.says("SELECT INBOX")
    assert b"BODY[]<3> {5}\r\nm: bo)" in await alice.octets("FETCH 1 BODY.PEEK[]<3.5>")
    assert b"BODY[1]<99>" in await alice.octets("FETCH 1 BODY.PEEK[1]<99.5>")
    assert "second Ä".encode() in await alice.octets("FETCH 1 BINARY.PEEK[2]")
    assert b"BINARY.SIZE[2] 9" in await alice.octets("FETCH 1 BINARY.SIZE[2]")


async def test_content_with_nul_is_a_literal8(alice):
    """RFC 3516 section 4.2; a plain literal has none (RFC 9051 section 9)."""
    letter = b"From: a@b.test\r\nContent-Transfer-Encoding: binary\r\n\r\na\0b"
    assert (await alice.says(b"APPEND INBOX {%d+}\r\n" % len(letter) + letter))[-1].startswith("BAD A message with NUL")
    assert (await alice.says(b"APPEND INBOX ~{%d+}\r\n" % len(letter) + letter))[-1].startswith("OK")
    await append(alice, LETTER)
    await alice.says("SELECT INBOX")
    assert b"BINARY[1] ~{3}\r\na\0b" in await alice.octets("FETCH 1 BINARY.PEEK[1]")
    assert b"\0" not in await alice.octets("FETCH 1 BODY.PEEK[]")
    assert b"BINARY[1]<0> {1}\r\na" in await alice.octets("FETCH 1 BINARY.PEEK[1]<0.1>")
    assert b"BINARY[] {%d}\r\n" % len(LETTER) in await alice.octets("FETCH 2 BINARY.PEEK[]")


async def test_a_select_that_fails_ends_the_selection_whatever_it_fails_for(alice, twin):
    """RFC 9051 section 6.3.2; news of the mailbox before would be taken for that of another."""
    await append(alice)
    await alice.says("SELECT INBOX")
    assert await alice.says('SELECT "&bad"') == [
        "* OK [CLOSED] The mailbox before is closed",
        "NO [CANNOT] Mailbox name is not valid in this encoding",
    ]
    await append(twin)
    assert await alice.says("NOOP") == ["OK Done"]


@pytest.mark.parametrize(
    "when", ["31-Dec-9999 23:59:59 +0000", " 1-Jan-1970 00:00:00 +0000", "20-Jul-1969 20:17:40 +0000"]
)
async def test_a_message_keeps_its_date_however_far_away(alice, when):
    """RFC 9051 section 6.3.12."""
    await append(alice, flags=f'"{when}" ')
    await alice.says("SELECT INBOX")
    assert (await alice.says("FETCH 1 INTERNALDATE"))[0] == f'* 1 FETCH (INTERNALDATE "{when}")'
    day = when[:11].strip()
    assert (await alice.says(f"SEARCH ON {day}"))[0] == "* SEARCH 1"
    assert (await alice.says(f"SEARCH BEFORE {day}"))[0] == "* SEARCH"


async def test_a_date_that_is_none_in_utc_is_none(alice):
    """It was taken once, and its message could never be fetched again."""
    for when in ("31-Dec-9999 23:59:59 -2359", " 1-Jan-0001 00:00:00 +2359"):
        assert (await append(alice, flags=f'"{when}" '))[-1] == "BAD No such date"


async def test_structure_and_envelope(alice):
    await append(alice, MIXED)
    await alice.says("SELECT INBOX")
    octets = await alice.octets("FETCH 1 (BODYSTRUCTURE ENVELOPE PREVIEW)")
    assert b'"=?utf-8?q?Gr=C3=BC=C3=9Fe?="' in octets
    assert b'("text" "plain" ("charset" "utf-8") NIL NIL "base64" 12 0 NIL NIL NIL NIL)' in octets
    assert b'(NIL "inner" NIL' in octets
    assert b'PREVIEW "first"' in octets


async def test_reading_marks_as_seen_and_peeking_does_not(alice, twin):
    await append(alice)
    await alice.says("SELECT INBOX")
    await twin.says("EXAMINE INBOX")
    assert not any("Seen" in line for line in await alice.says("FETCH 1 BODY.PEEK[]"))
    assert not any("Seen" in line for line in await twin.says("FETCH 1 BODY[]"))
    assert any("FLAGS (\\Seen)" in line for line in await alice.says("FETCH 1 BODY[]"))
    assert any("FLAGS (\\Seen)" in line for line in await twin.says("NOOP"))


async def test_flags_alone_open_no_message(alice, monkeypatch):
    await append(alice)
    await alice.says("SELECT INBOX")
    monkeypatch.setattr(alice.office.store, "read", None)
    assert await alice.says("UID FETCH 1:* (FLAGS)") == ["* 1 FETCH (FLAGS () UID 1)", "OK Done"]


async def test_numbers_that_name_nothing(alice):
    await append(alice)
    await alice.says("SELECT INBOX")
    assert (await alice.says("FETCH 2 FLAGS"))[-1].startswith("BAD")
    assert await alice.says("UID FETCH 7 FLAGS") == ["OK Done"]
    assert (await alice.says("FETCH * FLAGS"))[0] == "* 1 FETCH (FLAGS ())"


# -- changing


async def test_flags_are_stored_and_told(alice, twin):
    await append(alice)
    await alice.says("SELECT INBOX")
    await twin.says("SELECT INBOX")
    assert await alice.says("STORE 1 +FLAGS (\\Flagged $Work)") == [
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)",
        "* 1 FETCH (FLAGS ($Work \\Flagged))",
        "OK Done",
    ]
    assert await alice.says("STORE 1 -FLAGS.SILENT (\\Flagged)") == ["OK Done"]
    assert (await twin.says("NOOP"))[-2:] == ["* 1 FETCH (FLAGS ($Work))", "OK Done"]
    assert await twin.says("NOOP") == ["OK Done"]


async def test_a_store_that_comes_too_late_is_refused(alice, twin):
    await append(alice)
    await alice.says("SELECT INBOX (CONDSTORE)")
    (line, _) = await alice.says("FETCH 1 (MODSEQ)")
    modseq = int(line.partition("MODSEQ (")[2].partition(")")[0])
    await twin.says("SELECT INBOX")
    await twin.says("STORE 1 +FLAGS (\\Flagged)")
    lines = await alice.says(f"STORE 1 (UNCHANGEDSINCE {modseq}) +FLAGS (\\Seen)")
    assert lines[-1].startswith("OK [MODIFIED 1]")


async def test_copy_and_move_tell_the_new_uids(alice):
    for _ in range(3):
        await append(alice)
    await alice.says("SELECT INBOX")
    assert (await alice.says("COPY 1:2 Archive"))[-1].startswith("OK [COPYUID")
    lines = await alice.says("MOVE 2:3 Archive")
    assert lines[0].startswith("* OK [COPYUID")
    assert lines[1:] == ["* 3 EXPUNGE", "* 2 EXPUNGE", "OK Done"]
    assert "(MESSAGES 4)" in (await alice.says("STATUS Archive (MESSAGES)"))[0]
    assert (await alice.says("COPY 1 Nowhere"))[-1].startswith("NO [TRYCREATE]")


async def test_expunge_removes_what_is_flagged(alice):
    for _ in range(4):
        await append(alice)
    await alice.says("SELECT INBOX")
    await alice.says("STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    assert await alice.says("UID EXPUNGE 3") == ["* 3 EXPUNGE", "OK Done"]
    assert await alice.says("EXPUNGE") == ["* 2 EXPUNGE", "OK Done"]
    await alice.says("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert await alice.says("CLOSE") == ["OK Closed"]
    assert "(MESSAGES 1)" in (await alice.says("STATUS INBOX (MESSAGES)"))[0]


async def test_nothing_changes_in_a_mailbox_that_is_examined(alice):
    await append(alice)
    await alice.says("EXAMINE INBOX")
    for command in ("STORE 1 +FLAGS (\\Seen)", "EXPUNGE", "MOVE 1 Archive"):
        assert (await alice.says(command))[-1].startswith("NO")


# -- hearing of others


async def test_a_message_keeps_its_number_while_numbers_are_in_use(alice, twin):
    """RFC 9051 section 7.5.1; what is gone by then is told with the next command that may."""
    for _ in range(2):
        await append(alice)
    await alice.says("SELECT INBOX")
    await twin.says("SELECT INBOX")
    await twin.says("STORE 1 +FLAGS.SILENT (\\Deleted)")
    await twin.says("EXPUNGE")
    lines = await alice.says("FETCH 1:2 (UID)")
    assert lines[:2] == ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 2)"]
    assert not any("EXPUNGE" in line for line in lines)
    assert (await alice.says("FETCH 1 (RFC822.SIZE)"))[-1].startswith("NO [EXPUNGEISSUED]")
    assert await alice.says("NOOP") == ["* 1 EXPUNGE", "OK Done"]


async def test_an_idling_session_hears_at_once(alice, twin):
    await alice.says("SELECT INBOX")
    assert await alice.says("IDLE") == ["+ idling"]
    await append(twin)
    await asyncio.sleep(0)
    assert await alice.pushed() == ["* 1 EXISTS"]
    await twin.says("SELECT INBOX")
    await twin.says("STORE 1 +FLAGS (\\Deleted)")
    await asyncio.sleep(0)
    assert await alice.pushed() == ["* 1 FETCH (FLAGS (\\Deleted))"]
    await twin.says("EXPUNGE")
    await asyncio.sleep(0)
    assert await alice.pushed() == ["* 1 EXPUNGE"]
    assert (await alice.plain(b"DONE\r\n"))[-1].endswith("OK Done")


async def test_what_happens_elsewhere_wakes_nobody_who_is_not_idling(alice, twin):
    await alice.says("SELECT INBOX")
    await append(twin)
    await asyncio.sleep(0)
    assert alice.line.woken == 0
    assert await alice.says("NOOP") == ["* 1 EXISTS", "OK Done"]


async def test_appending_to_the_selected_mailbox_shows_the_message(alice):
    await alice.says("SELECT INBOX")
    lines = await append(alice)
    assert lines[0] == "* 1 EXISTS"
    assert lines[-1].startswith("OK [APPENDUID")


async def test_a_selected_mailbox_that_is_removed_ends_the_session(alice, twin):
    await alice.says("CREATE Short")
    await alice.says("SELECT Short")
    await twin.says("DELETE Short")
    assert (await alice.says("NOOP"))[-1].startswith("* BYE")


async def test_quick_resynchronization(alice, twin):
    for _ in range(3):
        await append(alice)
    await twin.says("SELECT INBOX")
    (_, line, _) = await twin.says("STATUS INBOX (UIDVALIDITY HIGHESTMODSEQ)")
    validity = int(line.partition("UIDVALIDITY ")[2].split(" ")[0])
    modseq = int(line.partition("HIGHESTMODSEQ ")[2].split(")")[0])
    await twin.says("STORE 1 +FLAGS (\\Deleted)")
    await twin.says("EXPUNGE")
    await twin.says("STORE 2 +FLAGS (\\Flagged)")
    await alice.says("ENABLE QRESYNC")
    lines = await alice.says(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
    assert "* VANISHED (EARLIER) 1" in lines
    assert any(line.startswith("* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (") for line in lines)
    await twin.says("STORE 1 +FLAGS (\\Deleted)")
    await twin.says("EXPUNGE")
    assert "* VANISHED 2" in await alice.says("NOOP")


@pytest.mark.parametrize("command", ["EXPUNGE", "UID EXPUNGE 1:*", "MOVE 1 Archive", "UID MOVE 1 Archive"])
async def test_with_qresync_an_expunge_ends_with_how_far_it_went(alice, command):
    """RFC 7162 section 3.2.7, RFC 6851 section 4.4: or the client would ask for it all again."""
    for _ in range(2):
        await append(alice)
    await alice.says("ENABLE QRESYNC")
    await alice.says("SELECT INBOX")
    await alice.says("STORE 1 +FLAGS (\\Deleted)")
    lines = await alice.says(command)
    assert "* VANISHED 1" in lines
    (told,) = re.findall(r"^OK \[HIGHESTMODSEQ (\d+)\]", lines[-1])
    (kept,) = re.findall(r"HIGHESTMODSEQ (\d+)", "".join(await alice.says("STATUS INBOX (HIGHESTMODSEQ)")))
    assert told == kept


# -- filing


async def test_a_message_that_waits_for_leave(alice):
    lines = await alice.says(f"APPEND INBOX (\\Seen) {{{len(LETTER)}}}", LETTER)
    assert lines[0].startswith("+")
    assert lines[-1].startswith("OK [APPENDUID")


async def test_a_large_message_is_filed_whole(alice):
    octets = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 20_000
    await append(alice, octets)
    await alice.says("SELECT INBOX")
    assert octets in await alice.octets("FETCH 1 BODY[]")


async def test_what_cannot_be_filed_is_refused_before_it_is_sent(alice, office):
    assert (await alice.says("APPEND Nowhere {10}"))[-1].startswith("NO [TRYCREATE]")
    await office.store.change_account(office.accounts["alice"], quota=100)
    await office.directory.refresh(office.store)
    poor = await MailReader.enter(office, "alice")
    assert (await poor.says("APPEND INBOX {200}"))[-1].startswith("NO [OVERQUOTA]")
    assert (await append(alice))[-1].startswith("NO [OVERQUOTA]")


async def test_a_session_that_breaks_off_leaves_nothing(alice):
    await alice.says("APPEND INBOX {100}", b"half of it")
    assert alice.door.receives_content
    alice.leave()
    assert not alice.door.receives_content


async def test_nobody_sees_the_mail_of_others(office, alice, house):
    await append(alice)
    bob = await MailReader.enter(office, "bob", house)
    assert "* 0 EXISTS" in await bob.says("SELECT INBOX")


async def test_an_empty_pattern_of_the_extended_list_matches_nothing(alice):
    """RFC 9051 section 6.3.9: only the old form asks for the delimiter so."""
    assert await alice.says('LIST () "" ("")') == ["OK Done"]
    assert await alice.says('LIST "" "" RETURN (SUBSCRIBED)') == ["OK Done"]
    assert len(await alice.says('LIST "" ""')) == 2


async def test_status_tells_how_large_a_message_may_be(alice):
    """RFC 7889 section 3.1: an item that was asked for is answered."""
    (told,) = re.findall(r"APPENDLIMIT=(\d+)", (await alice.says("CAPABILITY"))[0])
    assert (await alice.says("STATUS INBOX (APPENDLIMIT)"))[0] == f'* STATUS "INBOX" (APPENDLIMIT {told})'


async def test_everything_of_an_empty_mailbox_is_nothing(alice):
    await alice.says("SELECT INBOX")
    for command in ("FETCH 1:* FLAGS", "FETCH * FLAGS", "STORE 1:* FLAGS ()", "COPY 1:* Archive"):
        assert (await alice.says(command))[-1].startswith("OK"), command
    assert (await alice.says("FETCH 1 FLAGS"))[-1].startswith("BAD")


async def test_what_vanished_is_narrowed_to_what_was_asked_for(alice):
    """RFC 7162 section 3.2.6; ``*`` is no smaller than what is gone."""
    await alice.says("ENABLE QRESYNC")
    await alice.says("SELECT INBOX")
    for _ in range(5):
        await alice.says(b"APPEND INBOX {4+}\r\n\r\nx\n")
    await alice.says("NOOP")
    await alice.says("STORE 2:4 +FLAGS.SILENT (\\Deleted)")
    await alice.says("EXPUNGE")
    for asked, told in (("3:4", "3:4"), ("1:2,4", "2,4"), ("1:*", "2:4"), ("4294967295", "")):
        lines = await alice.says(f"UID FETCH {asked} (FLAGS) (CHANGEDSINCE 1 VANISHED)")
        assert [line for line in lines if "VANISHED" in line] == ([f"* VANISHED (EARLIER) {told}"] if told else [])
