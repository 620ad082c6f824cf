"""What an attack is given: callers, strangers' addresses, the sink, the name server, and the page for what it saw."""

import hashlib
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from posthouse.drill.access import Imap, Pop3
from posthouse.drill.caller import Caller
from posthouse.drill.control import NAME, ask
from posthouse.drill.fence import MOST_CONNECTIONS, MOST_OCTETS, MOST_SECONDS, Allowance, Budget
from posthouse.drill.leash import Watch, nobody_watches
from posthouse.drill.ledger import Ledger
from posthouse.drill.names import Names
from posthouse.drill.place import IMPLICIT, Absent, Person, Place
from posthouse.drill.sink import Sink
from posthouse.drill.smtp import Smtp, letter
from posthouse.drill.transcript import Transcript
from posthouse.drill.verdict import Assertion, Kind
from posthouse.drill.vitals import Journal, Vitals, measure
from posthouse.drill.waiting import wait_for

C = TypeVar("C", bound=Caller)

HOME = "127.0.0.1"
"""Exempt from rates in a sandbox, as a monitoring host would be. Attacks come from elsewhere."""


class Unproven(Exception):
    """Raised by an attack that finds that it cannot show anything here; ``str()`` says why."""


def strangers() -> Iterator[str]:
    """Addresses of loopback, each in a /21 of its own, away from 127.0.0.0/16; starts anew after 8,000."""
    while True:
        for block in range(8000):
            yield f"127.{1 + block // 32}.{8 * (block % 32)}.{2 + block % 250}"


