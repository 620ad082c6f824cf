"""One judgement for people: who really sent it, and what about it is meant to deceive (threat D10).

``verified DOMAIN`` needs a signature of the author's own domain. SPF alone
never identifies anybody: too many share their addresses with strangers
(threat D07). ``via DOMAIN`` names who did sign or seal it.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Self

import msgspec

from posthouse.filter.author import Ambiguous, Author
from posthouse.filter.evidence import Evidence
from posthouse.filter.judge import Policy, Verdict, trusted_sealer
from posthouse.filter.lookalike import Likenesses, are_related, has_hidden, shows_other_address
from posthouse.standards.dmarc.evaluate import Result as DmarcResult
from posthouse.standards.dmarc.record import Policy as DmarcPolicy

FIELD = "Posthouse-Sender"
"""Cut out of whatever comes from outside (``filter.forgery``), so that it can be believed."""

_START = f"\r\n{FIELD}: ".encode()
_CONTROL = re.compile(r"[\x00-\x1f\x7f;]")


class Standing(Enum):
    VERIFIED = "verified"
    VIA = "via"
    UNVERIFIED = "unverified"
    FORGED = "forged"


class Flag(Enum):
    """What people are warned of."""

    LOOKALIKE = "lookalike"
    MIXED_SCRIPTS = "mixed-scripts"
    OTHER_ADDRESS = "other-address"
    HIDDEN_CHARACTERS = "hidden-characters"
    REPLY_ELSEWHERE = "reply-elsewhere"

    @property
    def text(self) -> str:
        """For people."""
        return _TEXTS[self]


_TEXTS = {
    Flag.LOOKALIKE: "the domain looks like one you know",
    Flag.MIXED_SCRIPTS: "the domain mixes alphabets",
    Flag.OTHER_ADDRESS: "the name shows another address",
    Flag.HIDDEN_CHARACTERS: "the name hides characters",
    Flag.REPLY_ELSEWHERE: "answers go elsewhere",
}


class Display(msgspec.Struct, frozen=True):
    """``domain`` is the author's, or for ``via`` the signer's; A-labels."""

    standing: Standing
    domain: str = ""
    flags: tuple[Flag, ...] = ()
    resembles: str = ""
    """The known domain that a lookalike imitates."""

    def __str__(self) -> str:
        """As it stands in the ledger."""
        standing = self.standing
        if self.domain and (standing is Standing.VERIFIED or standing is Standing.VIA):
            return f"{standing.value} {self.domain}"
        return standing.value

    @property
    def warnings(self) -> tuple[str, ...]:
        """The flags as they stand in the ledger; a lookalike with the domain that it imitates."""
        if not self.flags:
            return ()
        return tuple([f"{one.value} {self.resembles}" if one is Flag.LOOKALIKE else one.value for one in self.flags])

    @classmethod
    def parse(cls, value: str) -> Self:
        """What ``format_display`` wrote, unfolded; raises ``ValueError``."""
        judged, *warnings = [part.strip() for part in value.split(";")]
        standing, _, domain = judged.partition(" ")
        flags, resembles = [], ""
        for warning in warnings:
            name, _, other = warning.partition(" ")
            flags.append(Flag(name))
            resembles = other or resembles
        return cls(Standing(standing), domain, tuple(flags), resembles)


def format_display(display: Display) -> bytes:
    """The field that keeps a judgement with the message, in the part of the header that only we write."""
    said = _CONTROL.sub("?", str(display))
    if display.flags:
        said = "; ".join([said, *[_CONTROL.sub("?", part) for part in display.warnings]])
    return f"{FIELD}: {said}\r\n".encode("ascii", "replace")


def display_in(prefix: bytes) -> Display | None:
    """The judgement about a stored message (``Stored.content.prefix``); None when nobody looked at its sender."""
    at = prefix.find(_START)
    if at < 0:
        return None
    try:
        return Display.parse(prefix[at + len(_START) : prefix.find(b"\r\n", at + 2)].decode("ascii", "replace"))
    except ValueError:
        return None


def display_of(
    evidence: Evidence,
    verdict: Verdict,
    policy: Policy,
    known: Iterable[str] = (),
    likenesses: Likenesses | None = None,
) -> Display:
    """The judgement. ``known`` are the domains of the office and of those it writes to."""
    author = evidence.author
    if isinstance(author, Ambiguous):
        return Display(Standing.UNVERIFIED if author.is_absent else Standing.FORGED)
    standing, domain = _standing(author, evidence, verdict, policy)
    resembles, mixed = (likenesses or Likenesses()).of(author.domain, known)
    flags = []
    if resembles:
        flags.append(Flag.LOOKALIKE)
    if mixed:
        flags.append(Flag.MIXED_SCRIPTS)
    if shows_other_address(author.name, str(author.address)):
        flags.append(Flag.OTHER_ADDRESS)
    if has_hidden(author.name) or has_hidden(author.address.local):
        flags.append(Flag.HIDDEN_CHARACTERS)
    if any(not are_related(one, author.domain) for one in evidence.reply_to):
        flags.append(Flag.REPLY_ELSEWHERE)
    return Display(standing, domain, tuple(flags), resembles)


def _standing(who: Author, evidence: Evidence, verdict: Verdict, policy: Policy) -> tuple[Standing, str]:
    author, dmarc = who.domain, evidence.dmarc
    if evidence.exempt == "authenticated":
        return Standing.VERIFIED, author
    aligned = {one.domain for one in dmarc.aligned if one.mechanism == "dkim"}
    if aligned or author in evidence.signers:
        return Standing.VERIFIED, author
    sealer = trusted_sealer(evidence, policy.sealers)
    if sealer:
        return Standing.VIA, sealer
    refused = any(one.name in {"own-domain", "dmarc"} for one in verdict.reasons) and verdict.reply is not None
    if refused and not evidence.is_temporary:
        return Standing.FORGED, author
    if dmarc.result is DmarcResult.FAIL and dmarc.policy is not DmarcPolicy.NONE and not evidence.is_temporary:
        return Standing.FORGED, author
    if evidence.signers:
        return Standing.VIA, evidence.signers[0]
    return Standing.UNVERIFIED, author
