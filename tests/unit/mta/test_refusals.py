"""Saying no."""

import pytest

from posthouse.mail.reply import reply
from posthouse.mta.client import Client
from posthouse.mta.refusals import Refusals
from posthouse.observe.ledger import parse_record
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import STRANGER
from posthouse.testing.ports import CountedIds, ManualClock


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
    marked = Refusals(notes, ManualClock(), CountedIds(), journal).note(
        Client(STRANGER, "smtp", hello="a.example"), given, sender="a@b.test", recipients=("c@d.test",), size=5
    )
    assert str(marked) == said
    record = notes.records["t00000000001"]
    assert (record.verdict, record.reply, record.sender, record.size) == (verdict, str(given), "a@b.test", 5)
    assert [entry.event for entry in journal.entries] == ["mail.refused"]


def test_the_last_word_of_a_session_stays_the_last():
    given = reply(421, "4.7.0", "bye", hang_up=True)
    assert Refusals(Notes(), ManualClock(), CountedIds(), KeptJournal()).note(Client(STRANGER, "smtp"), given).hang_up