@dataclass(slots=True)
class Bench:
    """One attempt of one attack. ``expect`` is about the attack, ``twin`` about the honest way of doing the same."""

    place: Place
    sink: Sink
    names: Names
    chance: random.Random
    budget: Budget
    addresses: Iterator[str]
    journal: Journal
    transcript: Transcript = field(default_factory=Transcript)
    ledger: Ledger = field(default_factory=Ledger)
    assertions: list[Assertion] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    """Where the attack came from."""
    figures: dict[str, float] = field(default_factory=dict)
    """Measured things worth keeping: seconds, octets, numbers."""
    number: int = 0
    watching: Budget = field(default_factory=lambda: Budget(Allowance(MOST_CONNECTIONS, MOST_OCTETS, MOST_SECONDS)))
    """What looking costs is not the attack's."""
    slowness: float = 1.0
    """Everything that should happen soon may take so much longer, as this machine is today."""
    large: bool = False
    """The profile takes its time: more of everything."""
    timely: set[str] = field(default_factory=set)
    """What was expected to happen in time: a busy machine can break that by itself."""
    watch: Watch = nobody_watches
    """Told of every process that an attack starts."""

    # -- what was seen

    def expect(self, name: str, expected: object, observed: object, *, ok: bool | None = None) -> bool:
        """The attack must end so; ``ok`` where equality is not the question."""
        return self._note(Kind.ATTACK, name, expected, observed, ok)

    def expect_soon(self, name: str, expected: object, observed: object, *, ok: bool | None = None) -> bool:
        """The same for what must happen within a time: on a machine that is too busy it proves nothing."""
        self.timely.add(name)
        return self.expect(name, expected, observed, ok=ok)

    def twin(self, name: str, expected: object, observed: object, *, ok: bool | None = None) -> bool:
        """The benign twin must end so."""
        return self._note(Kind.TWIN, name, expected, observed, ok)

    def remark(self, name: str, expected: object, observed: object, *, ok: bool | None = None) -> bool:
        """Told, and decides nothing."""
        return self._note(Kind.REMARK, name, expected, observed, ok)

    def _note(self, kind: Kind, name: str, expected: object, observed: object, ok: bool | None) -> bool:
        good = expected == observed if ok is None else ok
        self.assertions.append(Assertion(name, kind, _shown(expected), _shown(observed), good))
        self.transcript.note("note", f"{'ok' if good else 'NOT OK'}: {name}: {_shown(observed)}".encode())
        return good

    # -- who speaks

    def so_many(self, usual: int, large: int) -> int:
        """Of whatever there is no end of: as many as fit into a minute or two, or into a long run."""
        return large if self.large else usual

    def stranger(self) -> str:
        """An address nobody has come from yet."""
        return next(self.addresses)

    def unique(self, word: str = "x") -> str:
        """A word that no other attempt uses."""
        self.number += 1
        return f"{word}{self.number}-{self.chance.getrandbits(40):010x}"

    def sender(self) -> bytes:
        """An address at a domain that exists and that nobody has heard of: what one domain sends is counted (L16)."""
        return f"a@{self.unique('s')}.else.test".encode()

    async def call(self, service: str, source: str = "", *, tls: bool | None = None) -> Caller:
        """Octets at ``service``; nothing said yet."""
        return await self._call(Caller, service, source, tls=tls)

    async def smtp(
        self, service: str = "smtp", source: str = "", *, hello: bytes = b"EHLO drill.test\r\n", greeted: bool = True
    ) -> Smtp:
        """A stranger at the door, greeted. Raises ``EOFError`` when the greeting is a refusal."""
        caller = await self._call(Smtp, service, source)
        if greeted:
            reply = await caller.greet(
                hello.replace(b"EHLO", b"LHLO") if service == "lmtp" else hello, starttls=service == "submission"
            )
            if reply[:3] != b"250":
                caller.close()
                raise EOFError(f"not greeted: {reply[:120]!r}")
        return caller

    async def submitter(self, name: str = "alice", source: str = HOME) -> Smtp:
        """One of our own people, logged in to send."""
        person = self.place.person(name)
        caller = await self.smtp("submissions", source)
        reply = await caller.login(person.address, person.password)
        if reply[:3] != b"235":
            caller.close()
            raise EOFError(f"{name} cannot log in: {reply[:120]!r}")
        return caller

    async def imap(self, name: str = "alice", source: str = HOME, *, watching: bool = False) -> Imap:
        """A reader, logged in. ``watching``: it is no part of the attack and costs it nothing."""
        person = self.place.person(name)
        imap = await self._call(Imap, "imaps", source, budget=self.watching if watching else None)
        await imap.greet()
        if b" OK " not in (answer := await imap.login(person.address, person.password)):
            imap.close()
            raise EOFError(f"{name} cannot log in: {answer[:120]!r}")
        return imap

    async def guest(self, service: str = "imap", source: str = "") -> Imap:
        """A stranger at IMAP, greeted and not logged in."""
        imap = await self._call(Imap, service, source)
        await imap.greet()
        return imap

    async def pop3(self, name: str = "", source: str = HOME) -> Pop3:
        """A reader; without a name not logged in."""
        pop3 = await self._call(Pop3, "pop3s", source)
        await pop3.greet()
        if name:
            person = self.place.person(name)
            await pop3.login(person.address, person.password)
        return pop3

    async def _call(
        self, kind: type[C], service: str, source: str, *, tls: bool | None = None, budget: Budget | None = None
    ) -> C:
        where, mine = self.place.where(service), source or self.stranger()
        if mine != HOME:
            self.sources.add(mine)
        return await kind.connect(
            where, mine, budget or self.budget, Transcript() if budget else self.transcript, cafile=self.place.cafile,
            tls=service in IMPLICIT if tls is None else tls,
        )  # fmt: skip

    # -- what is there

    async def box(self, name: str = "alice", mailbox: str = "INBOX") -> list[bytes]:
        """All messages of a mailbox."""
        async with await self.imap(name, watching=True) as imap:
            return await imap.fetch_all(mailbox)

    async def empty(self, name: str = "alice", mailbox: str = "INBOX") -> None:
        async with await self.imap(name, watching=True) as imap:
            await imap.empty(mailbox)

    async def deliver(self, name: str, content: bytes, *, source: str = "", sender: bytes | None = None) -> bytes:
        """A message from outside for one of our people; the reply that decided its fate."""
        async with await self.smtp("smtp", source) as caller:
            recipient = self.place.person(name).address.encode()
            return await caller.send(self.sender() if sender is None else sender, [recipient], content)

    async def arrives(self, name: str, mark: str, *, mailbox: str = "INBOX", seconds: float = 5.0) -> bool:
        """Whether a message with ``mark`` in it is in the mailbox, now or soon."""
        wanted = mark.encode()

        async def there() -> bool:
            return any(wanted in one for one in await self.box(name, mailbox))

        return await wait_for(there, seconds * self.slowness)

    async def leaves(self, recipient: str, *, number: int = 1, seconds: float = 5.0) -> bool:
        """Whether so many messages for ``recipient`` come to the sink."""

        async def there() -> bool:
            return len(self.sink.to(recipient.encode())) >= number

        return await wait_for(there, seconds * self.slowness)

    async def wait(self, found: Callable[[], object], seconds: float = 5.0) -> bool:
        """Whether ``found`` becomes true in time."""

        async def there() -> bool:
            return bool(found())

        return await wait_for(there, seconds * self.slowness)

    async def wait_until(self, found: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> bool:
        """The same for a question that must be asked on the wire."""
        return await wait_for(found, seconds * self.slowness)

    async def benign(self, name: str = "alice") -> None:
        """The usual twin: an ordinary letter from a stranger is taken and arrives."""
        mark = self.unique("benign")
        reply = await self.deliver(name, letter(mark))
        self.twin("an ordinary letter is taken", "250", reply[:3].decode())
        self.twin("an ordinary letter arrives", True, await self.arrives(name, mark))

    async def control(self, operation: str, **given: object) -> list[dict[str, Any]]:
        """What an operator would do (``account add``…). Raises ``Declined`` when the server says no."""
        return await ask(self.place.directory / "store" / NAME, operation, **given)

    async def account(self, word: str, **given: object) -> str:
        """A new account with a name of its own, which ``imap``, ``box`` and ``submitter`` then know by that name."""
        name = self.unique(word)
        person = Person(f"{name}@{self.place.domain}", "drill-" + self.random_octets(12).hex())
        await self.control("account add", address=person.address, password=person.password, **given)
        self.place.people[name] = person
        return name

    @property
    def vitals(self) -> Vitals:
        """The server's process now. Raises ``Absent`` when it is gone."""
        found = measure(self.place.pid)
        if found is None:
            raise Absent("the server's process is gone")
        return found

    def random_octets(self, number: int) -> bytes:
        """The same for the same seed."""
        return b"".join(hashlib.sha256(b"%d" % self.chance.getrandbits(64)).digest() for _ in range(number // 32 + 1))[
            :number
        ]


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else text[:199] + "…"
