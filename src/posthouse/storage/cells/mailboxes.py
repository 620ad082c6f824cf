"""Mailboxes: in the cell of their account."""

from collections.abc import Sequence

from posthouse.mail.ids import AccountId, MailboxId, ModSeq, Uid
from posthouse.storage.acceptance import Placed
from posthouse.storage.cells.content import CellBlobs
from posthouse.storage.cells.opened import OpenCells, joined
from posthouse.storage.mailbox import Change, Delta, Mailbox, Message, Quarantined, Role, Stored, View


class CellMailboxes:
    """Each call goes where the account lives, and once more where it lives now if it has moved."""

    def __init__(self, cells: OpenCells, blobs: CellBlobs) -> None:
        self._cells = cells
        self._blobs = blobs

    async def mailboxes(self, account: AccountId) -> Sequence[Mailbox]:
        return await self._cells.some(account, lambda one: one.mailboxes(account))

    async def create_mailbox(self, account: AccountId, name: str, role: Role | None = None) -> Mailbox:
        return await self._cells.at(account, lambda one: one.create_mailbox(account, name, role))

    async def rename_mailbox(self, account: AccountId, mailbox: MailboxId, name: str) -> None:
        await self._cells.at(account, lambda one: one.rename_mailbox(account, mailbox, name))

    async def delete_mailbox(self, account: AccountId, mailbox: MailboxId) -> None:
        await self._cells.at(account, lambda one: one.delete_mailbox(account, mailbox))

    async def subscribe(self, account: AccountId, name: str, wanted: bool) -> None:
        await self._cells.at(account, lambda one: one.subscribe(account, name, wanted))

    async def subscriptions(self, account: AccountId) -> Sequence[str]:
        return await self._cells.some(account, lambda one: one.subscriptions(account))

    async def view(self, account: AccountId, mailbox: MailboxId) -> View:
        return await self._cells.at(account, lambda one: one.view(account, mailbox))

    async def delta(self, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta:
        return await self._cells.at(account, lambda one: one.delta(account, mailbox, since))

    async def read(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Stored]:
        found = await self._cells.some(account, lambda one: one.read(account, mailbox, uids))
        cell = self._cells.places.of(account).cell
        for stored in found:
            self._blobs.saw(stored.content.blob, cell)
        return found

    async def change_flags(
        self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Sequence[Uid],
        change: Change,
        flags: frozenset[str],
        unchanged_since: ModSeq | None = None,
    ) -> tuple[Sequence[Message], Sequence[Uid]]:
        return await self._cells.at(
            account, lambda one: one.change_flags(account, mailbox, uids, change, flags, unchanged_since)
        )

    async def copy(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        return await self._cells.at(account, lambda one: one.copy(account, source, uids, target))

    async def move(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        return await self._cells.at(account, lambda one: one.move(account, source, uids, target))

    async def expunge(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None) -> Sequence[Uid]:
        return await self._cells.at(account, lambda one: one.expunge(account, mailbox, uids))

    async def remove(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Uid]:
        return await self._cells.at(account, lambda one: one.remove(account, mailbox, uids))

    async def quarantined(
        self, account: AccountId | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 100
    ) -> Sequence[Quarantined]:
        if account is not None:
            return await self._cells.at(account, lambda one: one.quarantined(account, after=after, limit=limit))
        found = joined(await self._cells.ask_all(lambda one: one.quarantined(None, after=after, limit=limit)))
        return sorted(found, key=lambda one: (one.account, one.message.uid))[:limit]
