"""A load: one message and those of its recipients that go the same way together."""

from collections.abc import Iterable
from dataclasses import dataclass

from posthouse.mail.content import Content
from posthouse.storage.queue import Item


@dataclass(frozen=True, slots=True)
class Load:
    """``items`` share queue id, content and envelope; there is at least one."""

    items: tuple[Item, ...]

    @property
    def first(self) -> Item:
        """The one to ask for what all share."""
        return self.items[0]

    @property
    def content(self) -> Content:
        return self.items[0].content

    def parts(self, most: int | None) -> tuple["Load", ...]:
        """The same in loads of at most ``most`` recipients: the server's RCPTMAX (RFC 9422 section 4.2)."""
        if most is None or len(self.items) <= most:
            return (self,)
        return tuple([Load(self.items[start : start + most]) for start in range(0, len(self.items), most)])


def make_loads(items: Iterable[Item], most: int) -> list[Load]:
    """``items`` by message, at most ``most`` recipients each (S12)."""
    by_message: dict[tuple[str, bytes], list[Item]] = {}
    for item in items:
        by_message.setdefault((item.queue_id, item.content.prefix), []).append(item)
    return [
        Load(tuple(together[start : start + most]))
        for together in by_message.values()
        for start in range(0, len(together), most)
    ]
