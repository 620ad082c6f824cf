"""The address of an engine: ``postgresql://user@h1,h2:5433,h3/database``, as libpq writes it."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from posthouse.storage.errors import StorageError

SCHEMES = ("postgresql", "postgres")
DEFAULT_PORT = 5432
DEFAULT_DATABASE = "posthouse"


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where the servers of one cell are. ``dsns`` has one address for each server."""

    dsns: tuple[str, ...]
    shown: str
    """For people and logs: without the password."""


def is_postgresql(engine: str) -> bool:
    return engine.partition("://")[0] in SCHEMES


def parse_engine(engine: str) -> EngineAddress:
    """Raises ``StorageError`` that says how it should look."""
    parts = urlsplit(engine)
    if parts.scheme not in SCHEMES:
        raise StorageError(
            f'"{engine}" is no engine: it should look like postgresql://user@host1,host2,host3/posthouse'
        )
    user, _, hosts = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    query = dict(parse_qsl(parts.query))
    query.pop("target_session_attrs", None)  # we look for ourselves who may write
    path = parts.path if parts.path.strip("/") else f"/{DEFAULT_DATABASE}"
    shown_user = f"{unquote(name)}@" if name else ""
    shown = f"postgresql://{shown_user}{hosts}{path}"
    dsns = []
    for host in hosts.split(",") if hosts else [""]:
        server = f"{user}@{_with_port(host)}" if user else _with_port(host)
        dsns.append(f"postgresql://{server}{path}" + (f"?{urlencode(query)}" if query else ""))
    return EngineAddress(tuple(dsns), shown)


def _with_port(host: str) -> str:
    """``host`` as it is: a port of its own wins, and libpq's default follows else."""
    if not host or (host.startswith("[") and not host.endswith("]")) or (":" in host and not host.startswith("[")):
        return host
    return f"{host}:{DEFAULT_PORT}"
