"""The short story of a cluster, told in every run: a server dies, then a node dies, and nobody loses a letter."""

import pytest
from story import Story, is_whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_server_dies_and_a_node_dies_and_nothing_acknowledged_is_lost(story: Story) -> None:
    story.open()
    story.await_status(is_whole)
    story.cluster.kill_server(story.cluster.leader())
    story.senders.wait_for(300)
    story.nodes[1].kill()
    story.senders.wait_for(300)
    story.finish(most_repeats=100)
