"""What an engine may answer instead: every failure of the storage port."""


class StorageError(Exception):
    """The engine could not do it. Final for this unit: answer 4yz, raise the alarm, never retry and call it durable."""


class Conflict(StorageError):
    """The thing exists already, or changed meanwhile; ``str()`` names it."""


class Missing(StorageError):
    """The thing does not exist (any more); ``str()`` names it."""


class Moved(StorageError):
    """The account lives in another cell, or is on its way there: ask again where."""


class SchemaTooNew(StorageError):
    """The data was written by a newer release: refused politely, nothing is touched."""


class QuotaExceeded(StorageError):
    """There is no room for what COPY or APPEND would add."""
