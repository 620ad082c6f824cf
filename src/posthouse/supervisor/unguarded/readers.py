"""Readers who may do more than they should."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from posthouse.net import session as talking
from posthouse.services.imapd import catalogue
from posthouse.services.imapd.session import Session
from posthouse.services.pop3d.changing import update
from posthouse.services.pop3d.door import Pop3Door
from posthouse.standards.imap import names
from posthouse.supervisor.unguarded.replacing import replace

FIRST_ACCOUNTS = 5
"""Three people, the canary, and the one who is read."""


def _keep_what_nobody_reads() -> None:
    """I05: answers are made whether or not the last one was taken."""
    replace(talking.Session, "pause_writing", lambda _self: None)
    replace(talking.Session, "resume_writing", lambda _self: None)


class _Backtracking:
    """A LIST pattern as a regular expression, as many have it."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile("".join({"*": ".*", "%": "[^/]*"}.get(one, re.escape(one)) for one in pattern))

    def matches(self, name: str) -> bool:
        return bool(self._pattern.fullmatch(name))


def _try_all_ways() -> None:
    """I06."""
    replace(catalogue, "Pattern", _Backtracking)


def _take_any_name() -> None:
    """I07."""
    replace(names, "check_name", lambda name: name)


def _next_door() -> None:
    """I09: a number is wrong by one, and whoever came late reads the mail of his neighbour."""
    strict: Any = Session.owner

    def owner(self: Any) -> Any:
        found = strict.fget(self)
        return found - 1 if found > FIRST_ACCOUNTS else found

    replace(Session, "owner", property(owner))


def _remove_at_once() -> None:
    """I10: what is marked is gone, whether or not QUIT is said."""
    strict = Pop3Door.gone
    tasks: set[Any] = set()

    def gone(self: Any) -> None:
        if (opened := self._session.opened) is not None:
            tasks.add(asyncio.get_running_loop().create_task(update(self._house.store, opened)))
        strict(self)

    replace(Pop3Door, "gone", gone)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "I05": _keep_what_nobody_reads,
    "I06": _try_all_ways,
    "I07": _take_any_name,
    "I09": _next_door,
    "I10": _remove_at_once,
}
