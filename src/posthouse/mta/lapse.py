"""Aliases of ours that lead nowhere, and mailboxes found full too late: told to the postmaster once a day, never to
a stranger (threat B01).

A stranger's reverse-path may be forged, and what an alias stands for is none
of his business (B02). Who of our own people submitted hears of it in a report.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Envelope, Notify, Recipient
from posthouse.mda.expand import Lost
from posthouse.standards.imf.date import format_date

DAY_SECONDS: Final = 24 * 3600
MOST_NAMED: Final = 20
"""Lost targets that a notice names."""
MOST_KNOWN: Final = 10_000
"""Lapses remembered; the trace of a notice keeps it from being filed twice when they are forgotten."""


class Lapses:
    """Which lapses were told today."""

    __slots__ = ("_day", "_told")

    def __init__(self) -> None:
        self._day = 0
        self._told: set[str] = set()

    def news(self, lost: Sequence[Lost], now: float) -> str | None:
        """The trace of the notice about ``lost``, None if that was told today.

        Named after the lost targets, of which we have so many, not after the address that was asked for.
        """
        day = int(now // DAY_SECONDS)
        if day != self._day or len(self._told) >= MOST_KNOWN:
            self._day = day
            self._told.clear()
        about = "\0".join(sorted({one.leaf.recipient.address.key for one in lost}))
        if about in self._told:
            return None
        self._told.add(about)
        return f"n{hashlib.sha256(f'{day}{about}'.encode()).hexdigest()[:23]}"


def named(one: Lost) -> str:
    """A lost target and why it is lost."""
    return f"{one.leaf.recipient.address}: {one.reply}"


_LAPSED = (
    "An alias leads nowhere",
    (
        "The sender was not told. Mend or remove the alias: posthouse alias list",
        "shows it. You hear of this once a day while such mail comes.",
    ),
)
_FULL = (
    "A mailbox is full",
    (
        "The sender was not told: nothing proves that he is who he says. Make room,",
        "posthouse account show says how full it is. You hear of this once a day.",
    ),
)


def write_notice(alias: Address, lost: Sequence[Lost], *, trace: str, now: float) -> tuple[Envelope, bytes]:
    """The letter to the postmaster of the alias' domain."""
    postmaster = Address("postmaster", alias.domain)
    is_full = all(one.reply.status == "4.2.2" for one in lost)
    subject, advice = _FULL if is_full else _LAPSED
    lines = [
        f"From: Mail Delivery Service <{postmaster}>",
        f"To: <{postmaster}>",
        f"Subject: {subject}",
        f"Date: {format_date(now).decode()}",
        f"Message-ID: <{trace}@{alias.domain}>",
        "Auto-Submitted: auto-generated",  # RFC 3834 section 5.1
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        "A message from outside came for",
        "",
        f"  {alias}",
        "",
        "It was delivered, but not to these addresses that this one leads to:",
        "",
        *(f"  {named(one)}" for one in lost[:MOST_NAMED]),
        "",
        *advice,
        "",
    ]
    octets = "\r\n".join(lines).encode()
    body = Body.SEVENBIT if octets.isascii() else Body.EIGHTBIT
    return Envelope(None, (Recipient(postmaster, notify=Notify.NEVER),), body=body), octets
