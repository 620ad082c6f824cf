"""Accounts that somebody should look at: held because of what they send, or told that their password is weak.

A held account still receives, reads, and writes to people of ours; what it sends
to others is taken and waits in the queue (``State.HELD``), so that nothing is
lost if it was its owner after all. He is told, and so are the administrators,
once; an operator releases it, or ends all its sessions (threats A05, A06).
"""

import asyncio
import hashlib
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Final

from posthouse.admd.directory import Directory, stored_address
from posthouse.admd.standing import HELD, WEAK, note_standing, read_standing
from posthouse.filter.boundary import HELD as QUARANTINED
from posthouse.filter.takeover import Takeover
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId, TraceId
from posthouse.mta.intake import Intake
from posthouse.mta.letter import write_letter
from posthouse.observe.ledger import Record, format_record
from posthouse.observe.ports import Journal, Level
from posthouse.storage.directory import AccountRow
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.queue import Item, QueueFilter, State

MARK: Final = "account held: "
"""With it begins what the queue says of mail of a held account."""
MOST: Final = 100_000


async def hold_account(store: Store, account: AccountRow, why: str, at: int) -> int:
    """**Durable.** What the account sends to others waits from now on, and what already waits does too; how many."""
    await note_standing(store, account, HELD, why, at)
    waiting = await _items_of(store, account.account, State.WAITING)
    return await store.hold([item.item for item in waiting if not item.is_report]) if waiting else 0


async def release_account(store: Store, account: AccountRow, at: int) -> int:
    """**Durable.** It may send again, and what was held goes; not what is held for what was found in it."""
    await note_standing(store, account, HELD, "", at)
    held = await _items_of(store, account.account, State.HELD)
    numbers = [item.item for item in held if not item.last.startswith(QUARANTINED)]
    return await store.release(numbers, at) if numbers else 0


async def _items_of(store: Store, account: AccountId, state: State) -> Sequence[Item]:
    return await store.queued(QueueFilter(state=state, submitter=account, limit=MOST))


