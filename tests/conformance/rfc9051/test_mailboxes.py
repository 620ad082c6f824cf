"""RFC 9051, what mailboxes and messages must keep: UIDs, flags, views, the promises of each command."""

import asyncio
import re

import pytest

from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.mailreader import MailReader, open_house
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock

LETTER = b"From: a@b.test\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.fixture
async def office(tmp_path):
    clock, ids, journal = ManualClock(), CountedIds(), KeptJournal()
    store = await open_store(tmp_path / "store", clock=clock, ids=ids, journal=journal)
    yield await Office(store, clock=clock, ids=ids, journal=journal).furnish()
    await store.close()


@pytest.fixture
def house(office):
    return open_house(office)


@pytest.fixture
async def alice(office, house):
    reader = await MailReader.enter(office, "alice", house)
    yield reader
    reader.leave()


async def append(reader, number=1, mailbox="INBOX", words=""):
    for _ in range(number):
        answer = await reader.says(f"APPEND {mailbox} {words}{{{len(LETTER)}+}}\r\n".encode() + LETTER)
        assert answer[-1].startswith("OK"), answer
    return answer


def numbers(lines, name):
    return [int(found[1]) for line in lines if (found := re.search(rf"{name} \(?(\d+)", line))]


@pytest.mark.rfc(9051, "2.3.1.1", "MUST")
async def test_uids_ascend_and_are_never_used_again(alice):
    await append(alice, 3)
    await alice.says("SELECT INBOX")
    await alice.says("STORE 3 +FLAGS (\\Deleted)")
    await alice.says("EXPUNGE")
    await append(alice)
    assert numbers(await alice.says("FETCH 1:* (UID)"), "UID") == [1, 2, 4]


@pytest.mark.rfc(9051, "2.3.1.1", "MUST")
async def test_a_mailbox_made_again_under_its_name_has_another_uidvalidity(alice):
    await alice.says("CREATE Again")
    before = numbers(await alice.says("STATUS Again (UIDVALIDITY)"), "UIDVALIDITY")
    await alice.says("DELETE Again")
    await alice.says("CREATE Again")
    after = numbers(await alice.says("STATUS Again (UIDVALIDITY)"), "UIDVALIDITY")
    assert after > before


@pytest.mark.rfc(9051, "2.3.1.1", "MUST")
async def test_uidnext_is_more_than_every_uid(alice):
    (answer,) = await append(alice)
    uid = int(answer.split("]", maxsplit=1)[0].split()[-1])
    assert numbers(await alice.says("STATUS INBOX (UIDNEXT)"), "UIDNEXT")[0] > uid


@pytest.mark.rfc(9051, "6.3.2", "MUST")
async def test_what_select_must_tell(alice):
    lines = " ".join(await alice.says("SELECT INBOX"))
    for wanted in ("* FLAGS (", " EXISTS", "[UIDVALIDITY ", "[UIDNEXT ", "[PERMANENTFLAGS "):
        assert wanted in lines


@pytest.mark.rfc(9051, "6.3.2", "MUST")
async def test_once_rev2_is_enabled_select_lists_the_mailbox_and_recent_is_not_told(alice):
    await alice.says("ENABLE IMAP4rev2")
    lines = await alice.says("SELECT INBOX")
    assert any(line.startswith("* LIST () ") and "INBOX" in line for line in lines)
    assert not any("RECENT" in line for line in lines)


@pytest.mark.rfc(9051, "6.3.2", "MUST")
async def test_a_failed_select_leaves_nothing_selected(alice):
    await alice.says("SELECT INBOX")
    assert (await alice.says("SELECT Nothing"))[-1].startswith("NO")
    assert (await alice.says("FETCH 1:* FLAGS"))[-1].startswith("BAD")


@pytest.mark.rfc(9051, "6.3.2", "MUST")
async def test_the_closing_of_the_mailbox_before_is_told(alice):
    await alice.says("SELECT INBOX")
    assert (await alice.says("SELECT Sent"))[0].startswith("* OK [CLOSED]")


@pytest.mark.rfc(9051, "6.3.3", "MUST")
async def test_nothing_changes_in_a_mailbox_that_is_examined(alice):
    await append(alice)
    await alice.says("EXAMINE INBOX")
    await alice.says("FETCH 1 BODY[]")
    assert await alice.says("FETCH 1 FLAGS") == ["* 1 FETCH (FLAGS ())", "OK Done"]


@pytest.mark.rfc(9051, "6.3.4", "SHOULD")
async def test_missing_parents_are_made(alice):
    await alice.says("CREATE a/b/c")
    lines = await alice.says('LIST "" a*')
    assert [line.rpartition(" ")[2].strip('"') for line in lines[:-1]] == ["a", "a/b", "a/b/c"]


