"""RFC 7162 at the door: what a client with a cache must be told so that it loses nothing."""

import re

import pytest

from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.mailreader import MailReader, open_house
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock

LETTER = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
async def readers(tmp_path):
    clock, ids, journal = ManualClock(), CountedIds(), KeptJournal()
    store = await open_store(tmp_path / "store", clock=clock, ids=ids, journal=journal)
    office = await Office(store, clock=clock, ids=ids, journal=journal).furnish()
    house = open_house(office)
    pair = [await MailReader.enter(office, "alice", house) for _ in range(2)]
    for _ in range(3):
        await pair[0].says(f"APPEND INBOX {{{len(LETTER)}+}}\r\n".encode() + LETTER)
    yield pair
    for reader in pair:
        reader.leave()
    await store.close()


def highest(lines):
    return [int(found[1]) for line in lines if (found := re.search(r"HIGHESTMODSEQ (\d+)", line))]


@pytest.mark.rfc(7162, "3.1", "MUST")
@pytest.mark.parametrize(
    "command",
    ["FETCH 1 (MODSEQ)", "FETCH 1 (FLAGS) (CHANGEDSINCE 1)", "SEARCH MODSEQ 1", "STORE 1 (UNCHANGEDSINCE 99) FLAGS ()",
     "STATUS Sent (HIGHESTMODSEQ)"],
)  # fmt: skip
async def test_the_first_sign_of_interest_is_answered_with_the_highest(readers, command):
    alice, _ = readers
    (before,) = highest(await alice.says("SELECT INBOX"))
    assert before in highest(await alice.says(command))
    assert before not in highest(await alice.says("FETCH 1 (MODSEQ)"))


@pytest.mark.rfc(7162, "3.1", "MUST")
async def test_then_every_fetch_response_has_the_mod_sequence(readers):
    alice, other = readers
    await alice.says("SELECT INBOX (CONDSTORE)")
    await other.says("SELECT INBOX")
    await other.says("STORE 1 +FLAGS (\\Seen)")
    (line, _) = await alice.says("NOOP")
    assert "MODSEQ (" in line
    assert "UID 1 " in line
    assert "MODSEQ (" in (await alice.says("STORE 2 +FLAGS.SILENT (\\Seen)"))[0]


@pytest.mark.rfc(7162, "3.2.4", "MUST")
@pytest.mark.parametrize(
    "command",
    ["FETCH 1 BODY[TEXT]", "FETCH 1 (FLAGS BODY[TEXT])", "UID FETCH 1 BODY[TEXT]", "FETCH 1 (MODSEQ UID FLAGS RFC822)"],
)
async def test_what_is_seen_by_being_read_is_told_with_uid_flags_and_mod_sequence_once_each(readers, command):
    alice, _ = readers
    await alice.says("SELECT INBOX (CONDSTORE)")
    answer = " ".join((await alice.says(command))[:-1])
    assert answer.count("FETCH") == 1
    for name in ("UID ", "FLAGS (\\Seen)", "MODSEQ ("):
        assert answer.count(name) == 1, answer


@pytest.mark.rfc(7162, "3.1.3", "SHOULD")
@pytest.mark.parametrize("silent", ["", ".SILENT"])
@pytest.mark.parametrize("since", [0, 1])
async def test_who_is_refused_is_told_what_is_there(readers, silent, since):
    """Or he would have to ask."""
    alice, other = readers
    await alice.says("SELECT INBOX (CONDSTORE)")
    await other.says("SELECT INBOX")
    await other.says("STORE 2 +FLAGS ($Taken)")
    if since:
        await alice.says("NOOP")
    lines = await alice.says(f"STORE 2 (UNCHANGEDSINCE {since}) +FLAGS{silent} ($Mine)")
    assert lines[-1].startswith("OK [MODIFIED 2]")
    told = [line for line in lines if line.startswith("* 2 FETCH")]
    assert re.fullmatch(r"\* 2 FETCH \(UID 2 FLAGS \(\$Taken\) MODSEQ \(\d+\)\)", told[-1])


@pytest.mark.rfc(7162, "3.2.7", "MUST")
@pytest.mark.parametrize("command", ["EXPUNGE", "UID EXPUNGE 1", "MOVE 1 Archive"])
async def test_removing_tells_the_highest_at_its_end(readers, command):
    alice, _ = readers
    await alice.says("ENABLE QRESYNC")
    (before,) = highest(await alice.says("SELECT INBOX"))
    await alice.says("STORE 1 +FLAGS.SILENT (\\Deleted)")
    lines = await alice.says(command)
    assert "* VANISHED 1" in lines
    assert highest(lines[-1:])[0] > before


@pytest.mark.rfc(7162, "3.2.8", "MUST")
async def test_close_tells_the_highest_when_something_went(readers):
    alice, _ = readers
    await alice.says("ENABLE QRESYNC")
    (before,) = highest(await alice.says("SELECT INBOX"))
    await alice.says("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert highest(await alice.says("CLOSE"))[0] > before


@pytest.mark.rfc(7162, "3.2", "MUST")
async def test_while_a_removal_is_held_back_the_highest_is_lower(readers):
    alice, other = readers
    await alice.says("ENABLE QRESYNC")
    (before,) = highest(await alice.says("SELECT INBOX"))
    await other.says("SELECT INBOX")
    await other.says("STORE 1 +FLAGS (\\Deleted)")
    await other.says("EXPUNGE")
    await other.says("STORE 1 +FLAGS (\\Seen)")
    lines = await alice.says("FETCH 1:3 (UID)")
    assert not any("VANISHED" in line for line in lines)
    assert highest(lines) == [before]
    assert "* VANISHED 1" in await alice.says("NOOP")


@pytest.mark.rfc(7162, "3.2.5.2", "SHOULD")
@pytest.mark.parametrize(("known", "changed", "gone"), [("", [1, 3], "2"), (" 2:3", [3], "2"), (" 1", [1], "")])
async def test_only_what_the_client_knows_of_is_told_anew(readers, known, changed, gone):
    alice, other = readers
    await other.says("SELECT INBOX")
    await other.says("STORE 2 +FLAGS (\\Deleted)")
    await other.says("EXPUNGE")
    await alice.says("ENABLE QRESYNC")
    uidvalidity = re.search(r"UIDVALIDITY (\d+)", " ".join(await alice.says("STATUS INBOX (UIDVALIDITY)")))[1]
    lines = await alice.says(f"SELECT INBOX (QRESYNC ({uidvalidity} 1{known}))")
    assert [int(found[1]) for line in lines if (found := re.search(r" FETCH \(UID (\d+) ", line))] == changed
    assert [line for line in lines if "VANISHED" in line] == ([f"* VANISHED (EARLIER) {gone}"] if gone else [])
