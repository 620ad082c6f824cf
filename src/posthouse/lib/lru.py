"""A table that forgets the least recently used entry rather than grow: memory a stranger cannot buy."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Lru(Generic[Key, Value]):
    """At most ``size`` entries."""

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        if size <= 0:
            raise ValueError(f"a table of {size} entries remembers nothing")
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._size = size

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def get(self, key: Key) -> Value | None:
        """The entry of ``key``, now the most recently used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, value: Value) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def get_or_make(self, key: Key, make: Callable[[], Value]) -> Value:
        """The entry of ``key``; made by ``make`` when there is none."""
        entry = self.get(key)
        if entry is None:
            entry = make()
            self.put(key, entry)
        return entry

    def drop(self, key: Key) -> None:
        """Forget ``key`` if it is known."""
        self._entries.pop(key, None)
