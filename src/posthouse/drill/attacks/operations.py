"""Secrets, logs, configuration, neighbours."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from posthouse.drill.bench import HOME, Bench, Unproven
from posthouse.drill.scenario import Scenario

NOBODY = 65534


async def neighbour(bench: Bench) -> None:
    """O07: as nobody on the same machine: the store, the control socket, signals, relaying from loopback."""
    if os.geteuid() != 0:
        raise Unproven("only root can be somebody else; run the drill as root")
    store = bench.place.directory / "store"
    bench.expect("who may enter the store", "0o700", oct(store.stat().st_mode & 0o777))
    for place in (store, *store.parents):  # let him as near as the server itself does, not only as near as /tmp does
        if place == Path("/tmp"):  # noqa: S108 - where sandboxes are made
            break
        if place != store and _is_ours(place):
            await asyncio.to_thread(place.chmod, 0o711)
    done = await asyncio.to_thread(_visit, store, bench.place.pid)
    bench.expect("what he could do", "", done)
    async with await bench.smtp("smtp", HOME) as caller:
        reply = await caller.envelope(b"www@else.test", b"victim@far.test")
        bench.expect("relaying from the machine itself", "550", reply[:3].decode())
    await bench.benign("bob")


def _visit(store: Path, pid: int) -> str:
    """What somebody else on this machine can do, found out by a child of ours that has become nobody."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, "; ".join(_try(store, pid)).encode() or b"-")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read().decode()
    os.waitpid(child, 0)
    if not told:
        raise Unproven("the visitor could not become nobody")
    return told.removeprefix("-")


def _try(store: Path, pid: int) -> Iterator[str]:
    """Each thing that works."""
    with contextlib.suppress(OSError):
        yield f"list {sum(1 for _ in store.iterdir())} files"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(2)
        asking.connect(str(store / "control.sock"))
        asking.sendall(b'{"do": "account list", "with": {}}\n')
        if b"row" in asking.recv(4096):
            yield "ask the control socket"
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        yield "send signals"


def _is_ours(path: Path) -> bool:
    return path.stat().st_uid == os.geteuid() and path.name.startswith(("drill-", "sandbox-", "life-", "data"))


SCENARIOS = (Scenario("O07", neighbour, without='[relay]\nnetworks = ["127.0.0.1"]\n'),)
