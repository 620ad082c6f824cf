"""One judgement a message: the strongest demand wins, suspicion adds up, nobody's failure lets anything through."""

from types import SimpleNamespace

import pytest

from posthouse.filter.action import Action, strongest
from posthouse.filter.amendment import NewSender
from posthouse.filter.boundary import DEFERRED, JUNK_REFUSED, REFUSED, Boundary, Judgement, Rules
from posthouse.filter.clue import Clue
from posthouse.filter.examination import examine
from posthouse.filter.judge import Policy
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.sender import SenderCheck
from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, BlobId
from posthouse.mail.reply import Reply
from posthouse.observe.ledger import Record
from posthouse.storage.mailbox import Role
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock
from posthouse.testing.zone import Zone

pytestmark = pytest.mark.asyncio

ALICE, BOB = AccountId(1), AccountId(2)
VIRUS = Reply(554, "5.7.1", ("it holds a virus",))
LATER = Reply(451, "4.7.1", ("scanners are busy",))
CONTENT = b"From: a@far.test\r\nSubject: x\r\n\r\nhello\r\n"


class Says:
    """An examiner that says what it was given, or raises it."""

    def __init__(self, *clues: Clue | Exception, amendments: tuple = ()) -> None:
        self.name = "oracle"
        self.clues = clues
        self.amendments = amendments
        self.asked: list[Letter] = []

    async def examine(self, letter: Letter) -> Opinion:
        self.asked.append(letter)
        for clue in self.clues:
            if isinstance(clue, Exception):
                raise clue
        return Opinion(self.clues, self.amendments)


def clue(name: str = "oracle.x", **given) -> Clue:
    return Clue("oracle", name, "because", **given)


def letter(content: bytes = CONTENT) -> Letter:
    async def read(start: int, length: int) -> bytes:
        return content[start : start + length]

    return Letter(
        trace="t", peer="192.0.2.9", helo="x.test", mail_from="a@far.test", recipients=(), accounts=(ALICE, BOB),
        submitter=None, examination=examine(content), blob=Blob(BlobId("b"), len(content), content), read=read,
    )  # fmt: skip


def check(zone: Zone | None = None) -> SenderCheck:
    policy = Policy(is_own=lambda domain: domain == "office.test")
    return SenderCheck(zone or Zone({}), ManualClock(), authserv_id="mx.office.test", policy=lambda: policy)


async def judged(*examiners: Says, sender: SenderCheck | None = None, **rules) -> Judgement:
    return await Boundary(sender, examiners, journal=KeptJournal(), rules=Rules(**rules)).judge(letter())


@pytest.mark.parametrize(
    ("clues", "action", "reply", "role"),
    [
        ((), Action.ACCEPT, None, Role.INBOX),
        ((clue(score=4.9),), Action.ACCEPT, None, Role.INBOX),
        ((clue(score=3.0), clue(score=2.0)), Action.JUNK, None, Role.JUNK),
        ((clue(score=7.0), clue(score=-3.0)), Action.ACCEPT, None, Role.INBOX),
        ((clue(score=15.0),), Action.REFUSE, JUNK_REFUSED, Role.INBOX),
        ((clue(action=Action.JUNK),), Action.JUNK, None, Role.JUNK),
        ((clue(action=Action.JUNK, score=-9.0),), Action.JUNK, None, Role.JUNK),
        ((clue(action=Action.QUARANTINE), clue(action=Action.JUNK)), Action.QUARANTINE, None, Role.QUARANTINE),
        ((clue(action=Action.DEFER, reply=LATER), clue(action=Action.QUARANTINE)), Action.DEFER, LATER, Role.INBOX),
        ((clue(action=Action.DEFER, reply=LATER), clue(action=Action.REFUSE, reply=VIRUS)), Action.REFUSE, VIRUS, Role.INBOX),
        ((clue(action=Action.DEFER),), Action.DEFER, DEFERRED, Role.INBOX),
        ((clue(action=Action.DEFER, reply=VIRUS),), Action.DEFER, DEFERRED, Role.INBOX),
        ((clue(action=Action.REFUSE, reply=LATER),), Action.REFUSE, REFUSED, Role.INBOX),
    ],
)  # fmt: skip
async def test_the_strongest_demand_wins(clues, action, reply, role) -> None:
    judgement = await judged(Says(*clues))
    assert (judgement.action, judgement.reply) == (action, reply)
    if action.lets_in:
        assert judgement.role is role


async def test_nothing_demanded_is_acceptance() -> None:
    assert strongest(()) is Action.ACCEPT
    assert [one.lets_in for one in Action] == [True, True, True, False, False]
    assert sorted(Action, key=lambda one: one.strength) == list(Action)


