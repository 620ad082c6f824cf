"""What Rspamd is told and what it says back."""

import pytest

from posthouse.lib.sansio import RemoteError
from posthouse.standards.rspamd.check import Question, format_question, one_line, parse_verdict, top_symbols


def test_what_is_known_of_a_message_stands_in_fields() -> None:
    question = Question("abc", "192.0.2.1", "helo", "a@x.test", ["b@y.test", "c@y.test"], "user@y.test", "mx", 10)
    request = format_question(question, "scan.test")
    assert (request.method, request.target, request.size) == ("POST", "/checkv2", 10)
    assert request.fields == (
        ("Queue-Id", "abc"), ("IP", "192.0.2.1"), ("Helo", "helo"), ("From", "a@x.test"), ("User", "user@y.test"),
        ("MTA-Name", "mx"), ("Rcpt", "b@y.test"), ("Rcpt", "c@y.test"),
    )  # fmt: skip


def test_a_stranger_writes_no_fields() -> None:
    assert one_line("a\r\nSettings-ID: none") == "a%0D%0ASettings-ID: none"
    assert one_line("grüße").isascii()
    assert len(one_line("ü" * 5000)) == 1024


def test_a_verdict() -> None:
    verdict = parse_verdict(
        200,
        b'{"action":"add header","score":7.5,"required_score":15,"is_skipped":false,"other":[1],'
        b'"symbols":{"A":{"name":"A","score":0.5},"B":{"name":"B","score":-7},"C":{"score":0}}}',
    )
    assert (verdict.action, verdict.score, verdict.required) == ("add header", 7.5, 15.0)
    assert top_symbols(verdict) == ["B -7.0", "A +0.5"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error":"trouble"}'),
        (200, b""),
        (200, b"{}"),
        (200, b"[]"),
        (200, b'{"action":"maybe"}'),
        (200, b'{"action":3}'),
        (200, b'{"action":"reject","score":1e400}'),
        (200, b'{"action":"reject","x":' + b"[" * 100_000),
        (200, b'{"action":"no action"'),
        (200, b"\xff\xfe"),
        (404, b"[" * 100_000),
    ],
)
def test_what_is_no_verdict(status: int, body: bytes) -> None:
    with pytest.raises(RemoteError):
        parse_verdict(status, body)
