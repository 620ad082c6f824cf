"""Our own content checks as an examiner of the boundary (threats M06 to M10): always on, needing nobody.

Small messages are looked at here, in one linear pass; a plain text costs next
to nothing. What is large, or has an archive in it, goes to a worker that may
be killed: one that uses up its time or dies has met something unscannable.
"""

import codecs
import re
from collections.abc import Coroutine
from typing import Any

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.clue import Clue
from posthouse.filter.content.finding import Finding, Kind, quoted
from posthouse.filter.content.looking import look
from posthouse.filter.content.magic import EICAR, recognise
from posthouse.filter.content.policy import SOURCE, Policy
from posthouse.filter.content.reading import FIELD, MARK
from posthouse.filter.content.replication import Replication
from posthouse.filter.content.unpacking import Bounds
from posthouse.filter.letter import Letter
from posthouse.filter.ports import NOTHING, Opinion
from posthouse.lib.work import Failed, Source, Workers
from posthouse.mail.reply import Reply
from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.mime.charset import CODECS

WORK = "posthouse.filter.content.examiner:look_whole"
"""What a worker is asked for."""

BUSY = Reply(451, "4.7.1", ("this message cannot be examined at the moment, try later",))

_ORDINARY = frozenset({b"7bit", b"8bit", b"binary"})


def prepare() -> None:
    """Load what Python loads when it is first needed: a worker cannot any more."""
    for codec in (*CODECS, "cp437", "utf-16-le"):
        codecs.lookup(codec)


class Terms(msgspec.Struct):
    """What a worker is told."""

    bounds: Bounds
    digests: bool = False


class Report(msgspec.Struct, array_like=True):
    """What a worker says."""

    findings: list[Finding]
    files: dict[bytes, str] = {}


def look_whole(octets: bytes, terms: object) -> Report:
    """The work: a whole message, archives opened."""
    told = msgspec.convert(terms, Terms)
    found = look(octets, bounds=told.bounds, digests=told.digests)
    return Report(list(found.all), found.files)


class ContentExaminer:
    """Implements ``filter.ports.Examiner``."""

    name = SOURCE

    def __init__(
        self,
        workers: Workers,
        policy: Policy,
        *,
        bounds: Bounds,
        seconds: float,
        replication: Replication | None = None,
    ) -> None:
        self._workers = workers
        self._policy = policy
        self._bounds = bounds
        self._seconds = seconds
        self._replication = replication

    def examine(self, letter: Letter) -> Opinion | Coroutine[Any, Any, Opinion]:
        octets, header = letter.blob.octets, letter.examination.header
        if octets is None:
            beginning = letter.blob.beginning
            if beginning and letter.examination.is_bare and is_plain(parse_header(beginning), beginning):
                return NOTHING  # one plain text, watched while it came: most large ones need not be read again
            return self._ask(Source(letter.blob.size, letter.read), letter)
        if header is None or octets[header.start : header.end] != header.octets:  # fields that somebody forged were cut
            header = parse_header(octets)
        if is_plain(header, octets):
            return NOTHING
        found = look(octets, bounds=None, digests=self._counts(letter))
        if found.needs_worker:
            return self._ask(octets, letter)
        return self._opinion(self._with_worm(letter, Report(list(found.all), found.files)))

    def _counts(self, letter: Letter) -> bool:
        """Whether its files are counted: those that our own people send."""
        return self._replication is not None and letter.submitter is not None

    def _with_worm(self, letter: Letter, report: Report) -> list[Finding]:
        findings = report.findings
        if self._replication is not None and letter.submitter is not None:
            for digest, name in report.files.items():
                if self._replication.note(digest, letter.submitter):
                    text = f"{quoted(name)} is sent by many of our accounts within minutes"
                    findings = [Finding(Kind.WORM, text), *findings]
        return findings

    def _opinion(self, findings: list[Finding]) -> Opinion:
        return Opinion(tuple(self._policy.weigh(findings))) if findings else NOTHING

    async def _ask(self, octets: bytes | Source, letter: Letter) -> Opinion:
        terms = msgspec.to_builtins(Terms(self._bounds, self._counts(letter)))
        try:
            report = await self._workers.run(WORK, octets, Report, terms=terms, seconds=self._seconds)
        except Failed as failed:
            return self._failed(failed)
        return self._opinion(self._with_worm(letter, report))

    def _failed(self, failed: Failed) -> Opinion:
        """Too much work is nobody's fault and passes; a worker that did not survive met something unscannable."""
        if failed.reason == "busy":
            text = "nobody is free to look into it"
            return Opinion((Clue(SOURCE, f"{SOURCE}.failed", text, action=Action.DEFER, reply=BUSY),))
        why = {
            "late": f"not looked through within {self._seconds:g} seconds of the processor",
            "died": f"who looked at it did not survive: {failed}",
        }
        text = why.get(failed.reason, f"it cannot be looked at: {failed}")
        return self._opinion([Finding(Kind.UNSCANNABLE, text)])


def is_plain(header: Header, octets: bytes) -> bool:
    """Whether a message is one plain text that every reader sees alike, with nothing in it."""
    if "content-disposition" in header or header.garbage or header.excess:
        return False
    kinds, encodings = header.all("content-type"), header.all("content-transfer-encoding")
    if len(kinds) > 1 or len(encodings) > 1 or (encodings and encodings[0].lower() not in _ORDINARY):
        return False
    if kinds:
        kind = kinds[0].lower()
        if not kind.startswith(b"text/plain") or b"name" in kind or b"(" in kind or kind[10:11] not in b"; ":
            return False
    return _is_bare(octets, header.body_start)


_PART = re.compile(rb"\n(?:--[^\n]*+\n" + FIELD.pattern + rb"|begin)", re.IGNORECASE)


def _is_bare(octets: bytes, body: int) -> bool:
    if EICAR in octets:
        return False
    mark = MARK.search(octets, body - 1)
    if mark is not None and _PART.search(octets, mark.start()):
        return False
    start = octets[body : body + 600]
    return not FIELD.match(start) and not start.startswith(b"\n") and recognise(start) is None
