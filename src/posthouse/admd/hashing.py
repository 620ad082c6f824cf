"""Who checks a password: one hash for each login, in a process that may be killed, and the owner before the stranger.

Argon2id takes 19 MiB and tens of milliseconds of one core. It is done by
``lib.work.Workers`` (which also spares the loop the interpreter lock), or in
threads where there are none, or where they cannot be started. Whoever logs in
from a network that his account is known from waits in a line of his own, so a
flood of guesses keeps nobody out who belongs here (threat O11).
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import msgspec

from posthouse.admd.credentials import dummy_verifier, verify_password
from posthouse.admd.passwords import judge_password, load_words
from posthouse.lib.work import Failed, Workers

WORK: Final = "posthouse.admd.hashing:check"
WORK_SECONDS: Final = 10.0
"""For one password; then its process is killed."""
RESERVED: Final = 64
"""Places in the line of owners, beside those of strangers."""


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """What a password is held against. ``address`` is empty when its strength is not asked about."""

    verifiers: tuple[str, ...]
    address: str = ""
    least_characters: int = 12


class Checked(msgspec.Struct, frozen=True, array_like=True):
    """``weakness``: why this password would not be taken if it were set today; of a right one, and if asked."""

    matched: bool
    weakness: str = ""


class Hasher(Protocol):
    """Does the slow part."""

    async def check(self, password: str, terms: Terms) -> Checked: ...

    def close(self) -> None: ...


def prepare() -> None:
    """What a worker loads before it gives everything up."""
    dummy_verifier()
    load_words()


def check(octets: bytes, terms: Any) -> Checked:
    """The work: octets of a password, and what they are held against."""
    return check_password(octets.decode("utf-8", "surrogatepass"), msgspec.convert(terms, Terms))


def check_password(password: str, terms: Terms) -> Checked:
    """Whether it is the one, and if asked, how weak."""
    if not verify_password(terms.verifiers, password):
        return Checked(False)
    if not terms.address:
        return Checked(True)
    weakness = judge_password(password, address=terms.address, least_characters=terms.least_characters)
    return Checked(True, weakness or "")


class ThreadHasher:
    """In threads of this process: Argon2id lets go of the interpreter lock, SASLprep and the rest do not."""

    __slots__ = ("_pool",)

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hash")

    async def check(self, password: str, terms: Terms) -> Checked:
        return await asyncio.get_running_loop().run_in_executor(self._pool, check_password, password, terms)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class WorkerHasher:
    """In processes of their own; ``fallback`` where these cannot be had."""

    __slots__ = ("_fallback", "_workers")

    def __init__(self, workers: Workers, fallback: Hasher) -> None:
        self._workers = workers
        self._fallback = fallback

    async def check(self, password: str, terms: Terms) -> Checked:
        octets = password.encode("utf-8", "surrogatepass")
        try:
            return await self._workers.run(WORK, octets, Checked, terms=terms, seconds=WORK_SECONDS)
        except Failed:
            return await self._fallback.check(password, terms)

    def close(self) -> None:
        self._fallback.close()


class Turns:
    """So many at once; the others wait in two lines, of which that of owners goes first."""

    __slots__ = ("_backlog", "_free", "_lines", "_present")

    def __init__(self, at_once: int, backlog: int) -> None:
        self._free = at_once
        self._backlog = backlog
        self._lines: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._present = {True: 0, False: 0}

    def adopt(self, backlog: int) -> None:
        """So many strangers may be here from now on, those whose turn it is included."""
        self._backlog = backlog

    async def take(self, *, is_owner: bool) -> bool:
        """Wait for a turn, to be given back; False when too many are here."""
        if self._present[is_owner] >= (RESERVED if is_owner else self._backlog):
            return False
        self._present[is_owner] += 1
        if self._free > 0:
            self._free -= 1
            return True
        turn = asyncio.get_running_loop().create_future()
        self._lines[is_owner].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was ours already
                self.give_back(is_owner=is_owner)
            else:
                self._present[is_owner] -= 1
            raise
        return True

    def give_back(self, *, is_owner: bool) -> None:
        """The next one, an owner if there is one."""
        self._present[is_owner] -= 1
        for line in (self._lines[True], self._lines[False]):
            while line:
                turn = line.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1
