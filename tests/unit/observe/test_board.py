"""The board: what workers count, added up by whoever is asked."""

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from posthouse.observe.board import SLOT_OCTETS, Board, add_up
from posthouse.observe.metrics import PrometheusMeter


def value(text, name, **labels):
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def two_workers():
    one, two = PrometheusMeter(), PrometheusMeter()
    one.count("messages", 3, door="smtp", result="accepted")
    two.count("messages", 4, door="smtp", result="accepted")
    two.count("messages", 5, door="lmtp", result="accepted")
    for meter, sessions, backlog, up in ((one, 2, 70, 1), (two, 3, 71, 0)):
        meter.gauge("sessions", sessions, door="smtp")
        meter.gauge("queue_backlog", backlog, state="waiting")
        meter.gauge("scanner_up", up, scanner="clamav")
        meter.observe("dns_seconds", 0.2, kind="MX")
    board = Board(2)
    board.post(1, two.render())
    one.others = lambda: board.others(0)
    return one


def test_counts_are_added_and_gauges_as_they_are_meant():
    text = two_workers().render_all()
    assert value(text, "posthouse_messages_total", door="smtp", result="accepted") == 7
    assert value(text, "posthouse_messages_total", door="lmtp", result="accepted") == 5
    assert value(text, "posthouse_sessions", door="smtp") == 5
    assert value(text, "posthouse_queue_backlog", state="waiting") == 71  # of all nodes: both say the same
    assert value(text, "posthouse_scanner_up", scanner="clamav") == 0  # one that does not reach it is enough
    assert value(text, "posthouse_dns_seconds_bucket", kind="MX", le="0.25") == 2
    assert value(text, "posthouse_dns_seconds_count", kind="MX") == 2


def test_a_family_is_told_in_one_piece():
    lines = two_workers().render_all().decode().splitlines()
    places = [n for n, line in enumerate(lines) if line.startswith("posthouse_messages_total{")]
    assert places == list(range(places[0], places[0] + 2))


def test_one_worker_alone_says_the_same_either_way():
    meter = PrometheusMeter()
    meter.count("messages", 3, door="smtp", result="accepted")
    assert value(meter.render_all(), "posthouse_messages_total", door="smtp", result="accepted") == 3


def test_a_child_is_seen_by_its_parent_and_forgotten_when_it_is_dead():
    board = Board(2)
    child = os.fork()
    if child == 0:
        board.post(1, b"posthouse_x 1.0\n")
        os._exit(0)
    os.waitpid(child, 0)
    assert board.others(0) == [b"posthouse_x 1.0\n"]
    board.clear(1)
    assert board.others(0) == []


def test_who_died_while_writing_is_absent():
    board = Board(1)
    board.post(0, b"posthouse_x 1.0\n")
    board._memory[0:1] = b"\x01"
    assert board.read(0) == b""
    board.post(0, b"posthouse_x 2.0\n")
    assert board.read(0) == b"posthouse_x 2.0\n"


@pytest.mark.parametrize("slot", [0, 1])
def test_a_text_too_long_for_its_slot_ends_with_a_line_and_harms_no_neighbour(slot):
    board = Board(3)
    board.post(2, b"posthouse_z 1.0\n")
    board.post(slot, b"posthouse_long 1.0\n" * SLOT_OCTETS)
    assert board.read(slot).endswith(b"posthouse_long 1.0\n")
    assert board.read(2) == b"posthouse_z 1.0\n"
    assert add_up(board.others(2)).count(b"\n") == 1
