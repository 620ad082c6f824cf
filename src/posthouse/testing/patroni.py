"""A throw-away cluster for tests and benchmarks: three machines' worth of PostgreSQL, Patroni and etcd, all real.

They stand on one machine with an address of 127.0.0.0/8 each, as a user
without privileges, and leave nothing behind. What may happen to a machine can
be done to each: its server or all of it killed, stopped, started again.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posthouse.testing.postgres import Absent, find_programs, unprivileged

MEMBERS = (1, 2, 3)
DATABASE = "posthouse"
PATIENCE = 150.0
"""A cluster comes up in a quarter of a minute, on a busy machine in two whole ones."""
PRIMARY = frozenset({"master", "primary"})
PASSWORD = "supw"

CONFIGURATION = """
scope: mail
name: pg{i}
restapi: {{listen: '{ip}:{rest}', connect_address: '{ip}:{rest}'}}
etcd3: {{hosts: [{etcds}]}}
log: {{level: INFO}}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 33554432
    synchronous_mode: true
    synchronous_mode_strict: true
    synchronous_node_count: 1
    primary_start_timeout: 0
    failsafe_mode: true
    slots: {{pg1: {{type: physical}}, pg2: {{type: physical}}, pg3: {{type: physical}}}}
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_level: replica
        wal_keep_size: 512MB
        jit: 'off'
        hot_standby: 'on'
        wal_log_hints: 'on'
        max_connections: 120
        shared_buffers: {shared_buffers}
        max_wal_size: 2GB
        synchronous_commit: 'on'
        fsync: 'on'
        full_page_writes: 'on'
        wal_compression: lz4
        tcp_keepalives_idle: 5
        tcp_keepalives_interval: 2
        tcp_keepalives_count: 3
        tcp_user_timeout: 8000
        wal_receiver_timeout: 5s
        wal_sender_timeout: 5s
  initdb: [{{encoding: UTF8}}, data-checksums, {{locale: C}}]
  pg_hba:
    - host replication repl {network}0/24 scram-sha-256
    - host all all {network}0/24 scram-sha-256
    - local all all trust
postgresql:
  listen: '{ip}:{port}'
  connect_address: '{ip}:{port}'
  data_dir: {home}/data
  bin_dir: {programs}
  basebackup: [checkpoint: fast]
  pgpass: {home}/pgpass
  parameters: {{unix_socket_directories: '{home}'}}
  authentication:
    replication: {{username: repl, password: replpw}}
    superuser: {{username: postgres, password: {password}}}
    rewind: {{username: rewind, password: rwpw}}
"""
"""Each line that differs from Patroni's own choice is one of the traps of docs/howto/two-offices.md."""


OF_ITS_OWN = "/opt/patroni/bin/patroni"
"""Where docs/howto/two-offices.md puts a newer Patroni than Debian's; ``POSTHOUSE_PATRONI`` names another place."""


def find_cluster_programs() -> tuple[str, str, Path]:
    """Patroni, etcd, the folder of PostgreSQL's programs."""
    named = os.environ.get("POSTHOUSE_PATRONI")
    patroni = shutil.which(named) if named else shutil.which(OF_ITS_OWN) or shutil.which("patroni")
    etcd = shutil.which("etcd")
    if patroni is None or etcd is None:
        raise Absent("no patroni or no etcd here (Debian: apt install patroni etcd-server)")
    return patroni, etcd, find_programs()


