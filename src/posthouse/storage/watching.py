"""Hints that something may have changed: once for each turn of the loop, however much changed."""

import asyncio
from collections.abc import Callable, Hashable, Iterable

Hint = Callable[[], None]


class Watchers:
    """Who wants to hear about what."""

    def __init__(self) -> None:
        self._hints: dict[Hashable, dict[object, Hint]] = {}
        self._due: dict[object, Hint] = {}

    def watch(self, topic: Hashable, hint: Hint) -> Callable[[], None]:
        token = object()
        self._hints.setdefault(topic, {})[token] = hint

        def end() -> None:
            hints = self._hints.get(topic, {})
            hints.pop(token, None)
            self._due.pop(token, None)
            if not hints:
                self._hints.pop(topic, None)

        return end

    @property
    def topics(self) -> list[Hashable]:
        """What somebody wants to hear about."""
        return list(self._hints)

    def tell(self, topics: Iterable[Hashable]) -> None:
        """Call their hints in the next turn of the loop."""
        if not self._hints:
            return
        idle = not self._due
        for topic in topics:
            self._due.update(self._hints.get(topic, {}))
        if idle and self._due:
            asyncio.get_running_loop().call_soon(self._call)

    def _call(self) -> None:
        while self._due:
            token = next(iter(self._due))
            self._due.pop(token)()
