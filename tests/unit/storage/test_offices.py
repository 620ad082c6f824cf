"""Every word of the port is answered by the office that has it."""

import pytest

from posthouse.storage import ports
from posthouse.storage.offices import Offices

PORTS = {
    "queue": ports.Queue,
    "mailboxes": ports.Mailboxes,
    "people": ports.People,
    "ledger": ports.Ledger,
    "shelves": ports.Shelves,
    "hints": ports.Hints,
}
WORDS = [(office, word) for office, port in PORTS.items() for word in vars(port) if not word.startswith("_")]


class Office:
    """Says who was asked what."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, word: str) -> tuple[str, str]:
        return self._name, word


@pytest.mark.parametrize(("office", "word"), WORDS)
def test_a_word_is_answered_by_its_office(office: str, word: str) -> None:
    assert getattr(Offices(**{name: Office(name) for name in PORTS}), word) == (office, word)


def test_no_word_belongs_to_two_offices() -> None:
    assert len({word for _, word in WORDS}) == len(WORDS) > 50
