"""What operators are told of many machines."""

import msgspec
import pytest

from posthouse import __version__
from posthouse.observe.ports import Level
from posthouse.ops.cluster import findings, node_state
from posthouse.ops.house import CannotDo
from posthouse.storage.sql.migrations import MIGRATIONS
from posthouse.storage.standing import NO_ANSWER, NO_LEADER, Backlog, CellRow, NodeRow, ServerRow, Standing
from posthouse.supervisor.standing import measure, tell_news
from posthouse.testing.journal import KeptJournal, KeptMeter

NOW = 1_000_000_000
GOOD = Standing(
    "postgresql://h1,h2,h3/posthouse",
    MIGRATIONS[-1].number,
    Backlog(waiting=3, claimed=2, owners=(("a", 2),)),
    nodes=(NodeRow("a", 0, __version__, 0, NOW - 5000), NodeRow("b", 1, __version__, 0, NOW)),
    servers=(
        ServerRow("h1:5432", "leader", "15.18"),
        ServerRow("h2:5432", "standby", "15.18", "sync", 100, 2),
        ServerRow("h3:5432", "standby", "15.18", "async", 100, 2),
    ),
    synchronous=True,
    sessions=20,
    most_sessions=100,
)


def but(**changes):
    return msgspec.structs.replace(GOOD, **changes)


def server(place, **changes):
    return tuple(
        msgspec.structs.replace(one, **changes) if number == place else one for number, one in enumerate(GOOD.servers)
    )


def test_a_house_in_order_needs_nothing():
    assert list(findings(GOOD, NOW)) == []


@pytest.mark.parametrize(
    ("seen", "level", "words"),
    [
        (
            but(servers=server(2, role="away", sync="", trouble="refused")),
            "trouble",
            "h3:5432 does not answer: refused",
        ),
        (but(servers=server(1, lag_octets=10**9)), "trouble", "h2:5432 is 1000000000 octets"),
        (but(servers=server(1, lag_ms=20_000)), "trouble", "20000 ms behind"),
        (but(servers=server(1, sync="async")), "trouble", "no standby is synchronous"),
        (but(servers=server(2, sync="")), "advice", "not known how far h3:5432"),
        (but(servers=server(2, version="16.1")), "advice", "different versions"),
        (but(synchronous=False), "advice", "no second machine"),
        (
            but(nodes=(*GOOD.nodes, NodeRow("c", 2, __version__, 0, NOW - 61_000))),
            "trouble",
            "node c was not seen for 61",
        ),
        (but(nodes=(*GOOD.nodes, NodeRow("c", 2, __version__, 0, NOW - 31_000))), "advice", "not been heard for 31"),
        (but(trouble=NO_LEADER, servers=server(2, sync="")), "trouble", "no server of the engine leads"),
        (but(nodes=(*GOOD.nodes, NodeRow("c", 2, "0.0.1", 0, NOW))), "advice", "node c is release 0.0.1"),
        (but(backlog=Backlog(claimed=1, owners=(("gone", 1),))), "advice", "held by gone"),
        (but(backlog=Backlog(due=7, oldest_due=NOW - 400_000)), "trouble", "7 recipients are due, the oldest for 400"),
        (but(skew_ms=-3000), "trouble", "-3000 ms ahead"),
        (but(schema=1), "advice", "schema 1"),
        (but(trouble=NO_LEADER), "trouble", "asked to come again: no server of the engine leads"),
        (but(trouble="out of memory"), "trouble", "out of memory"),
        (
            but(cells=(CellRow(0, "home"), CellRow(1, "h4,h5/posthouse", NO_ANSWER))),
            "trouble",
            "cell 1 (h4,h5/posthouse) is away: no server of the engine answers",
        ),
        (but(sessions=95), "trouble", "95 of 100 sessions"),
    ],
)
def test_what_should_be_looked_at_is_said_with_what_to_do(seen, level, words):
    told = list(findings(seen, NOW))
    assert [(one[0], words in one[1], bool(one[2])) for one in told] == [(level, True, True)]


async def test_status_and_doctor_of_the_embedded_engine(operator):
    rows = await operator.do("cluster status")
    assert [row["what"] for row in rows] == ["engine", "node", "queue"]
    assert rows[1]["state"] == "alive"
    assert rows[1]["me"] is True
    assert await operator.do("cluster doctor") == []


def test_of_an_engine_that_does_not_answer_nothing_is_said_but_that():
    """Its nodes are not dead, and its queue is not empty: nobody knows."""
    away = tuple(msgspec.structs.replace(one, role="away", sync="", trouble="refused") for one in GOOD.servers)
    seen = Standing("postgresql://h1,h2,h3/posthouse", 0, Backlog(), servers=away, trouble=NO_ANSWER)
    told = [text for _, text, _ in findings(seen, NOW)]
    assert len(told) == 4
    assert told[0].endswith(NO_ANSWER)
    meter = KeptMeter()
    measure(seen, NOW, meter)
    assert {name for name, _ in meter.gauges} == {"cluster_servers", "cluster_synchronous", "cluster_lag_octets"}


async def test_status_begins_with_what_is_wrong_and_shows_the_cells(operator, monkeypatch):
    cells = (CellRow(0, "home"), CellRow(1, "h4,h5/posthouse", NO_ANSWER, draining=True))

    async def standing():
        return but(cells=cells, trouble=NO_LEADER)

    monkeypatch.setattr(type(operator.house.store), "standing", lambda _store: standing())
    rows = await operator.do("cluster status")
    assert [row["what"] for row in rows] == ["trouble", "trouble", "engine", "cell", "cell", *["server"] * 3]
    assert rows[0]["hint"]
    assert [row["state"] for row in rows if row["what"] == "cell"] == ["open", "away"]


def test_a_node_that_says_nothing_is_silent_before_it_is_dead():
    states = [node_state(NodeRow("a", 0, __version__, 0, NOW - ago), NOW) for ago in (24_000, 26_000, 61_000)]
    assert states == ["alive", "silent", "dead"]


async def test_the_embedded_engine_has_no_cells(operator):
    for operation in ("cell list", "cell add", "cell move"):
        with pytest.raises(CannotDo, match=r"no cells|no account"):
            await operator.do(operation)


def test_a_trouble_is_told_once_until_it_is_over():
    journal, told = KeptJournal(), frozenset()
    worse = but(nodes=(*GOOD.nodes, NodeRow("c", 2, __version__, 0, NOW - 61_000)))
    for later in (0, 30_000, 60_000):
        fresh = tuple(msgspec.structs.replace(node, seen=node.seen + later) for node in GOOD.nodes)
        told = tell_news(msgspec.structs.replace(worse, nodes=(*fresh, worse.nodes[-1])), NOW + later, told, journal)
    assert [entry.event for entry in journal.entries] == ["cluster.trouble"]
    assert journal.entries[0].level is Level.WARNING
    assert tell_news(GOOD, NOW, told, journal) == frozenset()
    assert journal.entries[-1].event == "cluster.better"


def test_the_numbers_are_metrics():
    meter = KeptMeter()
    measure(but(servers=server(2, role="away", sync="")), NOW, meter)
    found = {
        (name, dict(labels).get("role") or dict(labels).get("state", "")): v
        for (name, labels), v in meter.gauges.items()
    }
    assert found["queue_backlog", "waiting"] == 3
    assert found["queue_late_seconds", ""] == 0
    assert found["cluster_nodes", "alive"] == 2
    assert found["cluster_servers", "away"] == 1
    assert found["cluster_synchronous", ""] == 1
    assert found["cluster_lag_octets", ""] == 100