@dataclass(slots=True)
class PatroniCluster:
    """Three members at ``{network}1`` to ``{network}3``; ``base_port`` is PostgreSQL's, etcd's and Patroni's follow.

    With ``namespaces`` (names of network namespaces, one for each member) each lives in its own.
    """

    base_port: int
    network: str = "127.0.77."
    shared_buffers: str = "128MB"
    namespaces: Sequence[str] = ()
    preload: str = ""
    """A library that PostgreSQL loads before all others."""
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="patroni-")))
    _running: dict[tuple[str, int], "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _programs: tuple[str, str, Path] = field(default_factory=find_cluster_programs)

    @property
    def version(self) -> tuple[int, ...]:
        """Patroni's."""
        told = subprocess.run([self._programs[0], "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(map(int, re.findall(r"\d+", told)))

    def ip(self, i: int) -> str:
        return f"{self.network}{i}"

    def home(self, i: int) -> Path:
        return self.root / f"n{i}"

    def address(self, database: str = DATABASE) -> str:
        """The engine's address, with all three servers."""
        hosts = ",".join(f"{self.ip(i)}:{self.base_port}" for i in MEMBERS)
        return f"postgresql://postgres:{PASSWORD}@{hosts}/{database}"

    # -- the whole

    def start(self) -> None:
        """Until one writes and another one has what it wrote; with an empty database."""
        user = unprivileged()
        for i in MEMBERS:
            self.home(i).mkdir(parents=True, exist_ok=True)
            (self.home(i) / "patroni.yml").write_text(self._configuration(i))
        if user is not None:
            for path in (self.root, *self.root.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.root.chmod(0o755)
        for i in MEMBERS:
            self.start_etcd(i)
        for i in MEMBERS:
            self.start_patroni(i)
        self.wait_whole()
        self.make_database(DATABASE)

    def wait_whole(self) -> None:
        """All three run, and one standby is synchronous."""
        self._wait(self.is_whole, "a leader and two standbys")

    def is_whole(self) -> bool:
        told = [self.ask(i) or {} for i in MEMBERS]
        leaders = [one for one in told if one.get("role") in PRIMARY and one.get("state") == "running"]
        if len(leaders) != 1 or any(one.get("state") not in {"running", "streaming"} for one in told):
            return False
        return any(one.get("sync_state") in {"sync", "quorum"} for one in leaders[0].get("replication") or [])

    def remove(self) -> None:
        """Stop everything, and leave nothing."""
        for i in MEMBERS:
            self.kill_machine(i)
        shutil.rmtree(self.root, ignore_errors=True)

    # -- one machine

    def leader(self) -> int:
        """Who may write; waits for him."""
        return int(self._wait(self._leader, "a leader"))

    def _leader(self) -> int | None:
        """Whoever is cut off may think that it leads until its lease ends: the latest timeline counts."""
        leading = []
        for i in MEMBERS:
            told = self.ask(i)
            if told and told.get("role") in PRIMARY and told.get("state") == "running":
                leading.append((int(told.get("timeline") or 0), i))
        return max(leading)[1] if leading else None

    def standby(self, *, synchronous: bool) -> int:
        """A standby that is synchronous, or one that is not."""
        replication = (self.ask(self.leader()) or {}).get("replication") or []
        for one in replication:
            if (one.get("sync_state") in {"sync", "quorum"}) is synchronous:
                return int(one["application_name"].removeprefix("pg"))
        raise AssertionError(f"no such standby: {replication}")

    def ask(self, i: int) -> dict[str, Any] | None:
        """What Patroni of this machine says of itself."""
        address = f"http://{self.ip(i)}:{self.base_port + 3}/patroni"
        if self.namespaces:
            done = self._inside(i, ["curl", "-s", "-m", "2", address])
            return dict(json.loads(done)) if done else None
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            try:
                return dict(json.load(error))
            except ValueError:
                return None
        except (OSError, ValueError):
            return None

    def _inside(self, i: int, command: list[str]) -> str:
        done = subprocess.run([*self._prefix(i), *command], capture_output=True, text=True, check=False, timeout=10)
        return done.stdout

    def start_etcd(self, i: int) -> None:
        is_new = not (self.home(i) / "etcd").exists()
        peers = ",".join(f"e{j}=http://{self.ip(j)}:{self.base_port + 2}" for j in MEMBERS)
        peer, client = (f"http://{self.ip(i)}:{self.base_port + port}" for port in (2, 1))
        self._spawn("etcd", i, [
            self._programs[1], "--name", f"e{i}", "--data-dir", str(self.home(i) / "etcd"),
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--initial-cluster", peers, "--initial-cluster-state", "new" if is_new else "existing",
            "--heartbeat-interval", "200", "--election-timeout", "2000", "--log-level", "warn", "--enable-v2=false",
        ])  # fmt: skip

    def start_patroni(self, i: int) -> None:
        self._spawn("patroni", i, [self._programs[0], str(self.home(i) / "patroni.yml")])

    def start_machine(self, i: int) -> None:
        """Whatever of it does not run."""
        for name, start in (("etcd", self.start_etcd), ("patroni", self.start_patroni)):
            one = self._running.get((name, i))
            if one is None or one.poll() is not None:
                start(i)

    def kill_server(self, i: int) -> None:
        """SIGKILL for the postmaster: Patroni there sees it, and the rest of the machine goes on."""
        self._signal(self._postmaster(i), signal.SIGKILL)

    def kill_etcd(self, i: int) -> None:
        self._kill("etcd", i)

    def kill_machine(self, i: int) -> None:
        """All three programs, at once."""
        postmaster = self._postmaster(i)
        for name in ("patroni", "etcd"):
            self._kill(name, i)
        self._signal(postmaster, signal.SIGKILL)
        if postmaster:
            self._wait(lambda: not _lives(postmaster), f"the end of pg{i}")

    def cut_power(self, stop_disks: Callable[[], None]) -> None:
        """All machines at once: first the disks, which nobody can ask any more who should die."""
        postmasters = [self._postmaster(i) for i in MEMBERS]
        stop_disks()
        for name, i in list(self._running):
            self._kill(name, i)
        for postmaster in postmasters:
            self._signal(postmaster, signal.SIGKILL)

    def freeze_server(self, i: int) -> Callable[[], None]:
        """The server and its sessions stand still, and take no notice of anything; the result lets them go on."""
        pids = [pid for pid in (self._postmaster(i),) if pid]
        pids += [int(one) for pid in pids for one in _children(pid)]
        for pid in pids:
            self._signal(pid, signal.SIGSTOP)

        def go_on() -> None:
            for pid in pids:
                self._signal(pid, signal.SIGCONT)

        return go_on

    def _postmaster(self, i: int) -> int:
        try:
            return int((self.home(i) / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return 0

    def _kill(self, name: str, i: int) -> None:
        one = self._running.pop((name, i), None)
        if one is not None:
            one.kill()
            one.wait()

    @staticmethod
    def _signal(pid: int, number: int) -> None:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    # -- SQL

    def sql(self, statement: str, database: str = DATABASE) -> str:
        """What ``psql`` prints, asked of the leader by its socket."""
        done = self._psql(self.leader(), statement, database)
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def make_database(self, name: str) -> None:
        """On all that run: a client may ask a standby first, and one that has not heard of it yet refuses for good."""
        self.sql(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0", "postgres")
        running = [i for i in MEMBERS if (self.ask(i) or {}).get("state") in {"running", "streaming"}]
        self._wait(
            lambda: not any(self._psql(i, "SELECT 1", name).returncode for i in running), f"the database {name} on all"
        )

    def _psql(self, i: int, statement: str, database: str) -> "subprocess.CompletedProcess[str]":
        command = [str(self._programs[2] / "psql"), "-h", str(self.home(i)), "-p", str(self.base_port)]
        return subprocess.run(
            [*command, "-U", "postgres", "-X", "-A", "-t", "-q", "-c", statement, database],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    # -- programs

    def _configuration(self, i: int) -> str:
        return CONFIGURATION.format(
            i=i,
            ip=self.ip(i),
            network=self.network,
            port=self.base_port,
            rest=self.base_port + 3,
            etcds=", ".join(f"'{self.ip(j)}:{self.base_port + 1}'" for j in MEMBERS),
            home=self.home(i),
            programs=self._programs[2],
            shared_buffers=self.shared_buffers,
            password=PASSWORD,
        )

    def _prefix(self, i: int) -> list[str]:
        """Not ``ip netns exec``, which would keep everything mounted that other tests have mounted now."""
        return ["nsenter", f"--net=/run/netns/{self.namespaces[i - 1]}"] if self.namespaces else []

    def _spawn(self, name: str, i: int, command: list[str]) -> None:
        user = unprivileged()
        if user is not None:
            command = ["setpriv", "--reuid", user.pw_name, "--regid", str(user.pw_gid), "--init-groups", *command]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        if self.preload:
            environment["LD_PRELOAD"] = self.preload
        with (self.home(i) / f"{name}.log").open("ab") as log:
            self._running[name, i] = subprocess.Popen(
                [*self._prefix(i), *command], cwd=self.root, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _wait(self, found: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while not (answer := found()):
            if time.monotonic() > end:
                logs = "".join((self.home(i) / "patroni.log").read_text(errors="replace")[-1500:] for i in MEMBERS)
                raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what}\n{logs}")
            time.sleep(0.1)
        return answer


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