@pytest.mark.rfc(9051, "6.3.5", "MUST NOT")
async def test_deleting_a_mailbox_leaves_those_below_it(alice):
    await append(alice, mailbox="Sent")
    await alice.says("CREATE a/b")
    await append(alice, mailbox="a/b")
    await alice.says("DELETE a")
    lines = await alice.says('LIST "" a*')
    assert any("\\Noselect" in line and line.rstrip('"').endswith("a") for line in lines)
    assert numbers(await alice.says("STATUS a/b (MESSAGES)"), "MESSAGES") == [1]


@pytest.mark.rfc(9051, "6.3.6", "MUST")
async def test_renaming_takes_those_below_along(alice):
    await alice.says("CREATE a/b")
    await append(alice, mailbox="a/b")
    await alice.says("RENAME a z")
    assert numbers(await alice.says("STATUS z/b (MESSAGES)"), "MESSAGES") == [1]


@pytest.mark.rfc(9051, "6.3.12", "MUST")
async def test_append_keeps_octets_flags_and_date(alice):
    await append(alice, words='(\\Seen $Work) "17-Jul-1996 02:44:25 -0700" ')
    await alice.says("SELECT INBOX")
    heard = await alice.octets("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])")
    assert b"FLAGS ($Work \\Seen)" in heard
    assert b'INTERNALDATE "17-Jul-1996 09:44:25 +0000"' in heard
    assert LETTER in heard


@pytest.mark.rfc(9051, "6.3.12", "MUST")
async def test_append_to_nowhere_says_trycreate_and_makes_nothing(alice):
    assert (await alice.says("APPEND Nowhere {5}"))[-1].startswith("NO [TRYCREATE]")
    assert (await alice.says("STATUS Nowhere (MESSAGES)"))[-1].startswith("NO")


@pytest.mark.rfc(9051, "6.3.13", "MUST")
async def test_idle_tells_at_once_and_ends_with_done(alice, office, house):
    await alice.says("SELECT INBOX")
    assert (await alice.says("IDLE"))[0].startswith("+")
    other = await MailReader.enter(office, "alice", house)
    await append(other)
    await asyncio.sleep(0)
    assert await alice.pushed() == ["* 1 EXISTS"]
    assert (await alice.plain(b"DONE\r\n"))[-1].endswith("OK Done")


@pytest.mark.rfc(9051, "6.4.1", "MUST")
async def test_close_removes_without_telling_and_unselect_does_not_remove(alice):
    await append(alice, 2, words="(\\Deleted) ")
    await alice.says("SELECT INBOX")
    assert await alice.says("UNSELECT") == ["OK Closed"]
    assert numbers(await alice.says("STATUS INBOX (MESSAGES)"), "MESSAGES") == [2]
    await alice.says("SELECT INBOX")
    assert await alice.says("CLOSE") == ["OK Closed"]
    assert numbers(await alice.says("STATUS INBOX (MESSAGES)"), "MESSAGES") == [0]


@pytest.mark.rfc(9051, "6.4.5", "MUST")
async def test_fetching_a_body_sets_seen_and_tells_it(alice):
    await append(alice)
    await alice.says("SELECT INBOX")
    assert b"FLAGS (\\Seen)" in await alice.octets("FETCH 1 BODY[TEXT]")
    assert b"FLAGS" not in await alice.octets("FETCH 1 BODY[TEXT]")


@pytest.mark.rfc(9051, "6.4.6", "MUST")
async def test_a_silent_store_is_not_answered(alice):
    await append(alice)
    await alice.says("SELECT INBOX")
    assert await alice.says("STORE 1 FLAGS.SILENT (\\Answered)") == ["OK Done"]
    assert await alice.says("FETCH 1 FLAGS") == ["* 1 FETCH (FLAGS (\\Answered))", "OK Done"]


@pytest.mark.rfc(9051, "6.4.7", "SHOULD")
async def test_a_copy_keeps_flags_and_date(alice):
    await append(alice, words='(\\Flagged) "17-Jul-1996 02:44:25 -0700" ')
    await alice.says("SELECT INBOX")
    await alice.says("COPY 1 Archive")
    await alice.says("SELECT Archive")
    (line, _) = await alice.says("FETCH 1 (FLAGS INTERNALDATE)")
    assert "FLAGS (\\Flagged)" in line
    assert "17-Jul-1996 09:44:25" in line


