"""A throw-away PostgreSQL for tests and benchmarks: real, on this machine alone, gone afterwards.

``initdb`` refuses root, so as root it runs as ``postgres`` or ``nobody``.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "128MB",
    "max_connections": "60",
    "max_wal_size": "2GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "log_min_messages": "error",
}
START_SECONDS = 60.0
DATABASE = "posthouse"


class Absent(Exception):
    """There is no PostgreSQL of 15 or newer on this machine; ``str()`` says what was looked for."""


def find_programs() -> Path:
    """The folder of the newest server programs."""
    found = sorted(
        (folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()),
        key=lambda folder: float(folder.parent.name),
    )
    if found and float(found[-1].parent.name) >= 15:
        return found[-1]
    named = shutil.which("initdb")
    if named is not None:
        return Path(named).parent
    raise Absent("no initdb of PostgreSQL 15 or newer (Debian: apt install postgresql-15)")


def unprivileged() -> pwd.struct_passwd | None:
    """Who runs servers that refuse root: None for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Absent("neither postgres nor nobody is a user here, and initdb refuses root")


class ThrowawayPostgres:
    """One server in a directory of its own, reached by a socket in it (and by ``port`` on 127.0.0.1 if given)."""

    def __init__(self, *, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self._programs = find_programs()
        self._user = unprivileged()
        self._root = Path(tempfile.mkdtemp(prefix="pg-", dir=tempfile.gettempdir()))
        self._data = self._root / "data"
        self._port = port
        self._settings = {**SETTINGS, **(settings or {})}
        if port:
            self._settings |= {"listen_addresses": "'127.0.0.1'", "port": str(port)}
        self._server: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(self._root, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "posthouse", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                  "-N")  # fmt: skip
        (self._data / "pg_hba.conf").write_text(
            "local all all trust\nlocal replication all trust\n"
            "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
        )
        lines = [f"{name} = {value}\n" for name, value in self._settings.items()]
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{self._root}'\n{''.join(lines)}")

    @property
    def directory(self) -> Path:
        """The data."""
        return self._data

    def address(self, database: str = DATABASE) -> str:
        """The engine's address by the socket."""
        port = f"&port={self._port}" if self._port else ""
        return f"postgresql://posthouse@/{database}?host={self._root}{port}"

    def tcp_address(self, password: str, database: str = DATABASE) -> str:
        """The engine's address by TCP, where a password is asked for (``sql`` may set it)."""
        return f"postgresql://posthouse:{password}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Until it takes connections, with an empty database."""
        log = (self._root / "log").open("ab")
        self._server = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", str(self._data)], stdout=log, stderr=log, **self._as_user()
        )
        log.close()
        end = time.monotonic() + START_SECONDS
        while self._try("pg_isready", "-q", "-h", str(self._root), *self._port_option()):
            if self._server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {(self._root / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        self._try("createdb", *self._where(), DATABASE)

    def sql(self, statement: str, database: str = DATABASE) -> str:
        """What ``psql`` prints."""
        return self._run("psql", *self._where(), "-X", "-A", "-t", "-q", "-c", statement, database)

    def make_database(self, name: str, template: str | None = None) -> None:
        self._run("createdb", *self._where(), *(("-T", template) if template else ()), name)

    def drop_database(self, name: str) -> None:
        self._run("dropdb", *self._where(), "--if-exists", "--force", name)

    @property
    def pid(self) -> int:
        return self._server.pid if self._server is not None else 0

    def kill(self) -> None:
        """As a power cut of the process: nothing is written any more."""
        self._stop(signal.SIGQUIT)

    def stop(self) -> None:
        """Cleanly, whoever is connected."""
        self._stop(signal.SIGINT)

    def _stop(self, how: signal.Signals) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(how)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = None

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.kill()
        shutil.rmtree(self._root, ignore_errors=True)

    # -- programs

    def _port_option(self) -> tuple[str, ...]:
        return ("-p", str(self._port)) if self._port else ()

    def _where(self) -> tuple[str, ...]:
        return ("-h", str(self._root), *self._port_option(), "-U", "posthouse")

    def _as_user(self) -> dict[str, Any]:
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._root), "LC_ALL": "C.UTF-8"}
        options: dict[str, Any] = {"cwd": self._root, "env": environment, "stdin": subprocess.DEVNULL}
        if self._user is not None:
            options |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return options

    def _run(self, program: str, *arguments: str) -> str:
        done = self._call(program, *arguments)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _try(self, program: str, *arguments: str) -> int:
        return self._call(program, *arguments).returncode

    def _call(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(self._programs / program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
