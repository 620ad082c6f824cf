"""Whatever happens to one machine: nothing acknowledged is lost or doubled, senders are held and then answered, readers
go on where they were. The ledger is kept by the senders, outside of all that is tested."""

import signal
import socket
import time

import pytest
from load import Senders
from node import Node
from story import HELD_SECONDS, PEOPLE, Story

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(420)]

LEASE_SECONDS = 60.0


def test_the_leaders_server_is_killed(story: Story) -> None:
    story.open()
    for _ in range(2):
        story.cluster.kill_server(story.cluster.leader())
        story.senders.wait_for(500)
        story.cluster.wait_whole()
    story.finish()


def test_the_leaders_machine_is_killed_and_comes_back_and_its_heir_is_killed(story: Story) -> None:
    story.open()
    first = story.cluster.leader()
    story.cluster.kill_machine(first)
    story.senders.wait_for(500)
    second = story.cluster.leader()
    assert second != first
    story.cluster.start_machine(first)
    story.cluster.wait_whole()
    story.cluster.kill_machine(second)
    story.senders.wait_for(500)
    assert story.cluster.leader() != second
    story.finish()


def test_a_synchronous_standby_is_lost(story: Story) -> None:
    story.open()
    story.cluster.kill_machine(story.cluster.standby(synchronous=True))
    story.senders.wait_for(500)
    story.finish()


def test_two_of_three_etcds_are_lost(story: Story) -> None:
    story.open()
    leader = story.cluster.leader()
    for i in {1, 2, 3} - {leader}:
        story.cluster.kill_etcd(i)
    end = time.monotonic() + 30  # longer than the leader's lease
    while time.monotonic() < end:
        story.senders.wait_for(1)
        time.sleep(0.2)
    assert story.cluster.leader() == leader
    story.finish()


def test_the_leader_stands_still(story: Story) -> None:
    """Half reachable: its sockets are open and nobody answers. Patroni waits for it, so it is back before anybody gave up.

    What was sent to others meanwhile is settled before its lease ends, also on a machine that is slow to come round.
    """
    story.open()
    go_on = story.cluster.freeze_server(story.cluster.leader())
    try:
        time.sleep(40)
    finally:
        go_on()
    story.senders.wait_for(200)
    story.finish()


def test_the_leader_stands_still_past_every_lease(story: Story) -> None:
    """Nobody could settle what was sent, or lengthen a lease: when it goes on, what was sent is not sent again."""
    story.open()
    go_on = story.cluster.freeze_server(story.cluster.leader())
    try:
        time.sleep(LEASE_SECONDS + 20)
    finally:
        go_on()
    story.senders.wait_for(200)
    story.senders.stop()
    story.forgive_refused()
    story.finish()


def test_a_killed_nodes_queue_is_taken_over_within_its_lease(story: Story) -> None:
    story.open()
    story.elsewhere.pause.clear()
    while not int(story.sql("SELECT count(*) FROM item WHERE owner IS NOT NULL")):
        time.sleep(0.1)
    story.senders.wait_for(300)
    claimed = int(story.sql("SELECT count(DISTINCT owner) FROM item"))
    assert claimed == 3
    story.nodes[0].kill()
    story.senders.wait_for(100)
    story.senders.stop()
    story.elsewhere.pause.set()
    assert story.drain() < LEASE_SECONDS + 30
    story.finish(most_repeats=100)


def test_a_node_that_was_paused_past_its_lease_sends_nothing_twice(story: Story) -> None:
    story.elsewhere.greeting.clear()
    story.open()
    story.senders.wait_for(300)
    story.senders.stop()
    story.nodes[0].send_signal(signal.SIGSTOP)
    held = int(story.sql("SELECT count(*) FROM item"))
    assert held
    story.elsewhere.greeting.set()
    try:
        assert story.drain() < LEASE_SECONDS + 30
    finally:
        story.nodes[0].send_signal(signal.SIGCONT)
    time.sleep(5)  # it goes on with what it held, if it does
    story.finish(most_repeats=0)
    assert len(story.elsewhere.subjects) == len(set(story.elsewhere.subjects))


def test_two_of_three_servers_of_the_engine_swallow_everything(story: Story) -> None:
    """A wrong address in front of the right ones costs nothing but a moment."""
    holes = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    hosts = ",".join(f"127.0.0.1:{hole.getsockname()[1]}" for hole in holes)
    story.open(readers=1)
    before, _, rest = story.nodes[0].engine.partition("@")
    node = Node(story.nodes[0].dir.parent / "odd", f"{before}@{hosts},{rest}", story.elsewhere.port)
    try:
        node.start()
        more = Senders([node], PEOPLE, "odd", clients=2)
        more.start()
        more.wait_for(50)
        story.cluster.kill_server(story.cluster.leader())
        more.wait_for(50)
        more.stop()
        assert more.refused == []
        assert more.longest < HELD_SECONDS
        story.senders.acknowledged += more.acknowledged
        story.senders.doubtful += more.doubtful
        story.finish()
    finally:
        node.kill()
        for hole in holes:
            hole.close()


def test_no_server_can_be_reached_and_a_sender_is_asked_to_come_again(story: Story) -> None:
    story.open(readers=1)
    for i in (1, 2, 3):
        story.cluster.kill_machine(i)
    end = time.monotonic() + 150
    while not story.senders.refused:
        assert time.monotonic() < end
        time.sleep(0.2)
    for i in (1, 2, 3):
        story.cluster.start_machine(i)
    story.cluster.wait_whole()
    story.senders.wait_for(300)
    story.senders.stop()
    story.forgive_refused()
    story.finish()
