"""One machine after the other is restarted, upgraded, and taken back, under load: nobody notices."""

import signal
import sys
import time
from pathlib import Path

import pytest
from node import PROGRAM
from story import Story

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

UPGRADED = (sys.executable, str(Path(__file__).with_name("upgraded.py")))


def versions(story: Story) -> set[str]:
    return set(story.sql("SELECT DISTINCT version FROM node").split())


def restart(story: Story, number: int) -> None:
    node = story.nodes[number]
    assert node.stop() == 0
    node.start()
    story.senders.wait_for(100)


def test_a_rolling_restart_loses_and_repeats_nothing(story: Story) -> None:
    story.open()
    for number in (0, 1, 2, 0):
        restart(story, number)
    story.finish()


def test_a_rolling_upgrade_and_back(story: Story) -> None:
    story.open()
    before = versions(story)
    for number in range(3):
        story.nodes[number].program = UPGRADED
        restart(story, number)
        assert versions(story) == ({*before, "9.0.0"} if number < 2 else {"9.0.0"})
    assert story.sql("SELECT to_regclass('of_the_next_release') IS NOT NULL") == "t"
    story.await_status(lambda rows: sum(row["what"] == "node" and row["state"] == "alive" for row in rows) == 3)
    for number in range(3):
        story.nodes[number].program = (PROGRAM,)
        restart(story, number)
    assert versions(story) == before
    story.finish()


def test_a_node_that_was_killed_and_comes_back_takes_up_what_it_held(story: Story) -> None:
    story.elsewhere.pause.clear()
    story.open()
    held = "SELECT count(*) FROM item WHERE owner = '{}'"
    while not (name := story.sql("SELECT coalesce(min(owner), '') FROM item")):
        time.sleep(0.1)
    number = next(n for n, node in enumerate(story.nodes) if f"-{node.pid}-" in name)
    story.nodes[number].kill()
    assert int(story.sql(held.format(name)))
    story.nodes[number].start()
    assert int(story.sql(held.format(name))) == 0
    assert int(story.sql("SELECT count(*) FROM node")) == 3
    story.elsewhere.pause.set()
    story.finish(most_repeats=100)


def test_a_worker_that_hangs_up_is_no_node_any_more(story: Story) -> None:
    story.open()
    assert int(story.sql("SELECT count(*) FROM node")) == 3
    story.nodes[2].send_signal(signal.SIGTERM)
    assert story.nodes[2].process is not None
    story.nodes[2].process.wait(60)
    assert int(story.sql("SELECT count(*) FROM node")) == 2
    story.finish()
