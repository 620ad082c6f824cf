"""Reports about authentication and TLS in the operator's hands: who sends as us and fails, whose TLS breaks."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from typing import Final

import msgspec

from posthouse.mta.feedback import arrived, rows
from posthouse.mta.feedback.arrived import Arrived, Sender, stored
from posthouse.mta.feedback.rows import day_of
from posthouse.mta.feedback.sent import Sent, told
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.standards.dns.ports import DnsTrouble

MOST_LINES: Final = 100_000
MOST_NAMED: Final = 5
MOST_NAMES: Final = 100
"""Addresses that are looked up."""
SINCE_SECONDS: Final = 30 * 86400

Rows = AsyncIterator[Row]


class _Line(msgspec.Struct):
    """What came from one address in the name of one domain, as all reporters together saw it."""

    passed: int = 0
    failed: int = 0
    refused: int = 0
    first: int = 0
    last: int = 0
    reporters: dict[str, int] = {}
    found: dict[str, int] = {}

    def add(self, one: Sender, report: Arrived) -> None:
        if one.passed:
            self.passed += one.count
        else:
            self.failed += one.count
            _add(self.found, _why(one), one.count)
        if one.refused:
            self.refused += one.count
        self.first = min(self.first or report.begin, report.begin)
        self.last = max(self.last, report.end)
        _add(self.reporters, report.by, one.count)


async def dmarc(house: House, arguments: Arguments) -> Rows:
    """By address and domain, what fails first; or what was sent to others."""
    if arguments.flag("sent"):
        async for row in _sent(house, arguments, rows.DMARC):
            yield row
        return
    named = arguments.flag("names")
    lines: dict[tuple[str, str, str], _Line] = {}
    async for report in _received(house, arguments, arrived.DMARC):
        for one in report.senders:
            key = (report.domain, one.source, one.author)
            if key in lines or len(lines) < MOST_LINES:
                lines.setdefault(key, _Line()).add(one, report)
    ranked = sorted(lines.items(), key=lambda item: (-item[1].failed, -item[1].passed, item[0]))
    names = await _names(house, [source for (_, source, _), _ in ranked]) if named else {}
    for (domain, source, author), line in ranked:
        yield {
            "domain": domain,
            "source": source,
            "name": names.get(source, ""),
            "from": author,
            "passed": line.passed,
            "failed": line.failed,
            "refused": line.refused,
            "first": line.first * 1000,
            "last": line.last * 1000,
            "reporters": _most(line.reporters),
            "found": "; ".join(_most(line.found)),
        }


async def _names(house: House, sources: Iterable[str]) -> dict[str, str]:
    """What the DNS calls the first of them; anybody may call himself anything there."""
    if house.place is None:
        raise CannotDo("names are asked of the DNS by a running server", "start it, or leave --names out")
    resolver = house.place.resolver

    async def ask(source: str) -> tuple[str, str]:
        try:
            return source, next(iter((await resolver.ptr(source)).records), "")
        except DnsTrouble:
            return source, ""

    return dict(await asyncio.gather(*map(ask, list(dict.fromkeys(sources))[:MOST_NAMES])))


async def tls(house: House, arguments: Arguments) -> Rows:
    """By domain and failure, failures first; or what was sent to others."""
    if arguments.flag("sent"):
        async for row in _sent(house, arguments, rows.TLS):
            yield row
        return
    counts: dict[tuple[str, str, str, str], int] = {}
    reporters: dict[tuple[str, str, str, str], dict[str, int]] = {}
    async for report in _received(house, arguments, arrived.TLS):
        for one in report.sessions:
            key = (report.domain, one.policy, one.failure, one.host)
            if key in counts or len(counts) < MOST_LINES:
                counts[key] = counts.get(key, 0) + one.count
                _add(reporters.setdefault(key, {}), report.by, one.count)
    for key, count in sorted(counts.items(), key=lambda item: (not item[0][2], -item[1], item[0])):
        domain, policy, failure, host = key
        yield {
            "domain": domain,
            "policy": policy,
            "result": failure or "ok",
            "sessions": count,
            "host": host,
            "reporters": _most(reporters[key]),
        }


async def failures(house: House, arguments: Arguments) -> Rows:
    """Failure reports, one message each, the newest last."""
    async for report in _received(house, arguments, arrived.FAILURE):
        about = report.failure
        if about is not None:
            shown = {name: value for name, value in asdict(about).items() if value and name != "results"}
            yield {"domain": report.domain, "at": report.begin * 1000, "reporter": report.reporter, **shown}


async def listed(house: House, arguments: Arguments) -> Rows:
    """Every report that came, by day: who reported what about whom."""
    kind = arguments.text("kind", "")
    since, domain = _since(house, arguments), arguments.text("domain", "").lower()
    arguments.finish()
    for one in (kind,) if kind else ("dmarc", "tls", "failure"):
        async for report in stored(house.store, f"report.{one}", since=since, domain=domain):
            good, bad = _counts(report)
            yield {
                "kind": one,
                "domain": report.domain,
                "reporter": report.reporter,
                "proven": report.proven,
                "begin": report.begin * 1000,
                "end": report.end * 1000,
                "good": good,
                "bad": bad,
                "unlisted": report.unlisted,
                "policy": report.policy,
                "contact": report.contact,
                "report_id": report.report_id,
                "errors": list(report.errors),
            }


async def send(house: House, arguments: Arguments) -> Rows:
    """Send what is due, or with ``early`` all there is; ``dry`` only says what that would be."""
    early, dry = arguments.flag("early"), arguments.flag("dry")
    arguments.finish()
    if house.post is None:
        raise CannotDo("reports are sent by a running server", "start it")
    await house.gather()
    if dry:
        async for one in house.post.send(early=True, dry=True):
            yield _sent_row(one)
        return
    if not await house.post.take(house.store.node):
        raise CannotDo("another node sends reports at the moment", "try again in a quarter of an hour")
    try:
        async for one in house.post.send(early=early):
            yield _sent_row(one)
    finally:
        await house.post.give_back(house.store.node)


async def _sent(house: House, arguments: Arguments, kind: str) -> Rows:
    since, domain = _since(house, arguments), arguments.text("domain", "").lower()
    arguments.finish()
    async for one in told(house.store, kind, since=since, domain=domain):
        yield _sent_row(one)


def _sent_row(one: Sent) -> Row:
    return {
        "kind": one.kind.partition(".")[0],
        "day": one.day,
        "domain": one.domain,
        "state": one.state,
        "rows": one.rows,
        "messages": one.messages,
        "octets": one.octets,
        "at": one.at,
        "to": list(one.to),
        "left_out": list(one.left_out),
    }


def _received(house: House, arguments: Arguments, kind: str) -> AsyncIterator[Arrived]:
    since, domain = _since(house, arguments), arguments.text("domain", "").lower()
    arguments.finish()
    return stored(house.store, kind, since=since, domain=domain)


def _since(house: House, arguments: Arguments) -> str:
    """The first day that is looked at."""
    return day_of(house.now / 1000 - arguments.number("since", SINCE_SECONDS))


def _why(one: Sender) -> str:
    signed = ", ".join(one.signers) or "unsigned"
    return f"dkim {signed}; spf {one.path or 'none'}; {one.disposition}" + "".join(f" ({why})" for why in one.why)


def _counts(report: Arrived) -> tuple[int, int]:
    if report.kind == arrived.DMARC:
        return _split((one.passed, one.count) for one in report.senders)
    if report.kind == arrived.TLS:
        return _split((not one.failure, one.count) for one in report.sessions)
    return 0, report.failure.incidents if report.failure is not None else 0


def _split(counts: Iterable[tuple[bool, int]]) -> tuple[int, int]:
    good = bad = 0
    for is_good, count in counts:
        good, bad = (good + count, bad) if is_good else (good, bad + count)
    return good, bad


def _add(counts: dict[str, int], key: str, count: int) -> None:
    if key in counts or len(counts) < 1000:
        counts[key] = counts.get(key, 0) + count


def _most(counts: dict[str, int]) -> list[str]:
    return sorted(counts, key=lambda key: (-counts[key], key))[:MOST_NAMED]
