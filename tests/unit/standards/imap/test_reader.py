"""What the reader keeps, and what it gives up."""

from posthouse.standards.imap import events as e
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.reader import Reader
from posthouse.standards.imap.standing import Standing

OFFER = Offer(append_octets=100, login_in_clear=True)


def read(octets: bytes) -> tuple[Reader, e.Event | None]:
    reader = Reader(Standing(OFFER))
    reader.receive(octets)
    return reader, reader.next_event()


def test_what_is_whole_is_let_go():
    reader, event = read(b"a NOOP\r\nb NO")
    assert e.Noop("a") == event
    assert reader.kept == 4


def test_what_made_us_hang_up_is_let_go():
    reader, event = read(b"x" * 5000)
    assert event.fatal
    assert reader.kept == 0


def test_a_literal_is_paid_for_before_it_comes():
    """L31: the fifth of four is not asked for."""
    reader, _ = read(b"a LOGIN {0+}\r\n {0+}\r\n {0+}\r\n {0+}\r\n {0}\r\n")
    assert reader.kept == 0


def test_budgets_are_for_one_command():
    reader, _ = read(b"a LOGIN {4000+}\r\n" + b"x" * 4000 + b" {4000+}\r\n" + b"y" * 4000 + b"\r\n")
    for _ in range(5):
        reader.receive(b"a LOGIN {4000+}\r\n" + b"x" * 4000 + b" {4000+}\r\n" + b"y" * 4000 + b"\r\n")
        assert isinstance(reader.next_event(), e.Login)
