"""Which letters bring reports: those to the addresses for them, that look like one. Ordinary mail costs a look."""

from collections.abc import Callable, Iterable
from typing import Final

from posthouse.filter.letter import Letter
from posthouse.mail.envelope import Recipient

NAMES: Final = frozenset({"postmaster", "dmarc", "dmarc-reports", "tlsrpt", "tls-reports"})
"""Local parts that reports are taken at, in every domain of ours; ``posthouse dns records`` names the first."""
LOOKED_AT: Final = 3
"""Recipients of one letter; reports have one or two."""
CARRIERS: Final = (b"tlsrpt", b"feedback-report", b"application/zip", b"application/gzip", b"/xml", b"application/x-")


class Recognition:
    """``addresses`` are more of them, in lower case; ``is_own`` knows our domains."""

    __slots__ = ("_is_own", "_more", "_names")

    def __init__(self, is_own: Callable[[str], bool], addresses: Iterable[str] = ()) -> None:
        self._is_own = is_own
        self.adopt(addresses)

    def adopt(self, addresses: Iterable[str]) -> None:
        """These from now on."""
        self._more = frozenset(one.lower() for one in addresses)
        self._names = NAMES | {one.rpartition("@")[0] for one in self._more}

    def is_feedback(self, letter: Letter) -> bool:
        """Whether somebody sends us a report with it, as far as the outside shows."""
        for recipient in letter.recipients[:LOOKED_AT]:
            local = recipient.address.local
            if (local in self._names or local.lower() in self._names) and self._is_for_reports(recipient):
                return looks_like_report(letter)
        return False

    def _is_for_reports(self, recipient: Recipient) -> bool:
        address = recipient.address
        if f"{address.local}@{address.domain}".lower() in self._more:
            return True
        return address.local.lower() in NAMES and self._is_own(address.domain)


def looks_like_report(letter: Letter) -> bool:
    """By its Subject (RFC 9990 section 3.5.2), its fields (RFC 8460 section 5.3) or its type."""
    header = letter.examination.header
    if header is None:
        return False
    subject = (header.first("subject") or b"")[:200].lower()
    if b"report" in subject and (b"domain:" in subject or b"dmarc" in subject or b"tls" in subject):
        return True
    if "tls-report-domain" in header:
        return True
    kind = (header.first("content-type") or b"")[:500].lower()
    return any(one in kind for one in CARRIERS)
