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


def test_who_could_not_be_looked_at_is_looked_at_again():
    """Memory that was short for a moment makes nobody immortal (threat R06)."""
    watch = Watch()

    class Starved(Thing):
        def due(self, now: float) -> None:
            super().due(now)
            if len(self.seen) == 1:
                raise MemoryError

    thing = Starved(watch)
    watch.put(thing, 10)
    with pytest.raises(ExceptionGroup):
        watch.turn(11)
    watch.turn(12)
    watch.turn(13)
    assert thing.seen == [11, 12]
    assert len(watch) == 0


def test_who_is_ended_by_a_neighbour_is_not_looked_at():
    watch = Watch()
    things: list[Thing] = []

    class Ending(Thing):
        def due(self, now: float) -> None:
            super().due(now)
            for other in things:
                watch.drop(other)

    things += [Ending(watch) for _ in range(5)]
    for thing in things:
        watch.put(thing, 10)
    watch.turn(11)
    assert sum(len(thing.seen) for thing in things) == 1
    assert len(watch) == 0


class Loop:
    """Timers that come when they are told to, or are lost."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds, what, *words):
        self.timers.append(Timer(self.now + seconds, lambda: what(*words)))
        return self.timers[-1]

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for timer in [one for one in self.timers if one.at <= self.now]:
            self.timers.remove(timer)
            if not timer.cancelled:
                timer.ring()


class Timer:
    def __init__(self, at: float, ring) -> None:
        self.at, self.ring, self.cancelled = at, ring, False

    def cancel(self) -> None:
        self.cancelled = True


def test_a_timer_that_is_lost_is_set_again_by_who_comes_next():
    watch, loop = Watch(), Loop()
    watch.run(loop)
    first, second = Thing(watch), Thing(watch)
    watch.put(first, 3)
    loop.timers.clear()
    loop.pass_time(30)
    assert first.seen == []
    watch.put(second, 40)
    loop.pass_time(1)
    assert first.seen == [31]
    for _ in range(10):
        loop.pass_time(1)
    assert second.seen == [41]


def test_a_timer_that_is_late_turns_once():
    watch, loop = Watch(), Loop()
    watch.run(loop)
    loop.now += 60
    watch.put(Thing(watch), 100)
    loop.pass_time(1)
    assert len([one for one in loop.timers if not one.cancelled]) == 1
    watch.stop()
    loop.pass_time(1)
    assert [one for one in loop.timers if not one.cancelled] == []
