"""Our own content checks as an examiner of the boundary (threats M06 to M10): always on, needing nobody.

Small messages are looked at here, in one linear pass; a plain text costs next
to nothing. What is large, or has an archive in it, goes to a worker that may
be killed: one that is late or dies has met something unscannable.
"""

import codecs
import re

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.clue import Clue
from posthouse.filter.content.finding import Finding, Kind
from posthouse.filter.content.looking import look
from posthouse.filter.content.magic import EICAR, recognise
from posthouse.filter.content.policy import SOURCE, Policy
from posthouse.filter.content.reading import FIELD
from posthouse.filter.content.unpacking import Bounds
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.lib.work import Failed, Source, Workers
from posthouse.mail.reply import Reply
from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.mime.charset import CODECS

WORK = "posthouse.filter.content.examiner:look_whole"
"""What a worker is asked for."""

BUSY = Reply(451, "4.7.1", ("this message cannot be examined at the moment, try later",))
NOTHING = Opinion()

_ORDINARY = frozenset({b"7bit", b"8bit", b"binary"})


def prepare() -> None:
    """Load what Python loads when it is first needed: a worker cannot any more."""
    for codec in (*CODECS, "cp437", "utf-16-le"):
        codecs.lookup(codec)


class Report(msgspec.Struct, array_like=True):
    """What a worker says."""

    findings: list[Finding]


def look_whole(octets: bytes, terms: dict[str, int]) -> Report:
    """The work: a whole message, archives opened."""
    return Report(list(look(octets, bounds=msgspec.convert(terms, Bounds)).all))


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
    ) -> None:
        self._workers = workers
        self._policy = policy
        self._terms = msgspec.to_builtins(bounds)
        self._seconds = seconds

    async def examine(self, letter: Letter) -> Opinion:
        octets, header = letter.blob.octets, letter.examination.header
        if octets is None:
            return await self._ask(Source(letter.blob.size, letter.read))
        if header is None or octets[header.start : header.end] != header.octets:  # fields that somebody forged were cut
            header = parse_header(octets)
        if is_plain(header, octets):
            return NOTHING
        found = look(octets, bounds=None)
        if found.needs_worker:
            return await self._ask(octets)
        return self._opinion(list(found.all))

    def _opinion(self, findings: list[Finding]) -> Opinion:
        return Opinion(tuple(self._policy.weigh(findings))) if findings else NOTHING

    async def _ask(self, octets: bytes | Source) -> Opinion:
        try:
            report = await self._workers.run(WORK, octets, Report, terms=self._terms, seconds=self._seconds)
        except Failed as failed:
            return self._failed(failed)
        return self._opinion(report.findings)

    def _failed(self, failed: Failed) -> Opinion:
        """Too much work is nobody's fault and passes; a worker that did not survive met something unscannable."""
        if failed.reason == "busy":
            text = "nobody is free to look into it"
            return Opinion((Clue(SOURCE, f"{SOURCE}.failed", text, action=Action.DEFER, reply=BUSY),))
        why = {
            "late": f"not looked through within {self._seconds:g} seconds",
            "died": "who looked at it ran out of memory",
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


_MARK = re.compile(rb"\n[-b](?:-|egin)")
"""One pass for both: where a part or a uuencoded file may begin."""
_PART = re.compile(rb"\n(?:--[^\n]*+\n" + FIELD.pattern + rb"|begin)", re.IGNORECASE)


def _is_bare(octets: bytes, body: int) -> bool:
    if EICAR in octets:
        return False
    mark = _MARK.search(octets, body - 1)
    if mark is not None and _PART.search(octets, mark.start()):
        return False
    start = octets[body : body + 600]
    return not FIELD.match(start) and not start.startswith(b"\n") and recognise(start) is None
