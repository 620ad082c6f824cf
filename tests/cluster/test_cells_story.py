"""Two cells under load: accounts move between them, one of them dies for a while, and mail is taken all the time."""

import json
import time
from collections.abc import Iterator

import pytest
from story import LAWS, PEOPLE, Story

from posthouse.testing.freeports import free_base
from posthouse.testing.postgres import ThrowawayPostgres

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(700)]


@pytest.fixture
def second_cell() -> Iterator[ThrowawayPostgres]:
    server = ThrowawayPostgres(port=free_base(1))
    try:
        server.start()
        server.sql("ALTER ROLE posthouse PASSWORD 'right'")
        yield server
    finally:
        server.remove()


def cells(story: Story) -> dict[int, dict]:
    return {row["cell"]: row for row in map(json.loads, story.nodes[0].operate("cell", "list", "--json").splitlines())}


def test_accounts_move_under_load_and_mail_is_taken_while_their_cell_is_away(
    story: Story, second_cell: ThrowawayPostgres
) -> None:
    story.open()
    story.nodes[0].operate("cell", "add", second_cell.tcp_address("right"))
    for node in story.nodes:
        assert node.stop() == 0
        node.start()
    for person in PEOPLE[:2]:
        story.nodes[1].operate("cell", "move", f"{person}@office.test", "1")
        story.senders.wait_for(50)
    assert cells(story)[1]["accounts"] == 2
    second_cell.kill()
    story.senders.wait_for(200)  # while it is away
    second_cell.start()
    story.senders.wait_for(100)
    story.senders.stop()
    end = time.monotonic() + 300
    while any(row["transit"] != 0 for row in cells(story).values()):
        assert time.monotonic() < end, cells(story)
        time.sleep(0.5)
    story.finish()
    for law, question in LAWS.items():
        assert (law, second_cell.sql(question)) == (law, "0")
