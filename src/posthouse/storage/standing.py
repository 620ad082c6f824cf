"""How an engine and the nodes that serve it are, at one moment, as values."""

from typing import Final

import msgspec

NO_LEADER: Final = "no server of the engine leads now"
NO_ANSWER: Final = "no server of the engine answers"
STUCK: Final = "the engine answers, but commits do not end"


class NodeRow(msgspec.Struct, frozen=True):
    """One process that serves this data. ``seen`` is when it last said that it lives."""

    name: str
    slot: int
    version: str
    joined_at: int
    seen: int


class ServerRow(msgspec.Struct, frozen=True):
    """One server of the engine. ``role`` is "leader", "standby" or "away"; ``sync`` "sync", "quorum" or "async".

    What is None is not known: nobody may ask, or nobody answers.
    """

    address: str
    role: str
    version: str = ""
    sync: str = ""
    lag_octets: int | None = None
    """Behind the leader."""
    lag_ms: int | None = None
    trouble: str = ""


class LeaseRow(msgspec.Struct, frozen=True):
    """A job that one node does for all."""

    name: str
    owner: str
    token: int
    until: int


class Backlog(msgspec.Struct, frozen=True):
    """The queue in numbers. ``oldest_due`` is when the item that waits longest fell due, 0 if none is due."""

    waiting: int = 0
    due: int = 0
    claimed: int = 0
    held: int = 0
    oldest_due: int = 0
    owners: tuple[tuple[str, int], ...] = ()
    """Who has claimed how many."""


class CellRow(msgspec.Struct, frozen=True):
    """One of several databases. ``trouble``: why it cannot be asked; empty if it can."""

    number: int
    engine: str
    trouble: str = ""
    draining: bool = False


class Standing(msgspec.Struct, frozen=True):
    """How the engine and its nodes are, at one moment."""

    engine: str
    """Where it is, for people: without a password."""
    schema: int
    backlog: Backlog
    nodes: tuple[NodeRow, ...] = ()
    servers: tuple[ServerRow, ...] = ()
    leases: tuple[LeaseRow, ...] = ()
    synchronous: bool | None = None
    """Whether a commit waits for a second machine."""
    skew_ms: int = 0
    """How far our clock is ahead of the engine's."""
    sessions: int = 0
    most_sessions: int = 0
    cells: tuple[CellRow, ...] = ()
    """Where there are several."""
    trouble: str = ""
    """Why nothing is known but the servers and the cells; empty if it is not so."""
