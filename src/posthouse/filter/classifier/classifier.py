"""The classifier at the boundary: what a message looks like to each of its recipients, by what they have taught.

Its word is a score, never a refusal: at most ``combining.MOST_SCORE``, for the
copy of one account. Nothing is looked at while nobody has taught anything; a
message whose words are in memory costs no trip to the store and no task.
"""

from collections.abc import Coroutine, Sequence
from typing import Any, Final

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.author import Author
from posthouse.filter.classifier.book import Book
from posthouse.filter.classifier.combining import Odds
from posthouse.filter.classifier.tokens import LOOKED_AT, tokens_of
from posthouse.filter.clue import Clue
from posthouse.filter.display import Standing
from posthouse.filter.letter import Letter
from posthouse.filter.ports import NOTHING, Opinion
from posthouse.filter.surge import parse_sender
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.standards.imf.header import Header
from posthouse.storage.errors import StorageError

MOST_READERS: Final = 20
"""Recipients whose own words are asked; the others are served by what all share."""
WORTH_SAYING: Final = 0.2
SUSPICIOUS: Final = 1.0
"""From this score on it is asked whether the recipient knows the sender."""
KNOWN_SCORE: Final = -5.0
"""For who has proven to be a correspondent."""
CLAIMED_SCORE: Final = -2.0
"""For who only says so, and nothing contradicts."""


class Classifier:
    """Implements ``filter.ports.Examiner``."""

    name = "classifier"

    def __init__(self, book: Book, acquaintance: Acquaintance | None, journal: Journal) -> None:
        self._book = book
        self._acquaintance = acquaintance
        self._journal = journal

    def examine(self, letter: Letter) -> Opinion | Coroutine[Any, Any, Opinion]:
        if self._book.is_mute or letter.submitter is not None or not letter.accounts:
            return NOTHING
        readers = self._book.readers(letter.accounts, MOST_READERS)
        if not readers:
            return NOTHING
        octets = letter.blob.octets
        if octets is None:
            return self._read_and_judge(letter, readers)
        tokens = self._tokens(letter, octets)
        found = {reader: self._book.lexicon(reader).odds(tokens) for reader in readers}
        if None in found.values() or any(odds.score >= SUSPICIOUS for odds in found.values() if odds is not None):
            return self._look_up(letter, readers, tokens, found)
        return self._opinion([(account, odds) for reader, odds in found.items() if odds for account in readers[reader]])

    def _tokens(self, letter: Letter, octets: bytes) -> Sequence[str]:
        header: Header | None = letter.examination.header
        if header is not None and octets[header.start : header.end] != header.octets:  # forged fields were cut
            header = None
        return tokens_of(octets, header, letter.display)

    async def _read_and_judge(self, letter: Letter, readers: dict[AccountId | None, list[AccountId]]) -> Opinion:
        octets = await letter.read(0, min(letter.blob.size, LOOKED_AT))
        return await self._look_up(letter, readers, self._tokens(letter, octets), {})

    async def _look_up(
        self,
        letter: Letter,
        readers: dict[AccountId | None, list[AccountId]],
        tokens: Sequence[str],
        found: dict[AccountId | None, Odds | None],
    ) -> Opinion:
        try:
            said = []
            for reader, accounts in readers.items():
                odds = found.get(reader) or await self._book.look_up(self._book.lexicon(reader), tokens)
                said += [(account, odds) for account in accounts]
            known = await self._correspondents(letter, [one for one, odds in said if odds.score >= SUSPICIOUS])
        except StorageError as error:  # a hint that is missing keeps nobody waiting
            self._journal.note("classifier.unread", Level.WARNING, reason=str(error))
            return NOTHING
        opinion = self._opinion(said)
        return Opinion((*opinion.clues, *known)) if known else opinion

    async def _correspondents(self, letter: Letter, accounts: Sequence[AccountId]) -> list[Clue]:
        """Who of ``accounts`` has written to the author: what looks like junk from a friend is a friend's."""
        author, proven = author_of_letter(letter)
        if self._acquaintance is None or author is None:
            return []
        score = KNOWN_SCORE if proven else CLAIMED_SCORE
        text = "a correspondent" if proven else "says it is from a correspondent"
        return [
            Clue(self.name, "classifier.correspondent", text, score, account=account)
            for account in accounts
            if await self._acquaintance.knows(account, author)
        ]

    def _opinion(self, said: Sequence[tuple[AccountId, Odds]]) -> Opinion:
        clues = [self._clue(account, odds) for account, odds in said if abs(odds.score) >= WORTH_SAYING]
        return Opinion(tuple(clues)) if clues else NOTHING

    def _clue(self, account: AccountId, odds: Odds) -> Clue:
        name = "classifier.junk" if odds.score > 0 else "classifier.good"
        text = f"{odds.junk:.3f} by {odds.count} words: {odds.reasons}"
        return Clue(self.name, name, text, odds.score, account=account)


def author_of_letter(letter: Letter) -> tuple[Address | None, bool]:
    """Who says to have written it, and whether that is proven; nobody where something contradicts."""
    display, evidence = letter.display, letter.evidence
    if display is None or evidence is None or not isinstance(evidence.author, Author):
        return parse_sender(letter.mail_from), False
    if display.standing is Standing.FORGED or display.flags:
        return None, False
    return evidence.author.address, display.standing is Standing.VERIFIED
