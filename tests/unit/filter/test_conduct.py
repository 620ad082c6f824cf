"""What bad manners cost (L19, L20)."""

from posthouse.admd.limits import Limits
from posthouse.filter.conduct import Conduct

LIMITS = Limits(soft_errors=2, hard_errors=4, junk_commands=3, unknown_recipients=1, stress_errors=1, stress_junk=2)


def test_errors_cost_nothing_then_a_second_each_then_the_session():
    conduct = Conduct(LIMITS)
    seen = []
    for _ in range(5):
        conduct.note_error()
        seen.append((conduct.penalty_seconds, conduct.is_over()))
    assert seen == [(0, False), (0, False), (1, False), (1, False), (1, True)]


def test_commands_without_mail_end_the_session_unless_mail_comes_between():
    conduct = Conduct(LIMITS)
    for _ in range(3):
        conduct.note_junk()
    conduct.note_mail()
    for _ in range(3):
        conduct.note_junk()
    assert not conduct.is_over()
    conduct.note_junk()
    assert conduct.is_over()


def test_one_unknown_recipient_too_many_is_the_end():
    conduct = Conduct(LIMITS)
    conduct.note_unknown()
    assert not conduct.is_over()
    conduct.note_unknown()
    assert conduct.is_over()


def test_while_places_are_rare_patience_ends_sooner_and_comes_back():
    conduct = Conduct(LIMITS)
    conduct.note_error()
    conduct.note_error()
    assert conduct.is_over(hurried=True)
    assert not conduct.is_over()


def test_who_was_thrown_out_lately_pays_from_the_first_error():
    conduct = Conduct(LIMITS, is_offender=True)
    assert conduct.penalty_seconds == 0
    conduct.note_error()
    assert conduct.penalty_seconds == 1
