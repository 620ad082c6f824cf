"""Reports in the operator's hands."""

import pytest

from posthouse.mta.feedback.arrived import DMARC, FAILURE, TLS, Arrived, Sender, Session, note_of
from posthouse.ops.house import CannotDo
from posthouse.standards.dmarcreport.failure import FailureReport

DAY = 86400


def aggregate(reporter: str, now: float, *senders: Sender, domain: str = "office.test", days: float = 1) -> Arrived:
    end = int(now - days * DAY)
    proven = "big.example" if reporter == "big.example" else ""
    return Arrived(DMARC, domain, reporter, "1", end - DAY, end, senders=senders, policy="p=reject", proven=proven)


def liar(count: int, source: str = "198.18.0.66") -> Sender:
    return Sender(source, "office.test", count, "reject", "fail", "fail", (), "evil.test:pass")


def ours(count: int) -> Sender:
    return Sender("192.0.2.1", "office.test", count, "none", "pass", "pass", ("office.test:pass",))


@pytest.fixture
async def told(operator):
    """Two reporters, and one report of long ago."""
    now = operator.house.clock.now()
    notes = [
        aggregate("big.example", now, liar(40), ours(100)),
        aggregate("small.example", now, liar(2), liar(1, "198.18.0.67")),
        aggregate("big.example", now, liar(500), days=60),
        aggregate("big.example", now, ours(7), domain="other.test"),
        Arrived(
            TLS, "office.test", "big.example", "2", int(now) - DAY, int(now),
            sessions=(Session("sts", "", 30), Session("sts", "certificate-expired", 3, "mx.office.test")),
        ),
        Arrived(
            FAILURE, "office.test", "r", "3", int(now), int(now),
            failure=FailureReport(feedback_type="auth-failure", auth_failure="dmarc", source_ip="198.18.0.66"),
        ),
    ]  # fmt: skip
    await operator.house.store.put_notes([note_of(one, now, 90 * DAY) for one in notes])
    return operator


async def test_who_fails_most_comes_first(told) -> None:
    first, second, *good = await told.do("report dmarc", domain="office.test")
    assert (first["source"], first["failed"], first["refused"], first["passed"]) == ("198.18.0.66", 42, 42, 0)
    assert first["reporters"] == ["big.example", "small.example (unproven)"]
    assert first["found"] == "dkim unsigned; spf evil.test:pass; reject"
    assert (second["source"], second["failed"]) == ("198.18.0.67", 1)
    assert [(row["source"], row["passed"], row["failed"]) for row in good] == [("192.0.2.1", 100, 0)]


async def test_since(told) -> None:
    (first, *_) = await told.do("report dmarc", since=90 * DAY)
    assert first["failed"] == 542


async def test_a_domain_means_those_below_it_too(told) -> None:
    assert await told.do("report dmarc", domain="nothing.test") == []
    assert {row["domain"] for row in await told.do("report dmarc", domain="test")} == {"office.test", "other.test"}


async def test_tls_failures_come_first(told) -> None:
    rows = await told.do("report tls")
    assert [(row["result"], row["sessions"], row["host"]) for row in rows] == [
        ("certificate-expired", 3, "mx.office.test"),
        ("ok", 30, ""),
    ]


async def test_failures(told) -> None:
    (row,) = await told.do("report failures")
    assert (row["domain"], row["source_ip"], row["auth_failure"]) == ("office.test", "198.18.0.66", "dmarc")


async def test_the_list_has_all_of_a_kind(told) -> None:
    rows = await told.do("report list")
    assert sorted((row["kind"], row["good"], row["bad"]) for row in rows) == [
        ("dmarc", 0, 3), ("dmarc", 7, 0), ("dmarc", 100, 40), ("failure", 0, 1), ("tls", 30, 3),
    ]  # fmt: skip
    assert len(await told.do("report list", kind="tls")) == 1


async def test_nothing_is_sent_where_no_server_runs(told) -> None:
    assert await told.do("report dmarc", sent=True) == []
    with pytest.raises(CannotDo, match="running server"):
        await told.do("report send", dry=True)


async def test_a_misspelt_word_is_refused(told) -> None:
    with pytest.raises(CannotDo, match="unknown"):
        await told.do("report tls", domian="x")


async def test_names_of_addresses(told) -> None:
    from dataclasses import replace

    from posthouse.ops.dnsadvice import Place
    from posthouse.testing.zone import Zone

    with pytest.raises(CannotDo, match="running server"):
        await told.do("report dmarc", names=True)
    zone = Zone({"198.18.0.66": {"ptr": ("liar.example",)}}, broken=frozenset({"192.0.2.1"}))
    told.house = replace(told.house, place=Place("mx.office.test", zone))
    names = {row["source"]: row["name"] for row in await told.do("report dmarc", names=True)}
    assert names == {"198.18.0.66": "liar.example", "198.18.0.67": "", "192.0.2.1": ""}
