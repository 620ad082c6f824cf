"""Message identifiers tie a thread together, however they are wrapped."""

from posthouse.standards.imf.messageid import format_message_id, parse_message_id, parse_message_ids


def test_a_list_of_references():
    assert parse_message_ids(b"<a@x>\r\n <b@x>,<c@x> and words") == ["a@x", "b@x", "c@x"]


def test_an_old_phrase_names_nobody():
    assert parse_message_ids(b'Your message of "Monday"') == []


def test_one_identifier():
    assert parse_message_id(b" <a@x> ") == "a@x"
    assert parse_message_id(b"a@x") == "a@x"
    assert parse_message_id(b"<a b@x>") == "ab@x"
    assert parse_message_id(b"") is None
    assert parse_message_id(b"two words") is None


def test_no_more_than_wanted():
    assert len(parse_message_ids(b"<a@x>" * 5000, 50)) == 50
    parse_message_ids(b"<" * 100_000)
    parse_message_ids(b"<a" * 100_000)


def test_ours():
    assert format_message_id("k3x", "office.test") == b"<k3x@office.test>"


def test_brackets_around_nothing_but_blanks_name_nothing():
    assert parse_message_ids(b"< > <\t>") == []
    assert parse_message_id(b"< >") is None
