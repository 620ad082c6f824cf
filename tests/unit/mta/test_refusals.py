"""Saying no."""

import pytest

from posthouse.mail.ids import AccountId
from posthouse.mail.reply import reply
from posthouse.mta.client import Client
from posthouse.mta.refusals import Refusals
from posthouse.observe.ledger import parse_record
from posthouse.storage.directory import AccountRow
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import STRANGER
from posthouse.testing.ports import CountedIds, ManualClock

MIB = 1024 * 1024
ACCOUNT = AccountRow(AccountId(1), "alice@office.test", "Alice", (), 10**6, 0)


class Notes:
    def __init__(self):
        self.records = {}

    def note(self, trace, _at, record):
        self.records[trace] = parse_record(record)


@pytest.mark.parametrize(
    ("given", "said", "verdict"),
    [
        (reply(550, "5.7.1", "no"), "550 5.7.1 no (id t00000000001)", "refused"),
        (reply(451, "4.3.0", "later"), "451 4.3.0 later (id t00000000001)", "deferred"),
        (reply(554, "5.0.0", "one", "two"), "554 5.0.0 one two (id t00000000001)", "refused"),
    ],
)
def test_a_refusal_says_its_id_and_the_ledger_has_the_rest(given, said, verdict):
    notes, journal = Notes(), KeptJournal()
    marked = Refusals(notes, ManualClock(), CountedIds(), journal, octets_day=MIB).note(
        Client(STRANGER, "smtp", hello="a.example"), given, sender="a@b.test", recipients=("c@d.test",), size=5
    )
    assert str(marked) == said
    record = notes.records["t00000000001"]
    assert (record.verdict, record.reply, record.sender, record.size) == (verdict, str(given), "a@b.test", 5)
    assert [entry.event for entry in journal.entries] == ["mail.refused"]


def test_the_last_word_of_a_session_stays_the_last():
    given = reply(421, "4.7.0", "bye", hang_up=True)
    refusals = Refusals(Notes(), ManualClock(), CountedIds(), KeptJournal(), octets_day=MIB)
    assert refusals.note(Client(STRANGER, "smtp"), given).hang_up


def test_beyond_so_many_octets_a_day_strangers_are_only_counted():
    notes, journal, clock = Notes(), KeptJournal(), ManualClock()
    refusals = Refusals(notes, clock, CountedIds(), journal, octets_day=20_000)
    stranger, no = Client(STRANGER, "smtp"), reply(550, "5.7.1", "no")
    for _ in range(1000):
        assert "(id " in str(refusals.note(stranger, no))
    kept = len(notes.records)
    assert 50 < kept < 300
    events = [entry.event for entry in journal.entries]
    assert (events.count("mail.refused"), events.count("refusals.full")) == (1000, 1)
    refusals.note(Client(STRANGER, "submission", account=ACCOUNT), no)
    assert len(notes.records) == kept + 1
    clock.pass_time(3600)
    refusals.note(stranger, no)
    assert len(notes.records) == kept + 2
    (left_out,) = [entry for entry in journal.entries if entry.event == "refusals.left-out"]
    assert left_out.values["records"] == 1000 - kept
