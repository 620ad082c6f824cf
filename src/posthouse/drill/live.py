"""The operator's own live server as the target, through its real doors, with accounts made for the run and removed.

That it is really ours is asked of the kernel, not of a configuration: whoever
serves the control socket is one process, and only ports on which that very
process listens are called, at loopback addresses. What each port speaks is
found out by listening to it. Nothing else on the machine can be named.
"""

import asyncio
import contextlib
import os
import re
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from posthouse.drill.attempt import Ground
from posthouse.drill.bench import strangers
from posthouse.drill.cage import Cage
from posthouse.drill.caller import Silent
from posthouse.drill.control import Declined, ask, peer
from posthouse.drill.fence import Allowance, Budget, Refused
from posthouse.drill.names import Names
from posthouse.drill.place import Person, Place
from posthouse.drill.sandbox import CANARY
from posthouse.drill.sink import Sink
from posthouse.drill.smtp import Smtp

PEOPLE = ("alice", "bob", "carol", CANARY)
LISTENING = "0A"
ANYWHERE = frozenset({"00000000", "00000000000000000000000000000000"})
LOOPBACK = "0100007F"
GREETING_SECONDS = 7.0
"""A server under stress greets late on purpose."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who we are on a live server, so that all of it can be taken away again."""

    socket: Path
    people: dict[str, Person]


def listening_ports(pid: int) -> list[int]:
    """Ports on which this process itself listens, reachable by loopback."""
    return sorted({port for address, port in listening(pid) if address in ANYWHERE or address == LOOPBACK})


def listening(pid: int) -> list[tuple[str, int]]:
    """Addresses, as the kernel writes them, and ports on which this process itself listens."""
    inodes = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if found := re.fullmatch(r"socket:\[(\d+)\]", str(entry.readlink())):
                    inodes.add(found[1])
    doors = []
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                address, _, port = words[1].partition(":")
                if words[3] == LISTENING and words[9] in inodes:
                    doors.append((address, int(port, 16)))
    return doors


async def recognise(port: int) -> str:
    """The service that speaks there, by its own words; empty if it is none of a mail server."""
    for tls in (False, True):
        try:
            async with await Smtp.connect(("127.0.0.1", port), "127.0.0.1", Budget(Allowance()), tls=tls) as caller:
                caller.patience = GREETING_SECONDS if tls else 2.0
                greeting = await caller.line()
                if greeting.startswith(b"* OK"):
                    return "imaps" if tls else "imap"
                if greeting.startswith(b"+OK"):
                    return "pop3s" if tls else "pop3"
                if greeting.startswith(b"220"):
                    return await _recognise_smtp(caller, tls=tls)
        except (OSError, Silent, ssl.SSLError):
            continue
    return ""


async def _recognise_smtp(caller: Smtp, *, tls: bool) -> str:
    if tls:
        return "submissions"
    offer = await caller.ask(b"EHLO drill.test\r\n")
    if not offer.startswith(b"250"):
        return "lmtp"
    await caller.ask(b"MAIL FROM:<a@else.test>\r\n") if b"STARTTLS" in offer else b""
    reply = await caller.ask(b"RCPT TO:<postmaster>\r\n")
    return "submission" if reply[:3] in {b"530", b"503"} else "smtp"


@asynccontextmanager
async def live_ground(socket: Path, run: str) -> AsyncIterator[Ground]:
    """The live server with a canary of its own. Raises ``Refused``, ``Declined``."""
    pid = await peer(socket)
    if Path(f"/proc/{pid}").stat().st_uid not in {os.geteuid(), 0} and os.geteuid() != 0:
        raise Refused(f"process {pid} is another user's")
    ports = await asyncio.to_thread(listening_ports, pid)
    services = {name: ("127.0.0.1", port) for port in ports if (name := await recognise(port))}
    if not {"smtp", "submissions", "imaps"} <= services.keys():
        raise Refused(
            f"process {pid} serves {', '.join(services) or 'nothing'} on loopback; smtp, submissions, imaps are needed"
        )
    sink, names = Sink(), Names()
    await sink.open()
    await names.open()
    visit = await _arrive(socket)
    place = Place(pid, services, visit.people, "", Path("/nonexistent"))
    cage = Cage(place, CANARY, run)
    try:
        await cage.open()
        yield Ground(place, sink, names, strangers(), cage)
    finally:
        await cage.close()
        await _leave(visit)
        await sink.close()
        await names.close()


async def _arrive(socket: Path) -> Visit:
    """Four accounts nobody else uses."""
    domains = [str(row.get("domain") or row.get("name")) for row in await ask(socket, "domain list")]
    if not domains:
        raise Refused("the server has no domain yet")
    people: dict[str, Person] = {}
    visit = Visit(socket, people)
    try:
        for name in PEOPLE:
            person = Person(f"drill-{name}-{secrets.token_hex(4)}@{domains[0]}", "drill-" + secrets.token_hex(12))
            await ask(socket, "account add", address=person.address, password=person.password)
            people[name] = person
    except BaseException:
        await _leave(visit)
        raise
    return visit


async def _leave(visit: Visit) -> None:
    for person in visit.people.values():
        with contextlib.suppress(Declined):
            await ask(visit.socket, "account remove", address=person.address, yes=True)


async def left_behind(socket: Path) -> list[str]:
    """Accounts of a drill that are still there; there may be none."""
    rows = await ask(socket, "account list")
    return [address for row in rows if (address := str(row.get("address", ""))).startswith("drill-")]
