"""Do two workers do twice as much as one? Whole servers, whole sessions, one PostgreSQL.

    python bench/cluster/workers.py [--workers 1,2] [--share 0.1] [--messages 500] [--rounds 3]

``posthouse serve --workers N`` takes mail over SMTP from smtp-source (Debian's
postfix), each message for another person, and files it durably. Printed are
messages a second, and CPU a message of the workers, of PostgreSQL and of the
load. The numbers of workers take turns in each round.

Where there are cores for all, rates say what workers do. Here there may be two
cores for everything, so each worker gets a ``--share`` of a core and no more (a
cpu cgroup, which needs root): a small machine of which there is one for each
worker, and the rest of the cores for PostgreSQL and the load. ``--share 0``
leaves all to the kernel. If PostgreSQL, the load and other programs leave less
than the shares, the last line says so: then the ratio says nothing.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import asyncpg
from material import ACCOUNTS, DOMAIN, FIRST_ACCOUNT, TICK, processor_seconds

from posthouse.storage.postgresql.engine import open_store
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.testing.journal import KeptJournal
from posthouse.testing.postgres import ThrowawayPostgres, unprivileged

CGROUPS = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
PERIOD = 20_000
"""Microseconds in which a share is used up: a pause is shorter than that."""
CONFIGURATION = """
hostname = "mx.bench.test"
[store]
directory = "{directory}/store"
engine = "{engine}"
[limits]
connections = 10000
client_connections = 1000
near_connections = 1000
far_connections = 1000
client_connects = 1000000
near_connects = 1000000
far_connects = 1000000
client_messages = 1000000
client_octets = "100GiB"
[relay]
networks = ["127.0.0.1/32"]
{privileges}
[[listener]]
service = "smtp"
address = "127.0.0.1"
port = {port}
[[listener]]
service = "metrics"
address = "127.0.0.1"
port = {metrics}
"""


LINE = (
    "  {} workers {:6.0f}/s  CPU of workers {:4.0f} us, of servers {:4.0f} us, of the load {:4.0f} us;"
    " cores used by each worker {}"
)


class Shares:
    """What workers may use; ``bind`` puts a process under its own limit, and ``throttled`` says how often it waited."""

    def __init__(self, share):
        self._share = share
        self._root = next(
            (path for path in CGROUPS if (path / "cgroup.procs").exists() and os.access(path, os.W_OK)), None
        )
        self._made = []
        if share and self._root is None:
            print("  no cpu cgroup can be made here: workers get what the kernel gives them")
            self._share = 0

    def bind(self, pid):
        if not self._share:
            return
        group = self._root / f"bench-{os.getpid()}-{pid}"
        group.mkdir()
        self._made.append(group)
        quota = int(PERIOD * self._share)
        if (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        (group / "cgroup.procs").write_text(str(pid))

    def release(self):
        for group in self._made:
            for _ in range(50):
                try:
                    group.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)
        self._made.clear()


class Fleet:
    """A server with so many workers."""

    def __init__(self, directory, engine, workers, shares):
        self.workers = workers
        self.port, metrics = free_port(), free_port()
        account = unprivileged()
        user = account.pw_name if account is not None else ""
        file = directory / f"{workers}.toml"
        file.write_text(
            CONFIGURATION.format(
                directory=directory / str(workers), engine=engine, port=self.port, metrics=metrics,
                privileges=f'[privileges]\nuser = "{user}"' if user else "",
            )
        )  # fmt: skip
        (directory / str(workers)).mkdir()
        if user:
            shutil.chown(directory / str(workers), user)
        program = [sys.executable, "-m", "posthouse", "serve", "--workers", str(workers), "--config", str(file)]
        self._log = (directory / f"{workers}.log").open("ab")
        self._process = subprocess.Popen(program, stdout=self._log, stderr=self._log)
        self._shares = shares
        self._wait()
        self.pids = [self._process.pid] if workers == 1 else self._children()
        for pid in self.pids:
            shares.bind(pid)

    def _wait(self):
        end = time.monotonic() + 60
        while Path(self._log.name).read_text().count('"server.ready"') < self.workers:
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(Path(self._log.name).read_text()[-2000:])
            time.sleep(0.05)

    def _children(self):
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [
            int(pid) for pid in path.read_text().split() if b"zygote" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def cpu(self):
        """Of each worker."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids]
        return [sum(map(int, one[11:13])) * TICK / 1e6 for one in fields]

    def end(self):
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def free_port():
    """One with a few free ones behind it: metrics of further workers take them."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < 60000:
            return port


def send(fleet, options, messages):
    """Each message to another person: 1u100001@, 2u100001@ and so on."""
    command = ["smtp-source", "-4", "-N", "-M", "localhost", "-f", "sender@src.test", "-t", "@office.test"]
    command += ["-s", str(options.sessions), "-l", str(options.octets), "-m", str(messages), f"127.0.0.1:{fleet.port}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode or done.stderr.strip():
        raise RuntimeError((done.stdout + done.stderr).strip()[-400:])


async def prepare(engine, people):
    with tempfile.TemporaryDirectory() as spool:
        store = await open_store(
            engine, spool=Path(spool), clock=SystemClock(), ids=RandomIds(), journal=KeptJournal()
        )  # fmt: skip
        await store.close()
    session = await asyncpg.connect(engine)
    series = f"generate_series({FIRST_ACCOUNT}, {FIRST_ACCOUNT + people - 1}) s(n)"
    for statement in (DOMAIN, *ACCOUNTS):
        await session.execute(statement.format(series=series))
    await session.execute(f"UPDATE account SET address = (account_id - {FIRST_ACCOUNT} + 1) || '@office.test'")
    await session.execute("VACUUM ANALYZE")
    await session.close()


def measure(fleet, server, options):
    """Messages a second; CPU a message in microseconds of workers, servers, load; the shares of a core workers used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    load = usage.ru_utime + usage.ru_stime
    workers, servers, begun = fleet.cpu(), processor_seconds([server.pid]), time.perf_counter()
    send(fleet, options, options.messages)
    seconds = time.perf_counter() - begun
    used = [after - before for before, after in zip(workers, fleet.cpu(), strict=True)]
    servers = processor_seconds([server.pid]) - servers
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    load = usage.ru_utime + usage.ru_stime - load
    each = 1e6 / options.messages
    return (options.messages / seconds, sum(used) * each, servers * each, load * each,
            [round(one / seconds, 2) for one in used])  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--share", type=float, default=0.1)
    for name, value in (("messages", 500), ("rounds", 3), ("sessions", 40), ("octets", 4096)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    counts = list(map(int, options.workers.split(",")))
    figures = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as directory, ExitStack() as last:
        Path(directory).chmod(0o755)
        server = ThrowawayPostgres(settings={"shared_buffers": "256MB"})
        last.callback(server.remove)
        server.start()
        asyncio.run(prepare(server.address(), options.messages))
        shares = Shares(options.share)
        last.callback(shares.release)
        for turn in range(options.rounds + 1):  # the first one warms up
            for count in counts:
                with tempfile.TemporaryDirectory(dir=directory) as home, ExitStack() as then:
                    Path(home).chmod(0o755)
                    fleet = Fleet(Path(home), server.address(), count, shares)
                    then.callback(fleet.end)
                    send(fleet, options, 100)
                    row = measure(fleet, server, options)
                if turn:
                    figures[count].append(row)
                    print(LINE.format(count, *row), flush=True)
            shares.release()
    rates, workers, servers = (
        {count: round(statistics.median(row[column] for row in rows)) for count, rows in figures.items()}
        for column in range(3)
    )
    used = [min(row[4]) for rows in figures.values() for row in rows]
    print(json.dumps({
        "messages a second": rates,
        "times the first": {count: round(rate / rates[counts[0]], 2) for count, rate in rates.items()},
        "CPU of workers, us": workers,
        "CPU of servers, us": servers,
        "every worker had its share": bool(options.share) and min(used) > 0.85 * options.share,
        "load": round(os.getloadavg()[0], 1), "cores": os.cpu_count(), **vars(options),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
