"""Mailboxes and what is in them: which unit runs where."""

from collections.abc import Callable, Sequence

from posthouse.mail.ids import AccountId, MailboxId, ModSeq, Uid
from posthouse.storage.acceptance import Placed
from posthouse.storage.mailbox import Change, Delta, Mailbox, Message, Quarantined, Role, Stored, View
from posthouse.storage.sqlite import mailboxes, messages, reading
from posthouse.storage.sqlite.readers import Readers
from posthouse.storage.sqlite.writer import HEAVY_MESSAGES, Writer


class Boxes:
    """Of all accounts."""

    def __init__(self, writer: Writer, readers: Readers, now: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._now = now

    async def mailboxes(self, account: AccountId) -> Sequence[Mailbox]:
        return await self._readers.read(lambda snapshot: reading.mailboxes(snapshot, account))

    async def create_mailbox(self, account: AccountId, name: str, role: Role | None = None) -> Mailbox:
        now = self._now()
        return await self._writer.submit(lambda tx: mailboxes.create_mailbox(tx, account, name, role, now))

    async def rename_mailbox(self, account: AccountId, mailbox: MailboxId, name: str) -> None:
        now = self._now()
        await self._writer.submit(lambda tx: messages.rename_mailbox(tx, account, mailbox, name, now), heavy=True)

    async def delete_mailbox(self, account: AccountId, mailbox: MailboxId) -> None:
        await self._writer.submit(lambda tx: messages.delete_mailbox(tx, account, mailbox), heavy=True)

    async def subscribe(self, account: AccountId, name: str, wanted: bool) -> None:
        await self._writer.submit(lambda tx: mailboxes.subscribe(tx, account, name, wanted=wanted))

    async def subscriptions(self, account: AccountId) -> Sequence[str]:
        return await self._readers.read(lambda snapshot: reading.subscriptions(snapshot, account))

    async def view(self, account: AccountId, mailbox: MailboxId) -> View:
        return await self._readers.read(lambda snapshot: reading.view(snapshot, account, mailbox))

    async def delta(self, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta:
        return await self._readers.read(lambda snapshot: reading.delta(snapshot, account, mailbox, since))

    async def read(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Stored]:
        return await self._readers.read(lambda snapshot: reading.read(snapshot, account, mailbox, uids))

    async def change_flags(
        self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Sequence[Uid],
        change: Change,
        flags: frozenset[str],
        unchanged_since: ModSeq | None = None,
    ) -> tuple[Sequence[Message], Sequence[Uid]]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.change_flags(tx, account, mailbox, uids, change, flags, unchanged_since, now),
            heavy=len(uids) > HEAVY_MESSAGES,
        )

    async def copy(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.copy(tx, account, source, uids, target, now), heavy=len(uids) > HEAVY_MESSAGES
        )

    async def move(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.move(tx, account, source, uids, target, now), heavy=len(uids) > HEAVY_MESSAGES
        )

    async def expunge(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None) -> Sequence[Uid]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.expunge(tx, account, mailbox, uids, now),
            heavy=uids is None or len(uids) > HEAVY_MESSAGES,
        )

    async def remove(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Uid]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.remove(tx, account, mailbox, uids, now), heavy=len(uids) > HEAVY_MESSAGES
        )

    async def quarantined(
        self, account: AccountId | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 100
    ) -> Sequence[Quarantined]:
        return await self._readers.read(lambda snapshot: reading.quarantined(snapshot, account, after, limit))
