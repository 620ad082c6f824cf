"""One session a maildrop, and none that hangs keeps its owner out."""

from posthouse.services.pop3d.holders import TAKEOVER_SECONDS, Holders

ALICE, BOB = 1, 2


class Client:
    def __init__(self, heard_at=0.0):
        self.heard_at = heard_at
        self.ousted = 0

    def oust(self):
        self.ousted += 1


def test_a_maildrop_has_one_holder_and_another_maildrop_another():
    holders, first, second = Holders(), Client(), Client()
    assert holders.take(ALICE, first, 0.0)
    assert not holders.take(ALICE, second, 1.0)
    assert holders.take(BOB, second, 1.0)
    assert first.ousted == second.ousted == 0


def test_who_was_heard_of_lately_keeps_it_and_who_was_not_is_told():
    """Threat I10."""
    holders, silent, late = Holders(), Client(heard_at=10.0), Client()
    assert holders.take(ALICE, silent, 10.0)
    assert not holders.take(ALICE, late, 10.0 + TAKEOVER_SECONDS - 1)
    assert holders.take(ALICE, late, 10.0 + TAKEOVER_SECONDS)
    assert (silent.ousted, late.ousted) == (1, 0)


def test_what_was_taken_is_not_given_up_by_who_had_it_before():
    holders, silent, late, third = Holders(), Client(), Client(heard_at=100.0), Client()
    holders.take(ALICE, silent, 0.0)
    holders.take(ALICE, late, 100.0)
    holders.give_up(ALICE, silent)
    assert not holders.take(ALICE, third, 100.0)
    holders.give_up(ALICE, late)
    assert holders.take(ALICE, third, 100.0)
