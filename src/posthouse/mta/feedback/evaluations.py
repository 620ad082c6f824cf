"""What DMARC found of each message from outside, counted for the owners of the domains who ask for it.

Told of every judgement before its answer goes out: equal messages are counted
in a dictionary, and rows are made of them when they are written.
"""

import asyncio
from math import inf
from typing import Final

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.boundary import Judgement
from posthouse.filter.evidence import Evidence
from posthouse.filter.judge import Verdict
from posthouse.filter.letter import Letter
from posthouse.filter.sender import Findings
from posthouse.lib.ports import Clock
from posthouse.mta.feedback.recognise import Recognition
from posthouse.mta.feedback.rows import DAY_SECONDS, RowBook, day_of
from posthouse.standards.dkim.verify import Result as DkimWord
from posthouse.standards.dkim.verify import Verification
from posthouse.standards.dmarc.evaluate import Evaluation, Result
from posthouse.standards.dmarc.record import Policy, Record
from posthouse.standards.dmarcreport.report import DkimResult, Override, Published, Row, SpfResult
from posthouse.standards.spf.evaluate import Result as SpfWord

MOST_SEEN: Final = 5000
"""Kinds of messages between two writings; of more, only the number is kept."""
AT_ONCE: Final = 100
"""Rows made in one go: some 3 ms."""
MOST_RESULTS: Final = 10
MOST_TEXT: Final = 255

DISPOSITIONS: Final = {Action.REFUSE: "reject", Action.QUARANTINE: "quarantine", Action.JUNK: "quarantine"}
WANTED: Final = {Policy.NONE: "none", Policy.QUARANTINE: "quarantine", Policy.REJECT: "reject"}


class _Seen(msgspec.Struct):
    findings: Findings
    count: int = 1


class Evaluations:
    """Implements ``filter.boundary.Witness``. Counts only while ``wanted``: reports of ours may be switched off."""

    __slots__ = ("_book", "_clock", "_day", "_midnight", "_past", "_recognition", "_seen", "wanted")

    def __init__(self, book: RowBook, clock: Clock, recognition: Recognition) -> None:
        self.wanted = True
        self._book = book
        self._clock = clock
        self._recognition = recognition
        self._day = ""
        self._midnight = -inf
        self._seen: dict[object, _Seen] = {}
        self._past: list[tuple[str, list[_Seen]]] = []
        """What was seen on days that are over."""

    def saw(self, letter: Letter, judgement: Judgement) -> None:
        """Mail that is deferred comes again and is counted then.

        Nothing is told of reports, and nothing of mail that need not prove anything.
        """
        findings = judgement.findings
        if findings is None or not self.wanted:
            return
        evidence = findings.evidence
        record = evidence.dmarc.record
        if record is None or not record.rua or judgement.action is Action.DEFER or evidence.exempt:
            return
        if self._clock.now() >= self._midnight:
            self._turn()
        verdict = findings.verdict
        selectors = tuple([one.selector for one in evidence.dkim]) if evidence.dkim else ()
        if self._recognition.is_feedback(letter):
            return
        key = (evidence.peer, findings.summary, selectors, verdict.override, verdict.action)
        seen = self._seen.get(key)
        if seen is not None:
            seen.count += 1
        elif len(self._seen) < MOST_SEEN:
            self._seen[key] = _Seen(findings)
        else:
            self._book.miss(self._day, evidence.dmarc.policy_domain)

    def _turn(self) -> None:
        """A day has begun."""
        if self._seen:
            self._past.append((self._day, list(self._seen.values())))
            self._seen = {}
        now = self._clock.now()
        self._day = day_of(now)
        self._midnight = (now // DAY_SECONDS + 1) * DAY_SECONDS

    async def write(self) -> None:
        """Make rows of what was seen, and put them on the shelves."""
        seen, self._seen = self._seen, {}
        past, self._past = self._past, []
        for day, among in (*past, (self._day, list(seen.values()))):
            for number, one in enumerate(among, 1):
                self._add(day, one)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)  # a flood of kinds must not hold up the doors
        await self._book.write()

    def _add(self, day: str, seen: _Seen) -> None:
        dmarc = seen.findings.evidence.dmarc
        if dmarc.record is not None:
            head = msgspec.msgpack.encode(published_of(dmarc.policy_domain, dmarc.record))
            row = msgspec.msgpack.encode(row_of(seen.findings.evidence, seen.findings.verdict))
            self._book.add(day, dmarc.policy_domain, head, row, seen.count)


def published_of(domain: str, record: Record) -> Published:
    """The policy as the report tells it."""
    return Published(
        domain=domain,
        p=record.p.value,
        sp=record.sp.value if record.sp is not None else "",
        np=record.np.value if record.np is not None else "",
        adkim="s" if record.strict_dkim else "r",
        aspf="s" if record.strict_spf else "r",
        fo=record.fo[:MOST_TEXT],
        testing="y" if record.testing else "n",
        discovery_method="treewalk",
    )


def row_of(evidence: Evidence, verdict: Verdict) -> Row:
    """One message as a row (RFC 9990 section 3.1.1.7 and following); it counts nothing yet."""
    dmarc = evidence.dmarc
    disposition, overrides = _applied(dmarc, verdict)
    mechanisms = {one.mechanism for one in dmarc.aligned}
    spf = evidence.spf
    results: tuple[SpfResult, ...] = ()
    if spf is not None and spf.verdict.result is not SpfWord.NONE:
        scope = "helo" if spf.identity == "helo" else "mfrom"
        results = (SpfResult(spf.domain[:MOST_TEXT], spf.verdict.result.value, scope),)
    return Row(
        source=evidence.peer,
        count=0,
        disposition=disposition,
        dkim="pass" if "dkim" in mechanisms else "fail",
        spf="pass" if "spf" in mechanisms else "fail",
        header_from=dmarc.author[:MOST_TEXT],
        envelope_from=evidence.mail_from.rpartition("@")[2].lower()[:MOST_TEXT],
        overrides=overrides,
        dkim_results=tuple(
            [
                DkimResult(one.domain[:MOST_TEXT], one.selector[:MOST_TEXT], one.result.value)
                for one in _telling(evidence)
            ]
        ),
        spf_results=results,
    )


def _telling(evidence: Evidence) -> list[Verification]:
    """The signatures, those that say most first: the author's own, aligned, valid, others (RFC 9990 section 3.1.3)."""
    dmarc = evidence.dmarc
    aligned = {one.domain for one in dmarc.aligned if one.mechanism == "dkim"}

    def rank(one: Verification) -> int:
        if one.result is not DkimWord.PASS:
            return 3
        return 0 if one.domain == dmarc.author else 1 if one.domain in aligned else 2

    return sorted([one for one in evidence.dkim if one.domain], key=rank)[:MOST_RESULTS]


def _applied(dmarc: Evaluation, verdict: Verdict) -> tuple[str, tuple[Override, ...]]:
    """What was done because of the policy, and why it was something else than it asks for."""
    if dmarc.result is Result.PASS:  # RFC 9990 appendix A: "pass" under a policy that asks for something
        return "none" if dmarc.published is Policy.NONE else "pass", ()
    done = DISPOSITIONS.get(verdict.action, "none")
    if verdict.override:
        return done, (Override(verdict.override),)
    if done != WANTED[dmarc.policy]:
        return done, (Override("local_policy"),)
    return done, ()
