"""Secrets, logs, configuration, neighbours."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from posthouse.drill.bench import HOME, Bench, Unproven
from posthouse.drill.scenario import Scenario

NOBODY = 65534
VISIT = """
import os, socket, sys
store, pid = sys.argv[1], int(sys.argv[2])
done = []
try:
    done.append("listed " + str(len(os.listdir(store))))
except OSError:
    pass
try:
    one = socket.socket(socket.AF_UNIX)
    one.connect(store + "/control.sock")
    one.sendall(b'{"do": "account list", "with": {}}\\n')
    one.settimeout(2)
    if b"row" in one.recv(4096):
        done.append("asked the control socket")
except OSError:
    pass
try:
    os.kill(pid, 0)
    done.append("may send signals")
except OSError:
    pass
print("; ".join(done))
"""
"""What somebody else on the machine tries; each thing that works is a line of his."""


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
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", VISIT, str(store), str(bench.place.pid)],
        user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Unproven(f"the visitor could not even start: {done.stderr.strip()[-200:]}")
    bench.expect("what he could do", "", done.stdout.strip())
    async with await bench.smtp("smtp", HOME) as caller:
        reply = await caller.envelope(b"www@else.test", b"victim@far.test")
        bench.expect("relaying from the machine itself", "550", reply[:3].decode())
    await bench.benign("bob")


def _is_ours(path: Path) -> bool:
    return path.stat().st_uid == os.geteuid() and path.name.startswith(("drill-", "sandbox-", "life-", "data"))


SCENARIOS = (Scenario("O07", neighbour, without='[relay]\nnetworks = ["127.0.0.1"]\n'),)
