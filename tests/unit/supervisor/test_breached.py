"""The operator's list of stolen passwords."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.admd.passwords import breach_key
from posthouse.supervisor.breached import BreachedList, read_breached
from posthouse.testing.journal import KeptJournal

KEYS = sorted(hashlib.sha1(f"stolen {number}".encode()).hexdigest().upper() for number in range(1000))


@pytest.mark.parametrize("digits", [40, 20, 16])
@pytest.mark.parametrize("end", ["\n", ":17\r\n"])
@pytest.mark.parametrize("number", [1, 2, 3, 1000])
def test_all_that_is_in_it_is_found_and_nothing_else(tmp_path, digits: int, end: str, number: int) -> None:
    file = tmp_path / "list"
    file.write_bytes("".join(f"{key[:digits]}{end}" for key in KEYS[:number]).encode())
    found = BreachedList(file)
    assert all(found(key) for key in KEYS[:number])
    assert not any(found(hashlib.sha1(f"mine {n}".encode()).hexdigest().upper()) for n in range(300))
    assert not found("0" * 40)
    assert not found("F" * 40)


@settings(max_examples=50)
@given(lengths=st.lists(st.integers(0, 10**9), min_size=1, max_size=60), asked=st.integers(0, 80))
def test_lines_of_any_length_are_met_where_they_begin(tmp_path_factory, lengths: list[int], asked: int) -> None:
    file = tmp_path_factory.mktemp("list") / "list"
    keys = KEYS[: len(lengths)]
    file.write_text("".join(f"{key}:{count}\n" for key, count in zip(keys, lengths, strict=True)))
    assert BreachedList(file)(KEYS[asked]) == (asked < len(lengths))


def test_the_last_line_may_lack_its_end(tmp_path) -> None:
    file = tmp_path / "list"
    file.write_text("\n".join(KEYS))
    assert all(map(BreachedList(file), KEYS))


def test_the_key_is_the_one_of_the_list() -> None:
    """Have I Been Pwned: SHA-1 of the password in UTF-8, capital hex digits."""
    assert breach_key("password") == "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"


@pytest.mark.parametrize("content", [b"", b"password\n", b"5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:3\n", b"\0" * 500])
def test_another_file_raises_an_alarm_and_says_no(tmp_path, content: bytes) -> None:
    file = tmp_path / "list"
    file.write_bytes(content)
    journal = KeptJournal()
    assert read_breached(file, journal) is None
    assert journal.entries[0].event == "passwords.breached-unreadable"


def test_a_list_that_goes_away_says_no(tmp_path) -> None:
    file = tmp_path / "list"
    file.write_text("\n".join(KEYS) + "\n")
    journal = KeptJournal()
    ask = read_breached(file, journal)
    assert ask is not None
    assert ask(KEYS[3])
    file.unlink()
    assert not ask(KEYS[3])
    assert journal.entries


def test_without_one_nobody_is_asked() -> None:
    assert read_breached(None, KeptJournal()) is None
