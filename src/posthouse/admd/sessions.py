"""Who is inside, by account: so that a session can be ended at once, whatever door it came in by.

A session is good as long as its account exists, may log in, and is of the
generation it was when the session began (``admd.standing``). The doors ask
before each command; who waits in silence is woken to hear it.
"""

from collections.abc import Callable, Collection

from posthouse.admd.directory import Directory
from posthouse.mail.ids import AccountId
from posthouse.storage.directory import AccountRow

Wake = Callable[[], None]


class Sessions:
    """The sessions of this process that have logged in."""

    __slots__ = ("_directory", "_inside")

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._inside: dict[AccountId, dict[int, tuple[AccountRow, Wake]]] = {}
        directory.changed = self.review

    def __len__(self) -> int:
        return sum(map(len, self._inside.values()))

    def is_good(self, account: AccountRow) -> bool:
        """Whether a session that began with ``account`` may go on."""
        now = self._directory.account(account.account)
        return now is not None and now.enabled and now.generation == account.generation

    def enter(self, account: AccountRow, wake: Wake) -> Callable[[], None]:
        """A session begins; ``wake`` is called when it is over before its time. The result ends it."""
        number, inside = account.account, self._inside.setdefault(account.account, {})
        ticket = object()
        inside[id(ticket)] = (account, wake)

        def leave() -> None:
            nonlocal ticket
            inside.pop(id(ticket), None)
            if not inside and self._inside.get(number) is inside:
                del self._inside[number]

        return leave

    def review(self, accounts: Collection[AccountId] | None = None) -> None:
        """The directory has changed what it says of ``accounts``, or of any: wake all whose session is over."""
        for number in list(self._inside) if accounts is None else accounts:
            for account, wake in list(self._inside.get(number, {}).values()):
                if not self.is_good(account):
                    wake()
