"""The boundary filter: everybody who looks at a message on its way in or out is asked once, and one judgement follows.

The sender is looked at first, because who it is from is evidence for all the
others; they are asked at the same time. The strongest action that anybody
demands wins; what only raises suspicion adds up. Nobody's failure lets a
message through unseen: an examiner that breaks demands ``DEFER``, unless the
configuration says what its failing means.
"""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import msgspec

from posthouse.filter.action import Action, strongest
from posthouse.filter.amendment import Amendment
from posthouse.filter.clue import Clue
from posthouse.filter.eagerly import together, within
from posthouse.filter.letter import Letter
from posthouse.filter.ports import NOTHING, Examiner, Opinion
from posthouse.filter.sender import Findings, SenderCheck
from posthouse.mail.ids import AccountId
from posthouse.mail.reply import Reply
from posthouse.observe.ledger import Record
from posthouse.observe.ports import Journal
from posthouse.storage.mailbox import Role

MOST_SECONDS = 120.0
"""For an examiner that keeps no time itself; the client waits up to ten minutes (RFC 5321 section 4.5.3.2.6)."""
MOST_CLUES = 100
"""Of one message that are kept in the ledger."""
MOST_TEXT = 400
HELD = "quarantined: "
"""With it begins what the queue says of mail that is held for what was found in it, not by an operator."""

