"""Our Authentication-Results, put together from lines that are still at hand: most messages say nearly the same."""

import msgspec

from posthouse.filter.evidence import (
    Evidence,
    SpfEvidence,
    dkim_in_words,
    dkim_result,
    results_of,
    spf_result,
    start_of,
    summary_of,
)
from posthouse.lib.lru import Lru
from posthouse.standards.authres.write import format_beginning, format_result
from posthouse.standards.dkim.verify import Result as DkimResult
from posthouse.standards.dkim.verify import Verification
from posthouse.standards.dmarc.evaluate import Evaluation

MOST_LINES = 5000
"""Each of people and of keys; about 2 MiB."""


class Lines:
    """Results that differ in little from message to message, as they were written for the one before."""

    __slots__ = ("_frames", "_people")

    def __init__(self) -> None:
        self._people: Lru[tuple[str, str, str], str] = Lru(MOST_LINES)
        self._frames: Lru[tuple[str, str, str, int, bool], tuple[str, str]] = Lru(MOST_LINES)

    def own(self, mail: SpfEvidence, evidence: Evidence) -> str:
        """SPF of MAIL FROM: the same of one person again and again."""
        key = (mail.verdict.result.value, mail.verdict.reason, evidence.mail_from)
        line = self._people.get(key)
        if line is None:
            line = format_result(spf_result(mail, evidence), is_last=False)
            self._people.put(key, line)
        return line

    def signature(self, one: Verification) -> str:
        """A signature that holds: another one of the same key differs in its first octets alone."""
        if one.result is not DkimResult.PASS:
            return format_result(dkim_result(one), is_last=False)
        start = start_of(one.signature)
        key = (one.domain, one.selector, one.algorithm, one.bits, "/" in start)  # with a slash it is quoted
        frame = self._frames.get(key)
        if frame is None:
            before, _, after = format_result(dkim_result(one), is_last=False).rpartition(start)
            frame = before, after
            self._frames.put(key, frame)
        return f"{frame[0]}{start}{frame[1]}"


class Written(msgspec.Struct, frozen=True):
    """The conclusions that a field tells, and its lines before that of MAIL FROM and after those of signatures."""

    helo: SpfEvidence | None
    mail: SpfEvidence | None
    dmarc: Evaluation
    before: str
    after: str
    summary: tuple[str, ...]
    """Without signatures; DMARC comes last."""

    def field(self, evidence: Evidence, lines: Lines) -> bytes:
        """As it is written for one sender of that domain, and one message."""
        own = lines.own(self.mail, evidence) if self.mail is not None else ""
        return "".join((self.before, own, *map(lines.signature, evidence.dkim), self.after)).encode()

    def words(self, evidence: Evidence) -> tuple[str, ...]:
        """For the ledger."""
        if not evidence.dkim:
            return self.summary
        return (*self.summary[:-1], *map(dkim_in_words, evidence.dkim), self.summary[-1])

    def tells(self, evidence: Evidence) -> bool:
        """Whether these are the very same conclusions, from ``Memory``."""
        return self.dmarc is evidence.dmarc and self.mail is evidence.spf_mail and self.helo is evidence.spf_helo


def write(evidence: Evidence, authserv_id: str) -> Written:
    """What is written about one domain on one road, for this message and the next."""
    unsigned = msgspec.structs.replace(evidence, dkim=())
    *paths, dmarc = results_of(unsigned)
    if evidence.spf_mail is not None:
        paths.pop()
    before = format_beginning(authserv_id) + "".join([format_result(one, is_last=False) for one in paths])
    after = format_result(dmarc, is_last=True)
    return Written(evidence.spf_helo, evidence.spf_mail, evidence.dmarc, before, after, summary_of(unsigned))
