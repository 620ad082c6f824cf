"""A throw-away certificate authority, so that ``localserve`` can be tried with TLS from the first minute."""

import datetime as dt
from pathlib import Path

from posthouse.supervisor.files import write_whole

VALID_DAYS = 365
RENEW_DAYS = 30


def make_certificates(directory: Path, names: tuple[str, ...], addresses: tuple[str, ...]) -> Path:
    """``ca.pem``, ``server.pem`` and ``server.key`` in ``directory``, made if missing or near their end; the CA's."""
    authority, server, key = directory / "ca.pem", directory / "server.pem", directory / "server.key"
    if all(path.is_file() for path in (authority, server, key)) and _is_fresh(server):
        return authority
    from posthouse.supervisor.issuing import issue  # noqa: PLC0415 - slow to load, and needed once in a year

    issued = issue(names, addresses, VALID_DAYS)
    directory.mkdir(parents=True, exist_ok=True)
    write_whole(key, issued.key)
    write_whole(authority, issued.authority, 0o644)
    write_whole(server, issued.certificate + issued.authority, 0o644)  # last: it says all are there
    return authority


def _is_fresh(certificate: Path) -> bool:
    """By its file's age: reading the certificate would cost the start more than making a new one in a year."""
    age = dt.datetime.now(dt.UTC).timestamp() - certificate.stat().st_mtime
    return 0 <= age < (VALID_DAYS - RENEW_DAYS) * 86400
