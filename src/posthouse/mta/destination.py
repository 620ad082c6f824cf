"""What is known of one destination: what waits for it, how many links it may have, and when it may be tried.

Concurrency begins with 2, grows by one with each success up to the limit (L26), and
falls to 1 after a failure. A destination that cannot be reached is left alone
for a growing pause, at most ``MAX_PAUSE_SECONDS``: a probe that seldom costs
nothing, and mail flows again soon after a broken line is mended.
"""

import asyncio
from collections import deque
from typing import Final

from posthouse.lib.backoff import Backoff
from posthouse.mail.reply import Reply
from posthouse.mta.load import Load
from posthouse.mta.route import Route

FIRST_WINDOW: Final = 2
FIRST_PAUSE_SECONDS: Final = 30
MAX_PAUSE_SECONDS: Final = 300


def pauses(first_seconds: float, most_seconds: float) -> Backoff:
    """How long a destination that cannot be reached is left alone: never longer than a message of its own would be."""
    return Backoff(min(FIRST_PAUSE_SECONDS, first_seconds), min(MAX_PAUSE_SECONDS, most_seconds))


class Destination:
    """One destination of the moment; forgotten when it is idle and well."""

    __slots__ = (
        "_idle",
        "_limit",
        "_pauses",
        "_window",
        "domains",
        "failures",
        "not_before",
        "reason",
        "route",
        "waiting",
        "workers",
    )

    def __init__(self, route: Route, limit: int, pauses: Backoff) -> None:
        self.route = route
        self.domains: set[str] = set()
        self.waiting: deque[Load] = deque()
        self.workers = 0
        self.failures = 0
        self.not_before = 0
        """Milliseconds since 1970."""
        self.reason: Reply | None = None
        self._limit = limit
        self._pauses = pauses
        self._window = min(FIRST_WINDOW, limit)
        self._idle: deque[asyncio.Future[Load | None]] = deque()

    @property
    def is_forgettable(self) -> bool:
        return not (self.workers or self.waiting or self.failures)

    @property
    def wants_worker(self) -> bool:
        return bool(self.waiting) and self.workers < self._window

    def add(self, load: Load) -> None:
        """Give ``load`` to a worker who waits with an open link, or keep it."""
        while self._idle:
            worker = self._idle.popleft()
            if not worker.done():
                worker.set_result(load)
                return
        self.waiting.append(load)

    def next_load(self) -> Load | None:
        return self.waiting.popleft() if self.waiting else None

    async def wait_load(self, seconds: float) -> Load | None:
        """The next load if one comes within ``seconds``: an open link is worth waiting with."""
        waiter = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(seconds, _give_up, waiter)
        self._idle.append(waiter)
        try:
            load: Load | None = await waiter
        finally:
            timer.cancel()
            if waiter in self._idle:
                self._idle.remove(waiter)
        return load

    def dismiss(self) -> None:
        """Send home the workers who wait with an open link."""
        while self._idle:
            _give_up(self._idle.popleft())

    def succeeded(self) -> bool:
        """A server took mail. True when it had failed before: what waits for it may go now."""
        recovered = self.failures > 0
        self.failures, self.not_before, self.reason = 0, 0, None
        self._window = min(self._window + 1, self._limit)
        return recovered

    def slowed(self) -> None:
        """A server is there and put us off."""
        self._window = 1

    def failed(self, now: int, reason: Reply, chance: float) -> None:
        """No server was reached."""
        self._window = 1
        self.failures += 1
        self.reason = reason
        self.not_before = now + int(self._pauses.pause(self.failures, chance) * 1000)

    def take_waiting(self) -> list[Load]:
        """All that waits, which is then somebody else's business."""
        loads = list(self.waiting)
        self.waiting.clear()
        return loads


def _give_up(waiter: "asyncio.Future[Load | None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