async def test_weights_and_actions_are_configured() -> None:
    says = Says(clue(score=4.0), clue("oracle.odd", action=Action.REFUSE, reply=VIRUS))
    judgement = await judged(says, weights={"oracle": 2.0}, actions={"oracle.odd": Action.ACCEPT})
    assert (judgement.action, judgement.score) == (Action.JUNK, 8.0)


async def test_who_breaks_defers_unless_configured() -> None:
    journal = KeptJournal()
    boundary = Boundary(None, (Says(RuntimeError("x")), Says(clue(score=1.0))), journal=journal)
    judgement = await boundary.judge(letter())
    assert (judgement.action, judgement.reply) == (Action.DEFER, DEFERRED)
    assert [one.name for one in judgement.clues] == ["oracle.failed", "oracle.x"]
    assert [str(error) for error in journal.bugs] == ["x"]
    assert (await judged(Says(OSError()), actions={"oracle.failed": Action.ACCEPT})).action is Action.ACCEPT


async def test_what_one_account_finds_moves_its_copy_alone() -> None:
    mine = Says(clue(score=3.0), clue(score=3.0, account=ALICE), clue(action=Action.REFUSE, account=BOB))
    judgement = await judged(mine)
    assert judgement.action is Action.ACCEPT
    assert judgement.roles == {ALICE: Role.JUNK, BOB: Role.QUARANTINE}


async def test_an_account_may_speak_for_what_looks_like_junk_to_all() -> None:
    judgement = await judged(Says(clue(score=6.0), clue(score=-4.0, account=ALICE)))
    assert (judgement.role, judgement.roles) == (Role.JUNK, {ALICE: Role.INBOX})
    demanded = await judged(Says(clue(action=Action.JUNK), clue(score=-4.0, account=ALICE)))
    assert demanded.roles == {ALICE: Role.JUNK}


async def test_amendments_are_handed_on() -> None:
    assert (await judged(Says(amendments=(NewSender("x@y.test"),)))).amendments == (NewSender("x@y.test"),)


async def test_a_sender_who_is_refused_is_not_examined_further() -> None:
    says = Says()
    zone = Zone({"_dmarc.far.test": {"txt": (b"v=DMARC1; p=reject",)}})
    judgement = await judged(says, sender=check(zone))
    assert (judgement.action, judgement.reply.status) == (Action.REFUSE, "5.7.26")
    assert says.asked == []


async def test_examiners_see_who_sent_it() -> None:
    says = Says()
    judgement = await judged(says, sender=check())
    assert says.asked[0].evidence.author.domain == "far.test"
    assert judgement.field.startswith(b"Authentication-Results: mx.office.test;")
    assert judgement.note == b"Posthouse-Sender: unverified\r\n"


async def test_the_ledger_tells_all_of_it() -> None:
    record = Record(id="t", at=0, door="smtp", verdict="accepted")
    zone = Zone({"_dmarc.far.test": {"txt": (b"v=DMARC1; p=quarantine",)}})
    (await judged(Says(clue(score=1.0)), sender=check(zone))).mark(record)
    assert (record.action, record.score) == ("quarantine", 1.0)
    assert record.reasons == (
        "sender.dmarc: the policy of far.test asks to quarantine it",
        "oracle.x: because",
    )
    assert record.results == ("spf=none helo x.test", "spf=none mailfrom far.test", "dmarc=fail far.test p=quarantine")
    assert record.display == "forged"


async def test_witnesses_see_every_judgement() -> None:
    seen: list[Judgement] = []
    witness = SimpleNamespace(saw=lambda _letter, judgement: seen.append(judgement))
    boundary = Boundary(check(), journal=KeptJournal(), witnesses=(witness,))
    assert seen == [await boundary.judge(letter())]


async def test_a_witness_that_breaks_breaks_nothing() -> None:
    def break_down(_letter: object, _judgement: Judgement) -> None:
        raise ValueError("a bug of ours")

    seen: list[Judgement] = []
    journal = KeptJournal()
    witnesses = (
        SimpleNamespace(saw=break_down),
        SimpleNamespace(saw=lambda _letter, judgement: seen.append(judgement)),
    )
    assert seen == [await Boundary(check(), journal=journal, witnesses=witnesses).judge(letter())]
    assert [str(error) for error in journal.bugs] == ["a bug of ours"]


async def test_nobody_looking_is_idle() -> None:
    assert Boundary(None, journal=KeptJournal()).is_idle
    assert not Boundary(check(), journal=KeptJournal()).is_idle
