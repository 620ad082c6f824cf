"""What the two dialects must say differently, and nothing more."""

import re
from dataclasses import dataclass

_PLACEHOLDER = re.compile(r"\$(\d+)")
_TEXT = re.compile(r"\bTEXT\b")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Fills the braces of a statement: ``{key}``, ``{octets}``, ``{clustered}``."""

    key: str
    """The type of a primary key that the application numbers in ascending order."""
    octets: str
    clustered: str
    """Behind a table whose rows live in their primary key."""
    placeholder: str
    text: str = "TEXT"
    """The type of text that is ordered by its octets."""

    def define(self, statement: str) -> str:
        """A statement of the schema."""
        return self.render(_TEXT.sub(self.text, statement))

    def render(self, statement: str) -> str:
        filled = (
            statement.replace("{key}", self.key).replace("{octets}", self.octets).replace("{clustered}", self.clustered)
        )
        return _PLACEHOLDER.sub(self.placeholder, filled)


SQLITE = Dialect(key="INTEGER", octets="BLOB", clustered=" WITHOUT ROWID", placeholder=r"?\1")
"""SQLite binds ``$n`` by order of appearance and would mix arguments silently; ``?n`` means what it says."""

POSTGRESQL = Dialect(key="BIGINT", octets="BYTEA", clustered="", placeholder=r"$\1", text='TEXT COLLATE "C"')
"""Names are found by ranges (a mailbox and its children), which another collation would put in another order; and an
index by octets outlives an upgrade of the system's C library."""
