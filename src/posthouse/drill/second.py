"""A second server, for attacks that end one: begun, killed and begun again on the same directory."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from posthouse.drill.bench import Bench
from posthouse.drill.leash import end, launch, tie_to
from posthouse.drill.place import Place
from posthouse.drill.sandbox import NotStarted, free_base_port

READY_SECONDS = 30.0
CLOCK = "POSTHOUSE_DRILL_CLOCK"
WEAK_PROGRAM = (
    "import sys; from posthouse.supervisor.weakened import weaken; weaken((sys.argv.pop(1),)); "
    "from posthouse.cli.main import main; main()"
)
"""A command without a defence, for negative controls."""


@dataclass(slots=True)
class House:
    """Started by ``open``, as the first one was, with the same weakness if that one has any."""

    bench: Bench
    directory: Path
    port: int
    process: asyncio.subprocess.Process | None = None
    engine: str = ""
    """Where mail is kept, if not in the directory."""
    data: Path = Path()
    """The directory of the server; that below ``directory`` unless somebody names another."""
    clock: Path | None = None
    """A file with the seconds by which its clock is wrong."""
    others: list[asyncio.subprocess.Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data = self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    async def launch(self, port: int = 0) -> asyncio.subprocess.Process:
        """Begin a process on the directory, whatever becomes of it."""
        words = ["localserve", "--dir", str(self.data), "--base-port", str(port or self.port)]
        words += ["--dns", f"127.0.0.1:{self.bench.names.port}", "--relay", f"127.0.0.1:{self.bench.sink.port}"]
        words += ["--engine", self.engine] if self.engine else []
        weak = [*_weakness(self.bench.place.pid)[1:], *(["clock"] if self.clock else [])]
        words += ["--weakened", ",".join(weak)] if weak else []
        process = await launch(words, self.log, self.bench.watch, {CLOCK: str(self.clock)} if self.clock else None)
        self.others.append(process)
        return process

    async def open(self) -> Bench:
        """Serving; a bench that attacks it. Raises ``NotStarted``."""
        file = self.data / "endpoints.json"
        file.unlink(missing_ok=True)
        self.process = process = await self.launch()
        end = asyncio.get_running_loop().time() + READY_SECONDS
        while not file.exists():
            if process.returncode is not None or asyncio.get_running_loop().time() > end:
                raise NotStarted(f"the second server did not start: {self.last_words()}")
            await asyncio.sleep(0.05)
        return replace(self.bench, place=Place.read(file, self.log))

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, at once or politely."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await self.process.wait()
            await end(self.process)

    def last_words(self) -> str:
        said = self.log.read_text(errors="replace").strip().splitlines() or ["nothing was said"]
        return said[-1][-300:]


async def ask_posthouse(bench: Bench, *words: str) -> tuple[int, str]:
    """How a command ends, and what it says; it has the weakness of the server, if that has one."""
    weak = _weakness(bench.place.pid)[1:]
    program = ["-c", WEAK_PROGRAM, *weak] if weak else ["-m", "posthouse"]
    ours = os.getpid()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, preexec_fn=lambda: tie_to(ours),
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


def _weakness(pid: int) -> list[str]:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return words[words.index("--weakened") :][:2] if "--weakened" in words else []


@contextlib.asynccontextmanager
async def second(bench: Bench) -> AsyncIterator[House]:
    """A directory and a port for it; nothing stays of either."""
    directory = Path(tempfile.mkdtemp(prefix="drill-second-", dir=bench.place.directory.parent))
    house = House(bench, directory, free_base_port(bench.chance))
    try:
        yield house
    finally:
        for process in house.others:
            await end(process)
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
