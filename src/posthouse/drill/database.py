"""A PostgreSQL of our own for the time of an attack, for servers that share one: by a socket, gone afterwards."""

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from posthouse.drill.leash import Watch, end, tie_to
from posthouse.drill.place import Absent

READY_SECONDS = 30.0
SETTINGS = "listen_addresses = ''\nmax_connections = 60\nshared_buffers = '32MB'\nlog_min_messages = error\n"


def find_programs() -> Path:
    """Where ``initdb`` is. Raises ``Absent``."""
    found = sorted(one.parent for one in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1]
    named = shutil.which("initdb")
    if named is None:
        raise Absent("several nodes share a PostgreSQL, and its programs (initdb) are not on this machine")
    return Path(named).parent


def _somebody_else() -> dict[str, Any]:
    """It refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Absent("PostgreSQL refuses root, and neither postgres nor nobody is a user here")


@contextlib.asynccontextmanager
async def database(watch: Watch) -> AsyncIterator[str]:
    """Its address as the engine wants it. Raises ``Absent`` when it cannot be had."""
    programs, who = find_programs(), _somebody_else()
    root = Path(tempfile.mkdtemp(prefix="drill-pg-"))
    if who:
        os.chown(root, who["user"], who["group"])
    ours = os.getpid()
    try:
        await _run(programs / "initdb", "-D", root / "data", "-U", "posthouse", "-A", "trust", "-E", "UTF8", "-N",
                   "--locale=C.UTF-8", **who)  # fmt: skip
        with (root / "data" / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}unix_socket_directories = '{root}'\n")
        process = await asyncio.create_subprocess_exec(
            programs / "postgres", "-D", root / "data", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=lambda: tie_to(ours), **who,
        )  # fmt: skip
        watch(process.pid)
        try:
            await _made(programs, root, process, who)
            yield f"postgresql://posthouse@/posthouse?host={root}"
        finally:
            await end(process, 3.0)
    finally:
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)


async def _made(programs: Path, root: Path, process: asyncio.subprocess.Process, who: dict[str, Any]) -> None:
    """Until it takes connections, and has a database."""
    until = asyncio.get_running_loop().time() + READY_SECONDS
    while True:
        with contextlib.suppress(Absent):
            await _run(programs / "createdb", "-h", root, "-U", "posthouse", "posthouse", **who)
            return
        if process.returncode is not None or asyncio.get_running_loop().time() > until:
            raise Absent("the PostgreSQL of the drill did not start")
        await asyncio.sleep(0.2)


async def _run(*words: str | Path, **who: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", **who
    )
    _, said = await process.communicate()
    if process.returncode:
        raise Absent(f"{Path(words[0]).name}: {said.decode(errors='replace').strip()[-200:]}")