REFUSED = Reply(550, "5.7.1", ("we do not take this message",))
DEFERRED = Reply(451, "4.7.1", ("this message cannot be examined at the moment, try later",))
JUNK_REFUSED = Reply(550, "5.7.1", ("this message looks like junk",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How clues are weighed. ``actions`` replaces what a clue demands by its name, ``weights`` are by source."""

    junk_score: float = 5.0
    refuse_score: float = 15.0
    actions: Mapping[str, Action] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


class Judgement(msgspec.Struct, frozen=True):
    """What happens to one message, and why."""

    action: Action = Action.ACCEPT
    clues: tuple[Clue, ...] = ()
    reply: Reply | None = None
    """For ``DEFER`` and ``REFUSE``, without the id."""
    score: float = 0.0
    findings: Findings | None = None
    """Of the look at the sender, where there was one."""
    amendments: tuple[Amendment, ...] = ()
    roles: Mapping[AccountId, Role] = {}
    """Accounts whose copy goes elsewhere than the others."""

    @property
    def field(self) -> bytes:
        """Our Authentication-Results, to stand above our Received; empty when nothing was looked at."""
        return self.findings.field if self.findings is not None else b""

    @property
    def note(self) -> bytes:
        """The header field that tells our own readers who really sent it (``filter.display``)."""
        return self.findings.note if self.findings is not None else b""

    @property
    def role(self) -> Role:
        """Where the copies go."""
        return role_of(self.action)

    @property
    def held(self) -> str:
        """Why what goes elsewhere must wait for somebody to look at it; empty if it need not."""
        if self.action is not Action.QUARANTINE:
            return ""
        why = next((one.name for one in self.clues if one.action is self.action), "by the rules of this server")
        return f"{HELD}{why}"  # its text may name a virus, and what the queue says may end in a report (threat B02)

    def mark(self, record: Record) -> None:
        """Put what was found into a record of the ledger."""
        if self.action is not Action.ACCEPT:
            record.action = self.action.value
        if self.score:
            record.score = round(self.score, 2)
        if self.clues:
            record.reasons = tuple([f"{one.name}: {one.text}"[:MOST_TEXT] for one in self.clues[:MOST_CLUES]])
        findings = self.findings
        if findings is not None:
            record.results = findings.summary
            record.override = findings.verdict.override
            record.display = str(findings.display)
            record.flags = findings.display.warnings


def role_of(action: Action) -> Role:
    """The mailbox of a message that is let in."""
    return _ROLES.get(action, Role.INBOX)


_ROLES = {Action.JUNK: Role.JUNK, Action.QUARANTINE: Role.QUARANTINE}


class Witness(Protocol):
    """One who remembers what was judged (reports, reputation). Told before the answer is given; it never waits."""

    def saw(self, letter: Letter, judgement: Judgement) -> None: ...


class Boundary:
    """``check`` looks at who sent it, ``examiners`` at what it is; either may be absent."""

    __slots__ = ("_check", "_examiners", "_journal", "_rules", "_witnesses")

    def __init__(
        self,
        check: SenderCheck | None,
        examiners: Sequence[Examiner] = (),
        *,
        journal: Journal,
        rules: Rules | None = None,
        witnesses: Sequence[Witness] = (),
    ) -> None:
        self._check = check
        self._examiners = tuple(examiners)
        self._journal = journal
        self._rules = rules or Rules()
        self._witnesses = tuple(witnesses)

    @property
    def is_idle(self) -> bool:
        """Whether nobody would look."""
        return self._check is None and not self._examiners and not self._witnesses

    @property
    def checks_senders(self) -> bool:
        return self._check is not None

    async def judge(self, letter: Letter, *, exempt: str = "") -> Judgement:
        """The judgement. ``exempt`` says why its sender needs no proof (``authenticated``, ``relay network``)."""
        findings: Findings | None = None
        clues: tuple[Clue, ...] = ()
        if self._check is not None:
            findings = await self._check.look(
                letter.examination,
                peer=letter.peer,
                helo=letter.helo,
                mail_from=letter.mail_from,
                recipients=letter.recipients,
                exempt=exempt,
            )
            letter.evidence, letter.display = findings.evidence, findings.display
            clues = _of_sender(findings)
        if self._examiners and all(self._demand(clue).lets_in for clue in clues):
            judgement = self.weigh(findings, clues, await self._ask_all(letter))
        else:
            judgement = self.weigh(findings, clues)
        for witness in self._witnesses:
            try:
                witness.saw(letter, judgement)
            except Exception as error:  # noqa: BLE001 - what is only remembered must not break the road
                self._journal.bug(f"witness {type(witness).__name__}", error)
        return judgement

    async def _ask_all(self, letter: Letter) -> Sequence[Opinion]:
        """What they all say, in their order; those who must wait wait at the same time."""
        opinions: list[Opinion] = []
        waiting: list[tuple[int, Coroutine[Any, Any, Opinion]]] = []
        for examiner in self._examiners:
            try:
                said = examiner.examine(letter)
            except Exception as error:  # noqa: BLE001 - see _wait_for
                said = self._failed(examiner, error)
            if isinstance(said, Opinion):
                opinions.append(said)
            else:
                waiting.append((len(opinions), self._wait_for(examiner, said)))
                opinions.append(NOTHING)
        if waiting:
            late = await together(*[work for _, work in waiting])
            for (place, _), opinion in zip(waiting, late, strict=True):
                opinions[place] = opinion
        return opinions

    async def _wait_for(self, examiner: Examiner, work: Coroutine[Any, Any, Opinion]) -> Opinion:
        try:
            return await within(work, MOST_SECONDS)
        except TimeoutError:
            return self._without(examiner, "took too long")
        except Exception as error:  # noqa: BLE001 - a broken examiner must not break the road, and lets nothing through
            return self._failed(examiner, error)

    def _failed(self, examiner: Examiner, error: Exception) -> Opinion:
        self._journal.bug(f"examiner {examiner.name}", error)
        return self._without(examiner, "failed")

    def _without(self, examiner: Examiner, why: str) -> Opinion:
        text = f"{examiner.name} {why}"
        return Opinion((Clue(examiner.name, f"{examiner.name}.failed", text, action=Action.DEFER, reply=DEFERRED),))

    def weigh(self, findings: Findings | None, clues: tuple[Clue, ...], opinions: Sequence[Opinion] = ()) -> Judgement:
        """All that was found, as one judgement."""
        amendments: tuple[Amendment, ...] = ()
        for opinion in opinions:
            clues += tuple(opinion.clues)
            amendments += tuple(opinion.amendments)
        if not clues:
            return Judgement(findings=findings, amendments=amendments)
        common = [clue for clue in clues if clue.account is None]
        score = self._score(common)
        by_score = self._by_score(score)
        action = strongest([by_score, *map(self._demand, common)])
        return Judgement(
            action=action,
            clues=clues,
            reply=None if action.lets_in else self._reply(action, common, by_score),
            score=score,
            findings=findings,
            amendments=amendments,
            roles=self._roles(clues, score, strongest(map(self._demand, common))) if len(common) < len(clues) else {},
        )

    def _demand(self, clue: Clue) -> Action:
        return self._rules.actions.get(clue.name, clue.action)

    def _score(self, clues: Sequence[Clue]) -> float:
        weights = self._rules.weights
        return sum([clue.score * weights.get(clue.source, 1.0) for clue in clues if clue.score])

    def _by_score(self, score: float) -> Action:
        if score < self._rules.junk_score:
            return Action.ACCEPT
        return Action.JUNK if score < self._rules.refuse_score else Action.REFUSE

    def _reply(self, action: Action, clues: Sequence[Clue], by_score: Action) -> Reply:
        """That of the first clue that demanded it."""
        decisive = [clue for clue in clues if self._demand(clue) is action]
        for clue in decisive:
            if clue.reply is not None and clue.reply.transient is (action is Action.DEFER):
                return clue.reply
        if action is Action.DEFER:
            return DEFERRED
        return JUNK_REFUSED if by_score is Action.REFUSE and not decisive else REFUSED

    def _roles(self, clues: Sequence[Clue], score: float, common: Action) -> dict[AccountId, Role]:
        """Accounts for which something of their own was found: it can move their copy, never refuse the message.

        ``common`` is what was demanded for everybody; Junk by score alone is not, when an account's own clues outweigh
        it.
        """
        roles = {}
        for account in dict.fromkeys([clue.account for clue in clues if clue.account is not None]):
            own = [clue for clue in clues if clue.account == account]
            total = score + self._score(own)
            demanded = strongest(map(self._demand, own))
            if not demanded.lets_in:
                demanded = Action.QUARANTINE
            by_score = Action.JUNK if total >= self._rules.junk_score else Action.ACCEPT
            roles[account] = role_of(strongest((demanded, by_score, common)))
        return roles


def _of_sender(findings: Findings) -> tuple[Clue, ...]:
    """The verdict about the sender as clues: the first ground carries the action."""
    verdict = findings.verdict
    if not verdict.reasons or findings.evidence.exempt:
        return ()
    make = partial(Clue, "sender")
    first, *others = verdict.reasons
    return (
        make(f"sender.{first.name}", first.text, action=verdict.action, reply=verdict.reply),
        *[make(f"sender.{one.name}", one.text) for one in others],
    )
