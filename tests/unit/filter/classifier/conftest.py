"""A school over a real store, and letters to show it."""

from collections.abc import Iterable

import pytest

from posthouse.filter.boundary import Boundary, Judgement
from posthouse.filter.classifier.lesson import Act
from posthouse.filter.classifier.school import School
from posthouse.filter.examination import examine
from posthouse.filter.letter import Letter
from posthouse.mail.content import Blob, Content
from posthouse.mail.ids import AccountId, BlobId
from posthouse.testing.letters import Letter as Written


class Class:
    """Users who teach, and what follows from it."""

    def __init__(self, office) -> None:
        self.office = office
        self.school = School(office.store, office.acquaintance, office.clock, office.journal)
        self.school.adopt(is_open=True, learns=True, minimum=10, most_a_day=100_000)
        self.boundary = Boundary(None, self.school.examiners, journal=office.journal)

    async def learn(self, account: AccountId, octets: bytes, act: Act, prefix: bytes = b"") -> bool:
        return await self.school.learner.learn(account, content_of(octets, prefix), act)

    async def teach(self, account: AccountId, letters: Iterable[Written]) -> None:
        for one in letters:
            await self.learn(account, one.octets, Act.JUNKED if one.is_junk else Act.KEPT)

    async def judge(self, octets: bytes, *accounts: AccountId, **given) -> Judgement:
        return await self.boundary.judge(letter_of(octets, *accounts, **given))

    async def goes_to_junk(self, octets: bytes, account: AccountId, **given) -> bool:
        judgement = await self.judge(octets, account, **given)
        assert judgement.action.lets_in
        return str(judgement.roles.get(account, "")).endswith("JUNK")

    async def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Everything that is counted and not nothing."""
        found = {}
        kinds = ["bayes.totals", "bayes.shared", "reputation", *[f"bayes.{number}" for number in range(12)]]
        for kind in kinds:
            after = ""
            while rows := await self.office.store.list_tallies(kind, after=after):
                found.update({(kind, one.key): (one.a, one.b) for one in rows if one.a or one.b})
                after = rows[-1].key
        return found


def content_of(octets: bytes, prefix: bytes = b"") -> Content:
    import hashlib

    return Content(prefix, Blob(BlobId(hashlib.sha256(octets).hexdigest()), len(octets), octets))


def letter_of(
    octets: bytes, *accounts: AccountId, sender: str = "x@far.test", submitter=None, large=False, **given
) -> Letter:
    async def read(start: int, length: int) -> bytes:
        return octets[start : start + length]

    blob = Blob(BlobId("b" * 64), len(octets), None if large else octets)
    examination = examine(octets, verifies=False)
    return Letter("t1", "192.0.2.1", "h", sender, (), tuple(accounts), submitter, examination, blob, read, **given)


@pytest.fixture
def klass(office) -> Class:
    return Class(office)
