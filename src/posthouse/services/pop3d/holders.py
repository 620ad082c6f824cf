"""Who has which maildrop open: one session each, whatever port it came through (RFC 1939 section 4)."""

from typing import Protocol

from posthouse.mail.ids import AccountId

TAKEOVER_SECONDS = 60.0
"""How long a session must have been silent before a new one may take its maildrop (threat I10)."""


class Holder(Protocol):
    """A session, which was last heard at ``heard_at``."""

    heard_at: float

    def oust(self) -> None:
        """Another session has taken the maildrop."""


class Holders:
    """Shared by all POP3 doors of a house."""

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        self._holders: dict[AccountId, Holder] = {}

    def take(self, account: AccountId, holder: Holder, now: float) -> bool:
        """Give the maildrop to ``holder``, unless another session that was heard of lately has it."""
        before = self._holders.get(account)
        if before is not None:
            if now - before.heard_at < TAKEOVER_SECONDS:
                return False
            before.oust()
        self._holders[account] = holder
        return True

    def give_up(self, account: AccountId, holder: Holder) -> None:
        """``holder`` needs it no more; somebody who has taken it from him keeps it."""
        if self._holders.get(account) is holder:
            del self._holders[account]
