"""What one message may ask of the DNS: 60 questions and 10 seconds in all, 40 of them for SPF (L37).

SECURITY. Who writes SPF records and signatures decides what we ask; here is
where that ends (threats D08 and D09). Running out of time is trouble of the
DNS and temporary; running out of questions is the sender's doing, and
``spent`` says so, that it need not be forgiven.
"""

import math
from collections.abc import Callable, Coroutine
from typing import Any

from posthouse.filter.eagerly import within
from posthouse.lib.ports import Clock
from posthouse.standards.dns.ports import Answer, DnsTrouble, Mx, Resolver

MAX_QUESTIONS = 60
MAX_SPF_QUESTIONS = 40
MAX_CHAIN_QUESTIONS = 30
KEPT_FOR_POLICY = 10
"""Of the 60, for DMARC: whatever else is asked, the policy of the author's domain is found (at most 9 questions)."""
MAX_SECONDS = 10.0


Ask = Callable[[str], Coroutine[Any, Any, Answer[Any]]]


class Allowance:
    """The questions and the time that one message has left; the answers it got are remembered."""

    __slots__ = ("answers", "asked", "clock", "until")

    def __init__(self, clock: Clock, seconds: float = MAX_SECONDS) -> None:
        self.clock = clock
        self.until = clock.monotonic() + seconds
        self.asked = 0
        self.answers: dict[tuple[str, str], Answer[Any] | DnsTrouble] = {}


class Questions:
    """Implements ``standards.dns.ports.Resolver`` for one message: a view on its ``Allowance`` with its own most."""

    __slots__ = ("_allowance", "_asked", "_kept", "_most", "_resolver", "spent", "until")

    def __init__(
        self, resolver: Resolver, allowance: Allowance, most: int = MAX_QUESTIONS, kept: int = KEPT_FOR_POLICY
    ) -> None:
        self._resolver = resolver
        self._allowance = allowance
        self._most = most
        self._kept = kept
        self._asked = 0
        self.spent = False
        """Whether a question was left unasked because there were too many."""
        self.until = math.inf
        """When the first of the answers so far ends to hold (monotonic)."""

    async def mx(self, name: str) -> Answer[Mx]:
        return await self._ask("mx", name, self._resolver.mx)

    async def a(self, name: str) -> Answer[str]:
        return await self._ask("a", name, self._resolver.a)

    async def aaaa(self, name: str) -> Answer[str]:
        return await self._ask("aaaa", name, self._resolver.aaaa)

    async def txt(self, name: str) -> Answer[bytes]:
        return await self._ask("txt", name, self._resolver.txt)

    async def ptr(self, address: str) -> Answer[str]:
        return await self._ask("ptr", address, self._resolver.ptr)

    async def tlsa(self, name: str) -> Answer[tuple[int, int, int, bytes]]:
        return await self._ask("tlsa", name, self._resolver.tlsa)

    async def _ask(self, kind: str, name: str, ask: Ask) -> Answer[Any]:
        allowance = self._allowance
        question = (kind, name)
        known = allowance.answers.get(question)
        if known is None:
            self._count()
            known = await self._answer(name, ask)
            allowance.answers[question] = known
        if isinstance(known, DnsTrouble):
            self.until = 0.0  # another day brings another answer
            raise known
        self.until = min(self.until, known.until)
        return known

    async def _answer(self, name: str, ask: Ask) -> Answer[Any] | DnsTrouble:
        left = self._allowance.until - self._allowance.clock.monotonic()
        if left <= 0:
            return DnsTrouble("no time left for the DNS")
        try:
            return await within(ask(name), left)
        except TimeoutError:
            return DnsTrouble("no time left for the DNS")
        except DnsTrouble as trouble:
            return trouble

    def _count(self) -> None:
        if self._asked >= self._most or self._allowance.asked >= MAX_QUESTIONS - self._kept:
            self.spent = True
            self.until = 0.0
            raise DnsTrouble("too many questions")
        self._asked += 1
        self._allowance.asked += 1
