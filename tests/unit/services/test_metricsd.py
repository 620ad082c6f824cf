"""Metrics and health over the real loop."""

import pytest

from posthouse.observe.metrics import METRICS, Kind, PrometheusMeter
from posthouse.services.metricsd import MAX_REQUEST, HttpOnce, MetricsDoor
from posthouse.testing.connection import Connection

pytestmark = pytest.mark.asyncio


def open_door(meter: PrometheusMeter, troubles: tuple[str, ...] = ()):
    return lambda _line: (HttpOnce(), MetricsDoor(meter.render, lambda: troubles))


async def ask(request: bytes, *, troubles: tuple[str, ...] = (), meter: PrometheusMeter | None = None) -> bytes:
    wire = Connection(open_door(meter or PrometheusMeter(), troubles))
    assert await wire.connect() == b""
    answer = await wire.say(request)
    assert wire.transport.closed
    assert wire.journal.bugs == []
    return answer


async def test_metrics_have_what_was_counted():
    meter = PrometheusMeter()
    meter.count("messages", 3, door="smtp", result="accepted")
    answer = await ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", meter=meter)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'posthouse_messages_total{door="smtp",result="accepted"} 3.0' in answer


async def test_every_metric_can_be_used():
    meter = PrometheusMeter()
    for metric in METRICS:
        labels = dict.fromkeys(metric.labels, "x")
        if metric.kind is Kind.COUNTER:
            meter.count(metric.name, **labels)
        elif metric.kind is Kind.GAUGE:
            meter.gauge(metric.name, 1, **labels)
        else:
            meter.observe(metric.name, 0.1, **labels)
    text = meter.render().decode()
    assert all(f"posthouse_{metric.name}" in text for metric in METRICS)


async def test_health_says_what_is_wrong():
    assert (await ask(b"GET /healthz HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\nok\n")
    answer = await ask(b"GET /healthz HTTP/1.1\r\n\r\n", troubles=("the disk is full",))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"the disk is full\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"EHLO x\r\n\r\n", b"400"),
        (b"GET /m\xff HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /" + b"x" * MAX_REQUEST * 3, b"431"),
    ],
)
async def test_what_is_no_request_of_ours(request_, status):
    assert (await ask(request_)).split()[1] == status