class Custody:
    """Decides, tells, and remembers."""

    __slots__ = ("_clock", "_directory", "_ids", "_intake", "_journal", "_store", "_takeover", "_tasks", "_telling")

    def __init__(
        self, directory: Directory, intake: Intake, takeover: Takeover, *, clock: Clock, ids: Ids, journal: Journal
    ) -> None:
        self._directory = directory
        self._intake = intake
        self._store = intake.store
        self._takeover = takeover
        self._clock = clock
        self._ids = ids
        self._journal = journal
        self._tasks: set[asyncio.Task[None]] = set()
        self._telling: set[AccountId] = set()

    # -- what is sent

    async def ask(self, account: AccountId, addresses: Sequence[Address], *, is_exempt: bool = False) -> str:
        """Why a message of the account to ``addresses`` outside must wait; empty if it need not."""
        standing = self._directory.standing(account)
        if standing.held:
            return f"{MARK}{standing.held}"
        if is_exempt:
            return ""
        why = await self._takeover.meets(account, addresses, is_office=bool(standing.grants))
        if not why:
            return ""
        row = self._directory.account(account)
        if row is not None:
            await self.hold(row, why)
        return f"{MARK}{why}"

    def note_results(self, results: Iterable[tuple[AccountId, bool]]) -> None:
        """What became of recipients outside: by account, and whether they were refused for good."""
        for account, failed in results:
            why = self._takeover.ended(account, failed=failed)
            if why and account not in self._telling and not self._directory.standing(account).held:
                row = self._directory.account(account)
                if row is not None:
                    self._telling.add(account)
                    self._begin(self._hold_and_forget(row, why))

    async def hold(self, account: AccountRow, why: str) -> int:
        """**Durable.** Hold the account, tell its owner and the administrators; how much of the queue waits now."""
        at = int(self._clock.now() * 1000)
        held = await hold_account(self._store, account, why, at)
        await self._directory.refresh(self._store)
        trace = self._ids.trace_id()
        self._journal.note("account.held", Level.ALARM, account=account.address, reason=why, held=held, id=trace)
        self._record(trace, at, account, "deferred", f"account.held: {why}")
        await self._tell_of_hold(account, why, trace)
        return held

    async def release(self, account: AccountRow) -> int:
        """**Durable.** A person has looked: it may send again."""
        at = int(self._clock.now() * 1000)
        released = await release_account(self._store, account, at)
        self._takeover.forgive(account.account)
        await self._directory.refresh(self._store)
        self._journal.note("account.released", account=account.address, released=released)
        return released

    async def _hold_and_forget(self, account: AccountRow, why: str) -> None:
        try:
            await self.hold(account, why)
        finally:
            self._telling.discard(account.account)

    async def _tell_of_hold(self, account: AccountRow, why: str, trace: str) -> None:
        owner = stored_address(account.address)
        lines = [
            f"What you send to other offices waits since now, because {why}.",
            "Nothing of it is lost. If that was you, ask your postmaster to let it go. If it was",
            "not, somebody else knows your password: say so at once, and ask for a new one.",
        ]
        await self._send(owner, "Your mail to others is being held", lines, f"{trace}u")
        lines = [
            f"What {account.address} sends to other offices is held, because {why}.",
            "",
            f"  posthouse queue list --sender {account.address}        shows what waits",
            f"  posthouse account release {account.address}            lets it go",
            f"  posthouse account revoke-sessions {account.address}    throws everybody out of the account",
        ]
        for number, admin in enumerate(self._directory.admins):
            if admin != owner:
                await self._send(admin, f"Held: mail of {account.address}", lines, f"{trace}a{number}")

    # -- passwords

    def note_weakness(self, account: AccountRow, weakness: str) -> None:
        """A login showed that its password is weak, and why; or, with nothing, that it is good again."""
        if account.account not in self._telling:
            self._telling.add(account.account)
            self._begin(self._judge_weakness(account, weakness))

    async def _judge_weakness(self, account: AccountRow, weakness: str) -> None:
        try:
            known = (await read_standing(self._store, account.account)).weak
            at = int(self._clock.now() * 1000)
            if bool(known) != bool(weakness):
                await note_standing(self._store, account, WEAK, weakness, at)
                await self._directory.refresh(self._store)
            if weakness and not known:
                await self._tell_of_weakness(account, weakness, at)
        finally:
            self._telling.discard(account.account)

    async def _tell_of_weakness(self, account: AccountRow, weakness: str, at: int) -> None:
        """Once for each password, whatever node he logs in at: the trace of the letter is made of the verifiers."""
        about = hashlib.sha256("\0".join((str(account.account), *account.verifiers)).encode()).hexdigest()
        self._journal.note("password.weak", Level.WARNING, account=account.address, reason=weakness)
        self._record(self._ids.trace_id(), at, account, "accepted", f"password.weak: {weakness}")
        lines = [
            f"The password that you log in with is a weak one: {weakness}.",
            "Somebody who guesses it can read your mail and send in your name. Please ask your",
            "postmaster for another one. Nobody will ever ask you for your password by mail.",
        ]
        await self._send(stored_address(account.address), "Your password is easy to guess", lines, f"w{about[:23]}")

    # -- in common

    def _record(self, trace: str, at: int, account: AccountRow, verdict: str, reason: str) -> None:
        record = Record(id=trace, at=at, door="account", verdict=verdict, auth=account.address, reasons=(reason,))
        self._store.note(TraceId(trace), at, format_record(record))

    async def _send(self, to: Address, subject: str, lines: Sequence[str], trace: str) -> None:
        envelope, octets = write_letter(to, subject, lines, trace=trace, now=self._clock.now())
        await self._intake.send(envelope, octets, trace)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._carefully(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carefully(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StorageError as error:
            self._journal.note("account.unkept", Level.ALARM, reason=str(error))

    async def flush(self) -> None:
        """Returns when all that was begun is done."""
        await asyncio.gather(*self._tasks)
