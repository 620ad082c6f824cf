"""What an error of PostgreSQL means for a unit of work: try again, or final."""

from enum import Enum

import asyncpg

TRANSIENT = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "40003",  # statement completion unknown
        "55P03",  # a lock was not to be had
        "57014",  # somebody cancelled the statement: before COMMIT nothing was done
        "57P01",  # the server is shut down
        "57P02",
        "57P03",  # it starts up, or is not ready
        "57P05",  # idle too long
        "25006",  # read-only: this server leads no more
        "53300",  # too many connections
        "25P03",  # idle in transaction too long: our loop was held up
    }
)
RACES = frozenset({"23503", "23505"})
"""Somebody else was first (a number, a name, a blob collected): the second look sees what he did."""


class Overtaken(Exception):
    """Somebody else was first, between two statements of ours."""


class Kind(Enum):
    TRANSIENT = "transient"
    RACE = "race"
    FINAL = "final"


def classify(error: BaseException) -> Kind:
    """What to do about ``error``."""
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        if isinstance(error, asyncpg.InvalidCachedStatementError):  # the schema moved under a prepared statement
            return Kind.TRANSIENT
        if code in RACES:
            return Kind.RACE
        if code in TRANSIENT or code.startswith("08"):
            return Kind.TRANSIENT
        return Kind.FINAL
    if isinstance(error, Overtaken):
        return Kind.RACE
    # A client error of the driver may be a bug of ours (an argument it cannot encode) or a broken connection.
    if isinstance(error, asyncpg.DataError | asyncpg.UnsupportedClientFeatureError):
        return Kind.FINAL
    if isinstance(error, OSError | EOFError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return Kind.TRANSIENT
    return Kind.FINAL


def told(error: BaseException) -> str:
    """``error`` for people, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
