"""Once a day users hear what was kept from them: who wrote, about what, why, and how to have it.

What strangers wrote is shown as text of one line each, never as links or
markup, and no message is quoted.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from posthouse.lib.ports import Clock
from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Envelope, Notify, Recipient
from posthouse.mail.ids import AccountId
from posthouse.mta.intake import Intake
from posthouse.mta.quarantine import Entry, Quarantine
from posthouse.standards.imf.date import format_date
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

DAY_MILLISECONDS: Final = 86_400_000
KIND: Final = "quarantine.digest"
"""Kept by account: when the last letter was written, and the UID of the newest message in it."""
MOST_LISTED: Final = 50
REMEMBERED_MILLISECONDS: Final = 400 * DAY_MILLISECONDS


class Digests:
    """Writes to those who have something new in quarantine, each at most once a day."""

    __slots__ = ("_clock", "_intake", "_keep", "_quarantine", "_store")

    def __init__(
        self, store: Store, quarantine: Quarantine, intake: Intake, clock: Clock, *, keep_seconds: float
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._intake = intake
        self._clock = clock
        self._keep = keep_seconds

    async def send(self, *, at_once: bool = False) -> int:
        """**Durable.** How many letters that were. ``at_once``: also to who had one today."""
        now = int(self._clock.now() * 1000)
        told = {note.key: (note.at, int(note.value or b"0")) for note in await self._told()}
        sent = 0
        for account, entries in (await self._by_account()).items():
            last, newest = told.get(str(account), (0, 0))
            new = [one for one in entries if _uid(one) > newest]
            if not new or (not at_once and now < last + DAY_MILLISECONDS):
                continue
            await self._write(new, now, last)
            seen = b"%d" % max(map(_uid, new))
            await self._store.put_notes([Note(KIND, str(account), seen, now, now + REMEMBERED_MILLISECONDS)])
            sent += 1
        return sent

    async def _told(self) -> Sequence[Note]:
        notes: list[Note] = []
        while page := await self._store.list_notes(KIND, after=notes[-1].key if notes else ""):
            notes += page
        return notes

    async def _by_account(self) -> dict[AccountId, list[Entry]]:
        found: dict[AccountId, list[Entry]] = {}
        async for entry in self._quarantine.entries():
            if entry.account is not None and entry.recipients[0]:
                found.setdefault(entry.account, []).append(entry)
        return found

    async def _write(self, entries: Sequence[Entry], now: int, last: int) -> None:
        address = parse_mailbox(entries[0].recipients[0])
        digest = hashlib.sha256(f"{address}\0{now // DAY_MILLISECONDS}\0{last}".encode()).hexdigest()
        envelope, octets = write_digest(address, entries, now=now, keep_seconds=self._keep, trace=f"q{digest[:23]}")
        await self._intake.send(envelope, octets, f"q{digest[:23]}")


def _uid(entry: Entry) -> int:
    """Strictly ascending, unlike the time."""
    return entry.copy.message.uid if entry.copy is not None else 0


def write_digest(
    user: Address, entries: Sequence[Entry], *, now: int, keep_seconds: float, trace: str
) -> tuple[Envelope, bytes]:
    """The letter to one user."""
    number = len(entries)
    what = "1 message" if number == 1 else f"{number} messages"
    lines = [
        f"From: Mail Delivery Service <postmaster@{user.domain}>",
        f"To: <{user}>",
        f"Subject: {what} for you in quarantine",
        f"Date: {format_date(now / 1000).decode()}",
        f"Message-ID: <{trace}@{user.domain}>",
        "Auto-Submitted: auto-generated",  # RFC 3834 section 5.1
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        f"This mail server kept {what} from your mailbox, because of what was found",
        "in them. If you expected one of them, ask your postmaster to release it",
        f"and name its number. Each is deleted after {round(keep_seconds / 86400)} days.",
        "",
    ]
    for entry in entries[:MOST_LISTED]:
        lines += [
            f"  number:  {entry.id}",
            f"  from:    {entry.author or entry.sender or '(nobody)'}",
            f"  sent by: {entry.sender or '(nobody)'}",
            f"  subject: {entry.subject or '(none)'}",
            f"  came:    {format_date(entry.at / 1000).decode()}",
            f"  why:     {entry.reason or 'by the rules of this server'}",
            "",
        ]
    if number > MOST_LISTED:
        lines += [f"and {number - MOST_LISTED} more.", ""]
    octets = "\r\n".join(lines).encode("utf-8", "replace")
    body = Body.SEVENBIT if octets.isascii() else Body.EIGHTBIT
    return Envelope(None, (Recipient(user, notify=Notify.NEVER),), body=body), octets
