"""Connecting: all servers of a cell are asked at once, and the first that may write wins.

One after the other would hang on a server that swallows packets (measured:
75 seconds instead of 34). What a server must be is asserted, as the pragmas of
the embedded engine are.
"""

import asyncio
import socket
from typing import Any

import asyncpg

from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.address import EngineAddress
from posthouse.storage.postgresql.troubles import told

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 2.0
OLDEST = 150000
"""PostgreSQL 15: the oldest the distributed engine was tested on."""
STATEMENTS = 400
"""Prepared statements kept a connection: all there are."""

SETTINGS = {
    "application_name": "posthouse",
    "idle_in_transaction_session_timeout": "30s",  # a node that hangs must not hold rows that others wait for
    "jit": "off",
    "timezone": "UTC",
    # All we ask is by key. A plan made while a table was small, and kept, would read it whole when it has grown.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}
KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 8000),
)
"""A server whose cable was pulled is noticed within ten seconds."""

_LOOK = """SELECT pg_is_in_recovery(), current_setting('server_version_num')::int,
    current_setting('default_transaction_read_only'), current_setting('synchronous_commit'),
    current_setting('fsync'), current_setting('full_page_writes'), current_setting('server_encoding')"""


class Unreachable(StorageError):
    """No server that may write answers now: it may be a failover, so it is worth another try."""


class Unsuitable(StorageError):
    """A server answers and will never do: no use to try again before somebody has acted."""


class Connection:
    """A session with the writable server. ``is_unsynced``: its last commit is on that one server only, perhaps.

    A server whose wait for its standby is cancelled says "committed", and warns.
    """

    __slots__ = ("is_unsynced", "session")

    def __init__(self, session: Any) -> None:
        self.session = session
        self.is_unsynced = False
        session.add_log_listener(self._hear)

    def _hear(self, _session: object, message: Any) -> None:
        """A server says this in its own language, so its rank decides; nothing else warns at a COMMIT."""
        if getattr(message, "severity_en", "") == "WARNING":
            self.is_unsynced = True

    @property
    def is_closed(self) -> bool:
        return bool(self.session.is_closed())

    def terminate(self) -> None:
        """Close the socket, and send nothing: above all no request to cancel what runs (it might be a COMMIT)."""
        self.session.remove_log_listener(self._hear)
        self.session.terminate()

    async def close(self) -> None:
        """Say goodbye, if there is time for it."""
        self.session.remove_log_listener(self._hear)
        try:
            await self.session.close(timeout=CLOSE_SECONDS)
        except Exception:  # noqa: BLE001  whatever it was, nothing was open in this session
            self.session.terminate()


async def connect(address: EngineAddress, *, asynchronous: bool = False) -> Connection:
    """A session with the server that may write. Raises ``Unreachable`` or ``Unsuitable``.

    ``asynchronous`` is for what may be lost: its commits wait for no disk and no standby.
    """
    tasks = {asyncio.ensure_future(_connect_one(dsn, asynchronous)): dsn for dsn in address.dsns}
    waiting = set(tasks)
    problems: list[Exception] = []
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None:
                    del tasks[task]
                    return Connection(task.result())
                problems.append(_as_problem(error, tasks.pop(task)))
    finally:
        for task in tasks:
            task.cancel()
            task.add_done_callback(_close_second)
    raise _verdict(address, problems)


def _close_second(task: "asyncio.Future[Any]") -> None:
    """Two may write for a moment (an old leader that does not know yet): the first is taken."""
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()


async def _connect_one(dsn: str, asynchronous: bool) -> Any:
    settings = {**SETTINGS, "synchronous_commit": "off"} if asynchronous else SETTINGS
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            session = await asyncpg.connect(
                dsn, statement_cache_size=STATEMENTS, max_cached_statement_lifetime=0, server_settings=settings
            )
            try:
                await _inspect(session, asynchronous)
            except BaseException:
                session.terminate()
                raise
    except TimeoutError:
        raise Unreachable(f"no answer within {CONNECT_SECONDS:.0f} seconds") from None
    _keep_alive(session)
    return session


def _keep_alive(session: Any) -> None:
    transport = getattr(session, "_transport", None)  # no public way to the socket
    found = transport.get_extra_info("socket") if transport is not None else None
    if found is not None and found.family in {socket.AF_INET, socket.AF_INET6}:
        for level, option, value in KEEPALIVE:
            found.setsockopt(level, option, value)


def require_version(version: int) -> None:
    """Raise ``Unsuitable`` if ``version`` (as ``server_version_num`` says it) is older than the floor."""
    if version < OLDEST:
        raise Unsuitable(f"it is PostgreSQL {version // 10000}; 15 or newer is needed")


async def _inspect(session: Any, asynchronous: bool) -> None:
    standby, version, read_only, synchronous, fsync, full_pages, encoding = await session.fetchrow(_LOOK)
    require_version(version)
    if standby or read_only == "on":
        raise Unreachable("it is a standby and may not write")
    if encoding != "UTF8":
        raise Unsuitable(f"the database is encoded in {encoding}: make it with ENCODING 'UTF8' TEMPLATE template0")
    if fsync != "on" or full_pages != "on":
        raise Unsuitable("fsync or full_page_writes is off there: mail would not survive a power cut")
    if synchronous in {"off", "local"} and not asynchronous:
        raise Unsuitable(
            f"synchronous_commit is {synchronous} there: ALTER DATABASE … SET synchronous_commit = on, "
            "or mail would not survive a failover"
        )


def _as_problem(error: BaseException, dsn: str) -> Exception:
    """``error`` in words, with the server it is about and what to do."""
    where = dsn.rpartition("@")[2].removeprefix("postgresql://").partition("/")[0] or "the local socket"
    if isinstance(error, Unreachable | Unsuitable):
        return type(error)(f"{where}: {error}")
    if isinstance(error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return Unsuitable(f"{where} refuses the login ({error}): check user and password of the engine's address, "
                          "or the file ~/.pgpass")  # fmt: skip
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return Unsuitable(f"{where}: {error}: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0 makes it")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return Unsuitable(f"{where}: {error}: GRANT what is missing to the user of the engine's address")
    if isinstance(error, asyncpg.PostgresError):
        return Unreachable(f"{where}: {error}")
    return Unreachable(f"{where}: {told(error)}")


def _verdict(address: EngineAddress, problems: list[Exception]) -> StorageError:
    """One message about all servers. Only when all of them are unsuitable is it of no use to try again."""
    text = f"no server of {address.shown} can be used: " + "; ".join(map(str, problems))
    if problems and all(isinstance(problem, Unsuitable) for problem in problems):
        return Unsuitable(text)
    return Unreachable(text)
