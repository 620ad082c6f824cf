"""A second server from the same program and the same configuration: on loopback, in a directory that goes away.

Its mail for others goes to the sink, its questions to our name server. As root
on Linux the whole drill first moves into a network of its own that has nothing
but ``lo``: then even a mistake of ours could not leave.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import random
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from posthouse.drill.control import NAME, Declined, ask
from posthouse.drill.leash import Watch, end, launch, nobody_watches
from posthouse.drill.names import Names
from posthouse.drill.place import Person, Place
from posthouse.drill.sink import Sink

READY_SECONDS = 60.0
STOP_SECONDS = 3.0
"""A server that does not stop in that time is killed: Ctrl-C is done within five seconds."""

PORTS = 12
FIRST_PORT, LAST_PORT = 24500, 24980
CANARY = "canary"
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
DOMAIN = "office.test"


class NotStarted(Exception):
    """The sandbox did not become ready; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a server must be set up for an attack; attacks with equal wishes share one.

    ``config`` is TOML that is put behind the operator's own; ``smarthost`` sends all mail for others to the sink,
    else the name server says where it goes; ``weakened`` are the defences it must lack, for the negative control.
    """

    config: str = ""
    smarthost: bool = True
    weakened: tuple[str, ...] = ()
    disk: int = 0
    """Octets of a file system of its own, for attacks that fill it; only where we are root in a namespace of ours."""


@dataclass(slots=True)
class Sandbox:
    """A running server and what it can reach."""

    directory: Path
    place: Place
    sink: Sink
    names: Names
    process: asyncio.subprocess.Process
    started: float = field(default_factory=time.monotonic)

    @property
    def log(self) -> Path:
        return self.directory / "log"


@contextlib.asynccontextmanager
async def sandbox(
    directory: Path, wish: Wish, *, config: Path | None, seed: int, watch: Watch = nobody_watches
) -> AsyncIterator[Sandbox]:
    """A server for as long as the block runs. Raises ``NotStarted``."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if wish.disk:
        mount_small(directory, wish.disk)
    sink, names = Sink(), Names()
    await sink.open()
    await names.open()
    people_the_zone(names)
    words = _words(directory, wish, config, sink, names, random.Random(f"{seed}{os.getpid()}"))
    process = await launch(words, directory / "log", watch)
    try:
        file = directory / "data" / "endpoints.json"
        await _ready(file, process, directory / "log")
        canary = await _add_account(directory / "data")
        place = Place.read(file, directory / "log")
        place.people[CANARY] = canary
        yield Sandbox(directory, place, sink, names, process)
    finally:
        await end(process, STOP_SECONDS)
        if wish.disk:
            unmount(directory)
        await sink.close()
        await names.close()


def people_the_zone(names: Names) -> None:
    """Who is who: ourselves, honest senders, the canary's domains."""
    for name in (DOMAIN, "mx." + DOMAIN, "else.test", "drill.test", "far.test"):
        names.put(name, "A", "127.0.0.1")
        names.put(name, "MX", f"10 mx.{name}" if not name.startswith("mx.") else f"10 {name}")
        names.put("mx." + name.removeprefix("mx."), "A", "127.0.0.1")
    names.put("*.else.test", "A", "127.0.0.1")
    for number in range(8):
        name = f"canary-{number}.drill.test"
        names.put(name, "A", "127.0.0.9")
        names.put(name, "MX", f"10 {name}")
        names.put(name, "TXT", "v=spf1 ip4:127.0.0.9 -all")
    names.put("canary.drill.test", "A", "127.0.0.9")
    names.put("9.0.0.127.in-addr.arpa", "PTR", "canary.drill.test")


def _words(
    directory: Path, wish: Wish, config: Path | None, sink: Sink, names: Names, chance: random.Random
) -> list[str]:
    """The command line of a server with this wish."""
    words = ["localserve", "--dir", str(directory / "data"), "--base-port", str(free_base_port(chance))]
    words += ["--dns", f"127.0.0.1:{names.port}"]
    if wish.smarthost:
        words += ["--relay", f"127.0.0.1:{sink.port}"]
    own = config.read_text("utf-8") if config is not None else ""
    if own or wish.config:
        file = directory / "posthouse.toml"
        file.write_text(merged(own, wish.config), "utf-8")
        words += ["--config", str(file)]
    if wish.weakened:
        words += ["--weakened", ",".join(wish.weakened)]
    return words


def merged(own: str, wished: str) -> str:
    """The operator's file and what an attack needs beside it; ``hostname`` alone stands before the tables."""
    if not own:
        return f'hostname = "mx.{DOMAIN}"\n{wished}'
    return f"{own.rstrip()}\n{wished}"


def free_base_port(chance: random.Random) -> int:
    """A base from which all ports of a localserve are free."""
    for base in chance.sample(range(FIRST_PORT, LAST_PORT, PORTS), (LAST_PORT - FIRST_PORT) // PORTS):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + PORTS):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise NotStarted(f"no {PORTS} free ports between {FIRST_PORT} and {LAST_PORT}")


async def _ready(file: Path, process: asyncio.subprocess.Process, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while not file.exists():
        if process.returncode is not None or time.monotonic() > end:
            said = log.read_text(errors="replace").strip().splitlines() or ["nothing was said"]
            raise NotStarted(f"the sandbox did not start: {said[-1][-500:]}")
        await asyncio.sleep(0.05)


async def _add_account(data: Path) -> Person:
    """The canary's own account, so that no attack on anybody's mailbox meets it."""
    person = Person(f"{CANARY}@{DOMAIN}", "canary-" + os.urandom(12).hex())
    try:
        await ask(data / "store" / NAME, "account add", address=person.address, password=person.password)
    except Declined as error:
        raise NotStarted(f"no account for the canary: {error}") from error
    return person


# -- a network and file systems of its own


def enter_own_network() -> bool:
    """Into namespaces with nothing but ``lo``, our mounts our own; False where that cannot be done."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    return True


def has_own_network() -> bool:
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def mount_small(directory: Path, octets: int) -> None:
    """A file system of ``octets`` at ``directory``; it goes away with our namespace. Raises ``NotStarted``."""
    if os.geteuid() != 0 or not has_own_network():
        raise NotStarted("filling a disk needs root and a namespace of our own")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, f"size={octets},mode=0700".encode()) != 0:
        raise NotStarted(f"no small file system: {os.strerror(ctypes.get_errno())}")


def unmount(directory: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.umount2(os.fsencode(directory), MNT_DETACH)
