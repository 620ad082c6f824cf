"""Records have stable keys: other programs read them."""

import json

from posthouse.observe.ledger import Record, format_record, parse_record


def test_the_keys_are_the_words_that_tools_know():
    record = Record(id="t1", at=5, door="smtp", verdict="accepted", sender="a@b.test", recipients=("c@d.test",), size=7)
    assert json.loads(format_record(record)) == {
        "id": "t1", "at": 5, "door": "smtp", "verdict": "accepted", "from": "a@b.test", "to": ["c@d.test"], "size": 7,
    }  # fmt: skip


def test_what_is_written_is_read_again():
    record = Record(id="t1", at=5, door="smtp", verdict="refused", reply="550 no", helo='x"\n', stored=("ä@b.test",))
    assert parse_record(format_record(record)) == record
