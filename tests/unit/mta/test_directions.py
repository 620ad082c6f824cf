"""Where items of the queue go: each domain is asked for once, whoever waits, and what was found holds for a while."""

import asyncio
from types import SimpleNamespace

import pytest

from posthouse.mail.outcome import Deferred, Failed
from posthouse.mail.reply import reply
from posthouse.mta.directions import ROUTE_SECONDS, Directions
from posthouse.mta.route import Hop, HostRoute, Routes
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock

HOPS = (Hop("mx.test"),)


class Zone:
    """Where domains lead, once it is ``open``."""

    def __init__(self):
        self.found, self.asked, self.open = {}, [], asyncio.Event()

    async def find(self, domain):
        self.asked.append(domain)
        await self.open.wait()
        found = self.found.get(domain, HOPS)
        if isinstance(found, Exception):
            raise found
        return found


class Crew(SimpleNamespace):
    """What ``Directions`` asks of a ``mta.crew.Crew``."""

    def __init__(self):
        self.zone, self.clock, self.journal = Zone(), ManualClock(), KeptJournal()
        self.routes = Routes(self.zone, table={"static.test": HostRoute("static", HOPS)})
        self.results = []
        self.settler = SimpleNamespace(add=self.results.extend)


def item(domain, number=1):
    return SimpleNamespace(item=number, domain=domain)


@pytest.fixture
def crew():
    return Crew()


async def asked(crew, directions, *items):
    """The routes that are known at once."""
    async with asyncio.TaskGroup() as tasks:
        at_once = [route.key for route, _ in directions.sort(items, tasks)]
        crew.zone.open.set()
    return at_once


async def test_a_domain_is_asked_for_once_for_all_who_wait_and_known_for_a_while(crew):
    found = []
    directions = Directions(crew, lambda route, items: found.append((route.key, len(items))))
    assert await asked(crew, directions, item("a.test"), item("a.test", 2), item("static.test", 3)) == ["static"]
    assert (crew.zone.asked, found) == (["a.test"], [("mx:mx.test:25", 2)])
    crew.clock.pass_time(ROUTE_SECONDS - 1)
    assert await asked(crew, directions, item("a.test")) == ["mx:mx.test:25"]
    crew.clock.pass_time(2)
    assert await asked(crew, directions, item("a.test")) == []
    assert crew.zone.asked == ["a.test"] * 2


async def test_domains_that_lead_to_the_same_hosts_are_one_route(crew):
    directions = Directions(crew, lambda *_: None)
    await asked(crew, directions, item("a.test"), item("b.test", 2))
    assert await asked(crew, directions, item("a.test"), item("b.test", 2)) == ["mx:mx.test:25"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (reply(550, "5.1.2", "no such domain"), Failed),
        (reply(450, "4.4.3", "no answer"), Deferred),
        (ValueError("on purpose"), Deferred),
    ],
    ids=["for good", "for now", "a bug"],
)
async def test_where_nobody_knows_the_way_all_who_wait_are_settled(crew, answer, outcome):
    crew.zone.found["a.test"] = answer
    directions = Directions(crew, lambda *_: pytest.fail("found"))
    await asked(crew, directions, item("a.test"), item("a.test", 2))
    assert [type(result.outcome) for result in crew.results] == [outcome] * 2
    assert [entry.event for entry in crew.journal.entries] == ["queue.route-bug"] * isinstance(answer, ValueError)
    assert await asked(crew, directions, item("a.test", 3)) == []
    assert crew.zone.asked == ["a.test"] * 2  # nothing is remembered of it


async def test_a_domain_for_whose_answer_many_wait_is_crowded(crew):
    directions = Directions(crew, lambda *_: None)
    async with asyncio.TaskGroup() as tasks:
        directions.sort([item("a.test"), item("a.test", 2), item("b.test", 3)], tasks)
        assert list(directions.crowded(2)) == ["a.test"]
        crew.zone.open.set()
    assert list(directions.crowded(1)) == []
