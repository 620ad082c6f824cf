"""Small facts and counts of the offices, the same on all nodes."""

import msgspec


class Note(msgspec.Struct, frozen=True):
    """A small durable fact of an office. ``kind`` is named after the office ("dkim.key"), ``key`` is its own.

    ``expires_at`` 0 means never; a note past its time is not there any more.
    """

    kind: str
    key: str
    value: bytes
    at: int = 0
    expires_at: int = 0


class Tally(msgspec.Struct, frozen=True):
    """Two counts that only grow by what is added to them (good and bad, spam and ham, messages and octets)."""

    kind: str
    key: str
    a: int = 0
    b: int = 0
    at: int = 0
    """When something was last added."""
