"""The short story of a cluster, told in every run: a server dies, then a node dies, and nobody loses a letter."""

import json

import pytest
from story import Story

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_server_dies_and_a_node_dies_and_nothing_acknowledged_is_lost(story: Story) -> None:
    story.open()
    rows = [json.loads(line) for line in story.nodes[0].operate("cluster", "status", "--json").splitlines()]
    assert sorted(row["role"] for row in rows if row["what"] == "server") == ["leader", "standby", "standby"]
    assert sorted(row["sync"] for row in rows if row.get("role") == "standby") == ["async", "sync"]
    assert [row["state"] for row in rows if row["what"] == "node"] == ["alive"] * 3
    story.cluster.kill_server(story.cluster.leader())
    story.senders.wait_for(300)
    story.nodes[1].kill()
    story.senders.wait_for(300)
    story.finish(most_repeats=100)
