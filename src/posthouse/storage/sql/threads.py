"""Threads end with their last message: what tied others to them is forgotten, a bounded number of them a sweep.

Which threads have no message any more is found by reading all messages of an
account, so accounts have their turn: a sweep looks at so many messages, and
the next one goes on behind the account where it ended. Who was given a message
meanwhile is left for the next round, for it may have joined one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

AFTER = "threads.swept"
"""The thing that says whose turn it was last."""
LOOKS = 300_000
"""Messages that are looked at in one sweep: a second or two of a reader."""
ACCOUNT = 100
"""What looking at an account costs besides, in messages."""
ACCOUNTS = 200
AT_ONCE = 20_000
"""Keys of one account in memory."""
CHUNK = 500
"""Keys that are ended in one transaction."""

TURN = """SELECT t.account_id, coalesce(sum(m.messages), 0) FROM tally t
    LEFT JOIN mailbox m ON m.account_id = t.account_id WHERE t.account_id > $1
    GROUP BY t.account_id ORDER BY t.account_id LIMIT $2"""
COUNTED = "SELECT modseq FROM tally WHERE account_id = $1"
DEAD = """SELECT key FROM thread WHERE account_id = $1 AND thread IN (
    SELECT thread FROM thread WHERE account_id = $1 EXCEPT SELECT l.thread FROM message m
    JOIN letter l ON l.letter_no = m.letter_no WHERE m.account_id = $1) LIMIT $2"""
END = "DELETE FROM thread WHERE account_id = $1 AND key = $2"


@dataclass(frozen=True, slots=True)
class Dead:
    """Keys of threads that had no message while the account's counter stood at ``modseq``."""

    modseq: int
    keys: Sequence[bytes]


class Threads(Protocol):
    """What an engine does for it."""

    async def after(self) -> int: ...

    async def remember(self, after: int) -> None: ...

    async def turn(self, after: int) -> Sequence[tuple[int, int]]:
        """The next accounts, and how many messages each has."""

    async def dead(self, account: int) -> Dead: ...

    async def end(self, account: int, modseq: int, keys: Sequence[bytes]) -> int:
        """How many are gone: none if the counter has moved."""


async def sweep_threads(threads: Threads) -> int:
    """How many keys were forgotten."""
    left, ended = LOOKS, 0
    after = await threads.after()
    while left > 0:
        accounts = await threads.turn(after)
        for account, messages in accounts:
            looked, gone = await _sweep(threads, account, messages + ACCOUNT, left)
            left, ended, after = left - looked, ended + gone, account
            if left <= 0:
                break
        if len(accounts) < ACCOUNTS and left > 0:
            after = 0
            break
    await threads.remember(after)
    return ended


async def _sweep(threads: Threads, account: int, price: int, left: int) -> tuple[int, int]:
    """What it cost, and how many keys it ended."""
    looked = gone = 0
    while looked <= left:
        found = await threads.dead(account)
        looked += price + len(found.keys)
        ended = 0
        for start in range(0, len(found.keys), CHUNK):
            ended += await threads.end(account, found.modseq, found.keys[start : start + CHUNK])
        gone += ended
        if len(found.keys) < AT_ONCE or ended < len(found.keys):
            break
    return looked, gone
