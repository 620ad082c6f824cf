"""Guessing that no single counter sees (threat A03)."""

from posthouse.admd.limits import Limits
from posthouse.admd.spray import Spray
from posthouse.observe.ports import Level
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock


class Watch:
    def __init__(self, **limits: int) -> None:
        self.clock, self.journal = ManualClock(), KeptJournal()
        self.spray = Spray(Limits(**limits), self.clock, self.journal)

    def alarms(self, event: str) -> int:
        return sum(entry.event == event and entry.level is Level.ALARM for entry in self.journal.entries)


def test_one_password_for_many_names_raises_an_alarm_once() -> None:
    watch = Watch()
    for number in range(30):
        watch.spray.note(f"user{number}", "Spring2026!", f"198.51.100.{number}")
    assert watch.alarms("auth.spray") == 1
    assert "Spring2026!" not in str(watch.journal.entries)


def test_few_names_are_people_who_share_a_mistake() -> None:
    watch = Watch()
    for number in range(100):
        watch.spray.note(f"user{number % 7}", "Spring2026!", "192.0.2.1")
    assert watch.alarms("auth.spray") == 0


def test_after_an_hour_it_begins_anew() -> None:
    watch = Watch()
    for number in range(14):
        if number == 7:
            watch.clock.pass_time(3600)
        watch.spray.note(f"user{number}", "Spring2026!", "192.0.2.1")
    assert watch.alarms("auth.spray") == 0


def test_many_failures_in_all_raise_an_alarm_and_again_after_ten_minutes() -> None:
    watch = Watch(auth_failures_minute=10)
    for number in range(20):
        watch.spray.note(f"user{number}", f"guess {number}", "192.0.2.1")
    assert watch.alarms("auth.flood") == 1
    watch.clock.pass_time(600)
    for number in range(10):
        watch.spray.note(f"user{number}", None, "192.0.2.1")
    assert watch.alarms("auth.flood") == 2


def test_a_slow_stream_of_mistakes_does_not() -> None:
    watch = Watch(auth_failures_minute=10)
    for number in range(100):
        watch.spray.note(f"user{number}", f"guess {number}", "192.0.2.1")
        watch.clock.pass_time(7)
    assert watch.alarms("auth.flood") == 0


def test_an_account_under_attack_is_named_once() -> None:
    watch = Watch()
    for _ in range(50):
        watch.spray.note_locked("alice@office.test")
    assert watch.alarms("auth.attacked") == 1
