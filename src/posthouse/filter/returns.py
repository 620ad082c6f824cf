"""Reports about mail that our people never sent: forged bounces (threat B07).

What is submitted to others leaves a note of its message-id on the shelf
``sent``. A report from outside quotes the message it is about; if that is none
of ours, and tells of nobody that its reader ever wrote to, it answers nothing of
ours and goes to Junk, where it is not lost. What comes to a return path that we
signed (``filter.returnpath``) is true, whatever it quotes.
"""

import hashlib
import re
from collections.abc import Coroutine
from typing import Any, Final

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.action import Action
from posthouse.filter.boundary import Judgement
from posthouse.filter.clue import Clue
from posthouse.filter.gathering import Gathering
from posthouse.filter.letter import Letter
from posthouse.filter.ports import NOTHING, Opinion
from posthouse.filter.returnpath import ReturnPaths
from posthouse.filter.surge import parse_sender
from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal
from posthouse.standards.imf.header import parse_header
from posthouse.standards.imf.messageid import parse_message_id
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

KIND: Final = "sent"
KEPT_SECONDS: Final = 14 * 86400
"""Longer than anybody's queue."""

LOOKED_AT: Final = 64 * 1024
"""Octets of a report in which the quoted message-id is looked for."""

MOST_IDS: Final = 8
MOST_WAITING: Final = 10_000

_LINES: Final = re.IGNORECASE | re.MULTILINE
_MESSAGE_ID = re.compile(rb"^[ \t>]{0,8}Message-ID:[ \t]{0,8}(?:\r?\n[ \t]{1,8})?(<[^<>\s]{1,250}>)", _LINES)
_RECIPIENT = re.compile(rb"^(?:Final|Original)-Recipient:[ \t]{0,8}rfc822;[ \t]{0,8}<?([^<>\s;]{3,254})", _LINES)


class Sent:
    """Which messages left us. Implements ``filter.boundary.Witness`` for mail of our own people and machines."""

    __slots__ = ("_clock", "_gathering", "_store", "_waiting")

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._waiting: set[str] = set()
        self._gathering = Gathering(self.flush, journal, "sent.unwritten")

    def saw(self, letter: Letter, judgement: Judgement) -> None:
        """A message of ours leaves; its id stands in its header or in what we added."""
        is_ours = letter.submitter is not None or (letter.evidence is not None and letter.evidence.exempt)
        if not is_ours or not judgement.action.lets_in or len(self._waiting) >= MOST_WAITING:
            return
        if len(letter.accounts) >= len(letter.recipients):  # nobody outside will report
            return
        header = letter.examination.header
        given = header.first("message-id") if header is not None else None
        found = parse_message_id(given or parse_header(letter.prefix + b"\r\n").first("message-id") or b"")
        if found:
            self.remember(found)

    def remember(self, message_id: str) -> None:
        """A message with this id has left us."""
        self._waiting.add(key_of(message_id))
        self._gathering.soon()

    async def knows(self, message_ids: list[str]) -> bool:
        """Whether one of them left us."""
        keys = [key_of(one) for one in message_ids]
        if any(key in self._waiting for key in keys):
            return True
        return bool(keys) and bool(await self._store.notes(KIND, keys))

    async def flush(self) -> None:
        """Write what waits; until it is written it waits, and is known."""
        waiting = tuple(self._waiting)
        now = int(self._clock.now() * 1000)
        if waiting:
            await self._store.put_notes([Note(KIND, key, b"", now, now + KEPT_SECONDS * 1000) for key in waiting])
        self._waiting.difference_update(waiting)


class Returns:
    """Implements ``filter.ports.Examiner``."""

    __slots__ = ("_acquaintance", "_paths", "_sent")

    name = "bounces"

    def __init__(self, sent: Sent, acquaintance: Acquaintance, paths: ReturnPaths | None = None) -> None:
        self._sent = sent
        self._acquaintance = acquaintance
        self._paths = paths

    def examine(self, letter: Letter) -> Opinion | Coroutine[Any, Any, Opinion]:
        if letter.mail_from or letter.submitter is not None or not letter.accounts or not is_report(letter):
            return NOTHING
        if self._paths is not None and all(self._paths.knows(one.address) for one in letter.recipients):
            return NOTHING
        return self._examine_report(letter)

    async def _examine_report(self, letter: Letter) -> Opinion:
        octets = letter.blob.octets
        if octets is None:
            octets = await letter.read(0, min(letter.blob.size, LOOKED_AT))
        octets = octets[:LOOKED_AT]
        ids = [parse_message_id(one) or "" for one in _MESSAGE_ID.findall(octets)[:MOST_IDS]]
        if await self._sent.knows([one for one in ids if one]):
            return NOTHING
        told = [parse_sender(one.decode("ascii", "replace")) for one in _RECIPIENT.findall(octets)[:MOST_IDS]]
        clues = []
        for account in letter.accounts:
            for address in told:
                if address is not None and await self._acquaintance.knows(account, address):
                    break
            else:
                text = "a report about nothing that was sent from here"
                clues.append(Clue(self.name, "bounces.forged", text, action=Action.JUNK, account=account))
        return Opinion(tuple(clues))


def is_report(letter: Letter) -> bool:
    """Whether it says that something could not be delivered: by its type, or by who writes."""
    header = letter.examination.header
    if header is None:
        return False
    kind = (header.first("content-type") or b"").lower()
    if b"multipart/report" in kind:  # others are receipts, reports of abuse, of TLS
        return b"delivery-status" in kind or b"report-type" not in kind
    author = (header.first("from") or b"").lower()
    return b"mailer-daemon@" in author or header.first("x-failed-recipients") is not None


def key_of(message_id: str) -> str:
    """The note of a message-id."""
    return hashlib.blake2b(message_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