@pytest.mark.rfc(9051, "6.4.7", "MUST")
async def test_a_copy_to_nowhere_copies_nothing(alice):
    await append(alice)
    await alice.says("SELECT INBOX")
    assert (await alice.says("COPY 1 Nowhere"))[-1].startswith("NO [TRYCREATE]")


@pytest.mark.rfc(9051, "6.4.8", "MUST")
async def test_a_move_tells_the_new_uids_before_the_old_ones_go(alice):
    await append(alice, 2)
    await alice.says("SELECT INBOX")
    lines = await alice.says("MOVE 1 Archive")
    assert "COPYUID" in lines[0]
    assert lines[1] == "* 1 EXPUNGE"


@pytest.mark.rfc(9051, "6.4.9", "MUST")
async def test_uid_commands_pass_over_what_does_not_exist_and_tell_the_uid(alice):
    await append(alice, 2)
    await alice.says("SELECT INBOX")
    assert await alice.says("UID FETCH 2,50 FLAGS") == ["* 2 FETCH (FLAGS () UID 2)", "OK Done"]
    assert await alice.says("UID STORE 1 +FLAGS (\\Seen)") == ["* 1 FETCH (UID 1 FLAGS (\\Seen))", "OK Done"]
    assert await alice.says("UID STORE 77 +FLAGS (\\Seen)") == ["OK Nothing to do"]


@pytest.mark.rfc(9051, "7.5.1", "MUST NOT")
@pytest.mark.parametrize("command", ["FETCH 1 (FLAGS)", "STORE 1 +FLAGS (\\Seen)", "SEARCH ALL"])
async def test_no_number_shifts_while_numbers_are_in_use(alice, office, house, command):
    await append(alice, 2)
    await alice.says("SELECT INBOX")
    other = await MailReader.enter(office, "alice", house)
    await other.says("SELECT INBOX")
    await other.says("STORE 2 +FLAGS (\\Deleted)")
    await other.says("EXPUNGE")
    assert not any("EXPUNGE" in line for line in await alice.says(command))
    assert "* 2 EXPUNGE" in await alice.says("NOOP")


@pytest.mark.rfc(9051, "7.5.1", "MUST")
async def test_numbers_told_to_go_are_those_of_that_moment(alice):
    await append(alice, 4, words="(\\Deleted) ")
    await alice.says("SELECT INBOX")
    view = [1, 2, 3, 4]
    for line in (await alice.says("EXPUNGE"))[:-1]:
        del view[int(line.split()[1]) - 1]
    assert view == []


@pytest.mark.rfc(9051, "6.4.4", "MUST")
async def test_an_unknown_charset_is_refused_with_those_we_know(alice):
    await alice.says("SELECT INBOX")
    assert "BADCHARSET" in (await alice.says("SEARCH CHARSET KLINGON ALL"))[-1]


PARTS = (
    b"Subject: pictures\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nnobody sees this heron\r\n--b\r\n"
    b'Content-Type: text/plain; name="flamingo.txt"\r\n\r\nhello\r\n--b\r\n'
    b"Content-Type: message/rfc822\r\n\r\nFrom: ostrich@b.test\r\nSubject: =?utf-8?Q?P=C3=A9lican?=\r\n\r\ninside\r\n--b--\r\n"
)


@pytest.mark.rfc(9051, "6.4.4", "MUST")
@pytest.mark.parametrize("word", ["flamingo", "ostrich", "pe\u0301lican", "pictures", "inside"])
async def test_text_finds_what_the_headers_of_parts_and_of_messages_inside_say(alice, word):
    await alice.says(f"APPEND INBOX {{{len(PARTS)}+}}\r\n".encode() + PARTS)
    await append(alice)
    await alice.says("SELECT INBOX")
    octets = word.encode()
    assert (await alice.says(b"SEARCH TEXT {%d+}\r\n%b" % (len(octets), octets)))[0] == "* SEARCH 1"
    body = (await alice.says(b"SEARCH BODY {%d+}\r\n%b" % (len(octets), octets)))[0]
    assert body == ("* SEARCH 1" if word == "inside" else "* SEARCH")


@pytest.mark.rfc(9051, "7.1", "MUST")
async def test_keywords_in_use_are_told_to_be_permanent(alice):
    await append(alice, words="($Forwarded) ")
    told = " ".join(await alice.says("SELECT INBOX"))
    assert "$Forwarded" in told.partition("* FLAGS (")[2].partition(")")[0]
    assert r"$Forwarded \*)]" in told.partition("[PERMANENTFLAGS (")[2]
    assert "[PERMANENTFLAGS ()]" in " ".join(await alice.says("EXAMINE INBOX"))
