"""A letter of the house to one of its own people: plain text, from the postmaster, answered by no machine."""

from collections.abc import Sequence

from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Envelope, Notify, Recipient
from posthouse.standards.imf.date import format_date


def write_letter(to: Address, subject: str, lines: Sequence[str], *, trace: str, now: float) -> tuple[Envelope, bytes]:
    """The letter and its envelope. ``subject`` and ``lines`` are ours: nothing that a stranger wrote."""
    header = [
        f"From: Mail Delivery Service <postmaster@{to.domain}>",
        f"To: <{to}>",
        f"Subject: {subject}",
        f"Date: {format_date(now).decode()}",
        f"Message-ID: <{trace}@{to.domain}>",
        "Auto-Submitted: auto-generated",  # RFC 3834 section 5.1
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
    ]
    octets = "\r\n".join([*header, *lines, ""]).encode("utf-8", "replace")
    body = Body.SEVENBIT if octets.isascii() else Body.EIGHTBIT
    return Envelope(None, (Recipient(to, notify=Notify.NEVER),), body=body), octets
