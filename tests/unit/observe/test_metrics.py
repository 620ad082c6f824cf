"""Metrics: every name that is counted anywhere is in the table."""

import re
from pathlib import Path

import posthouse
from posthouse.observe.metrics import METRICS, PrometheusMeter, format_table

USE = re.compile(r"meter\.(count|gauge|observe)\(\s*\"([a-z_]+)\"")


def test_what_is_counted_in_the_house_is_listed():
    known = {(metric.kind.value, metric.name) for metric in METRICS}
    kinds = {"count": "counter", "gauge": "gauge", "observe": "histogram"}
    used = {
        (kinds[verb], name)
        for file in Path(posthouse.__file__).parent.rglob("*.py")
        for verb, name in USE.findall(file.read_text("utf-8"))
    }
    assert used
    assert used <= known


def test_a_metric_nobody_listed_costs_nothing():
    meter = PrometheusMeter()
    meter.count("nonsense")
    meter.gauge("connections", 3)
    meter.observe("queue_results", 1, outcome="x")
    assert meter.unknown == {"nonsense", "connections", "queue_results"}


def test_labels_are_never_addresses():
    assert not {label for metric in METRICS for label in metric.labels} & {"peer", "address", "domain", "user", "id"}


def test_the_reference_is_printed_from_the_table():
    reference = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
    assert reference.read_text("utf-8") == format_table()
