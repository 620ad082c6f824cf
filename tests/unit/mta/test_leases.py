"""Nobody ends a content whose lease is about to end, or that somebody else holds by now."""

from posthouse.mta.leases import LEASE_SECONDS, Leases
from posthouse.mta.load import Load
from posthouse.storage.errors import StorageError
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock


class Renewing:
    """The part of the store that renews: says of each item whether it is still ours, or fails."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)

    async def renew(self, items, lease_until):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(items)


def held(item, *answers):
    clock, journal = ManualClock(), KeptJournal()
    leases = Leases(Renewing(*answers), clock, journal)
    leases.hold([item()], clock.monotonic() + LEASE_SECONDS)
    return leases, clock, journal


def test_content_is_ended_only_while_enough_of_the_lease_is_left(item):
    leases, clock, _ = held(item)
    clock.pass_time(54)
    assert leases.may_send(Load((item(),)))
    clock.pass_time(2)
    assert not leases.may_send(Load((item(),)))


def test_the_wall_clock_does_not_matter(item):
    leases, clock, _ = held(item)
    clock.jump(-86400)
    assert leases.may_send(Load((item(),)))
    clock.jump(2 * 86400)
    assert leases.may_send(Load((item(),)))


def test_another_token_is_not_ours(item):
    leases, _, _ = held(item)
    assert not leases.may_send(Load((item(token=2),)))
    leases.let_go([item(token=2)])
    assert len(leases) == 1
    leases.let_go([item()])
    assert len(leases) == 0


async def test_a_renewed_lease_begins_anew_and_a_lost_one_is_let_go(item):
    leases, clock, _ = held(item, True, False)
    clock.pass_time(50)
    await leases.renew()
    clock.pass_time(50)
    assert leases.may_send(Load((item(),)))
    await leases.renew()
    assert len(leases) == 0


def test_nothing_is_begun_with_less_than_half_of_the_lease(item):
    leases, clock, _ = held(item)
    clock.pass_time(29)
    assert leases.may_begin(Load((item(),)))
    clock.pass_time(2)
    assert not leases.may_begin(Load((item(),)))
    assert leases.may_send(Load((item(),))), "what was begun is ended"


async def test_a_cell_that_is_away_lengthens_nothing_and_takes_nothing(item):
    leases, clock, _ = held(item, None)
    clock.pass_time(50)
    await leases.renew()
    assert leases.may_send(Load((item(),)))
    clock.pass_time(6)
    assert not leases.may_send(Load((item(),))), "nobody said that it is still ours"
    assert len(leases) == 1, "nor that it is not"


async def test_a_store_in_trouble_lengthens_nothing(item):
    leases, clock, journal = held(item, StorageError("disk"))
    clock.pass_time(56)
    await leases.renew()
    assert not leases.may_send(Load((item(),)))
    assert [entry.event for entry in journal.entries] == ["queue.storage-trouble"]
