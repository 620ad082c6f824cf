"""Hints in a house of one process: all who watch are here, and there is no other node to tell."""

from collections.abc import Callable

from posthouse.mail.ids import AccountId
from posthouse.storage.sqlite.tx import Tx
from posthouse.storage.watching import Watchers

DIRECTORY = "directory"


class Hints:
    """Who hears what was committed."""

    def __init__(self) -> None:
        self._watchers = Watchers()

    def committed(self, tx: Tx) -> None:
        """After each commit, in the loop."""
        if tx.changed:
            self._watchers.tell(tx.changed)
            tx.changed.clear()
        if tx.directory_changed:
            self._watchers.tell((DIRECTORY,))
            tx.directory_changed = False

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(account, hint)

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DIRECTORY, hint)

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002  nobody else leaves work here
        return lambda: None

    def broadcast(self, topic: str, text: str) -> None: ...

    def listen(self, topic: str, heard: Callable[[str], None]) -> None: ...
