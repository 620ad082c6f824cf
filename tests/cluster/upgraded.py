"""``posthouse`` as its next release may be: another version, and a schema with one step more that only adds."""

import posthouse

posthouse.__version__ = "9.0.0"

from posthouse.storage.sql import migrations  # noqa: E402 - once the version is another

_LAST = migrations.MIGRATIONS[-1].number
migrations.MIGRATIONS = (
    *migrations.MIGRATIONS,
    migrations.Migration(_LAST + 1, "next", ("CREATE TABLE of_the_next_release (x BIGINT)",), serves=_LAST),
)

from posthouse.cli.main import main  # noqa: E402 - once the schema is another

if __name__ == "__main__":
    main()
