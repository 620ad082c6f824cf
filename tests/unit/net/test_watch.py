"""The wheel: nothing is early, nothing is forgotten."""

import pytest

from posthouse.net.watch import Watch


class Thing:
    def __init__(self, watch: Watch, until: float = 0) -> None:
        self.watch, self.until = watch, until
        self.slot = 0
        self.seen: list[float] = []

    def due(self, now: float) -> None:
        self.seen.append(now)
        if self.until > now:
            self.watch.put(self, self.until)


def test_a_deadline_is_never_early_and_at_most_a_second_late():
    watch = Watch()
    thing = Thing(watch)
    watch.put(thing, 10.4)
    watch.turn(10.4)
    assert thing.seen == []
    watch.turn(11.0)
    assert thing.seen == [11.0]
    assert len(watch) == 0


def test_a_later_wish_replaces_an_earlier_one():
    watch = Watch()
    thing = Thing(watch)
    watch.put(thing, 10)
    watch.put(thing, 20)
    watch.turn(15)
    assert thing.seen == []
    watch.turn(21)
    assert thing.seen == [21]


def test_what_is_not_over_yet_is_looked_at_again():
    watch = Watch()
    thing = Thing(watch, until=30)
    watch.put(thing, 10)
    for second in range(10, 40):
        watch.turn(second)
    assert thing.seen == [11, 31]


def test_what_is_dropped_is_not_looked_at():
    watch = Watch()
    thing = Thing(watch)
    watch.put(thing, 10)
    watch.drop(thing)
    watch.drop(thing)
    watch.turn(100)
    assert thing.seen == []
    assert list(watch.everything()) == []


def test_a_machine_that_slept_catches_up():
    watch = Watch()
    things = [Thing(watch) for _ in range(50)]
    for at, thing in enumerate(things):
        watch.put(thing, at)
    watch.turn(1_000_000)
    assert all(thing.seen == [1_000_000] for thing in things)


def test_a_bug_in_one_does_not_lose_the_others():
    watch = Watch()

    class Broken(Thing):
        def due(self, now: float) -> None:
            super().due(now)
            raise ValueError("on purpose")

    things = [kind(watch) for kind in (Thing, Broken) * 4]
    for number, thing in enumerate(things):
        watch.put(thing, 10 + number % 3)
    with pytest.raises(ExceptionGroup) as caught:
        watch.turn(20)
    assert len(caught.value.exceptions) == 4
    assert all(thing.seen == [20] for thing in things)
