"""Secrets, logs, configuration, neighbours."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from posthouse.drill.bench import HOME, Bench, Unproven
from posthouse.drill.fence import Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.second import ask_posthouse

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


async def known_holes(bench: Bench) -> None:
    """O08: a file of advisories against what runs, and one against other things, as an operator would ask of them."""
    await bench.benign("bob")
    row = {"ecosystem": "PyPI", "purl": "pkg:pypi/dnspython"}
    events = [{"introduced": "0"}]
    hole = {"id": "DRILL-1", "modified": "2026-01-01T00:00:00Z", "summary": "a hole made for the drill"}
    for name, found in (("dnspython", True), ("nobody-has-this", False)):
        package = {**row, "name": name, "purl": f"pkg:pypi/{name}"}
        advisory = {**hole, "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}
        file = bench.place.directory / f"{name}.json"
        file.write_text(json.dumps([advisory]))
        code, said = await ask_posthouse(bench, "vulns", "--db", str(file))
        file.unlink()
        note = bench.expect if found else bench.twin
        note(
            f"an advisory about {name} is told", found, "DRILL-1" in said, ok=("DRILL-1" in said) is found and code != 2
        )


HEAD = 'hostname = "mx.office.test"\n'
DANGEROUS = (
    '[relay]\nnetworks = ["0.0.0.0/0"]', '[relay]\nnetworks = ["::/0"]', '[relay]\nnetworks = ["10.0.0.0/8"]',
    "[limits]\nmessage_octets = 0", "[limits]\nauth_failures = 0", "[limits]\nconnections = -1",
    "[limits]\nmesage_octets = 1000000", "[limts]\nmessage_octets = 1000000",
    '[filter]\njunk_score = "high"',
    '[relay]\nnetworks = ["all"]', "[limits]\nmessage_octets = true", 'hostnam = "x"',
    "[authentication]\nverifi = true",
    '[[relay.route]]\ndomain = "a.test"\nhost = "b.test"\nport = 99999', '[[listener]]\nservice = "telnet"\nport = 23',
    '[[relay.route]]\ndomain = "a.test"\nhost = "b.test"\ntls = "maybe"', "[limits]\nqueue_seconds = 0", "= broken",
)  # fmt: skip


async def dangerous_settings(bench: Bench) -> None:
    """O04: eighteen files: relay for all, limits of zero, misspelt keys; each is refused, and the line is named."""
    await bench.benign("bob")
    file, few = bench.place.directory / "dangerous.toml", asyncio.Semaphore(3)

    async def is_taken(number: int, text: str) -> bool:
        async with few:
            mine = file.with_stem(f"dangerous-{number}")
            mine.write_text(f"{HEAD}{text}\n")
            code, said = await ask_posthouse(bench, "config", "check", "--config", str(mine))
            mine.unlink()
            return code == 0 or "Traceback" in said

    verdicts = await asyncio.gather(*(is_taken(number, text) for number, text in enumerate(DANGEROUS)))
    taken = [text for text, bad in zip(DANGEROUS, verdicts, strict=True) if bad]
    bench.expect("dangerous settings that were taken", [], taken)
    file.write_text(f'{HEAD}[limits]\nmessage_octets = "20MiB"\n')
    _, said = await ask_posthouse(bench, "config", "check", "--config", str(file))
    file.unlink()
    bench.twin("of an honest one no limit is complained of", False, "message_octets" in said)


SCENARIOS = (
    Scenario("O04", dangerous_settings, weakened="O04", allowance=Allowance(seconds=60)),
    Scenario("O08", known_holes, weakened="O08"),
    Scenario("O07", neighbour, without='[relay]\nnetworks = ["127.0.0.1"]\n'),
)
