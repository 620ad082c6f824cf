"""A server's life: bind, drop privileges, open the store, serve, reload, stop.

Sockets are bound and keys are read first, as whoever started us; everything
after that is done as somebody who may do little. A stop is clean: nobody new is
let in, everybody finishes what was begun, hears a farewell, and what is still
there at the deadline is cut off; the store is closed last.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from posthouse import __version__
from posthouse.admd.directory import Directory
from posthouse.admd.secret import kept_secret
from posthouse.admd.vault import Vault, forget, unlock
from posthouse.net.house import House
from posthouse.net.listener import Listener, bind, say_goodbye
from posthouse.net.local import listen_locally
from posthouse.net.tls import Certificates
from posthouse.net.watch import Watch
from posthouse.observe.board import Board
from posthouse.observe.counting import CountingJournal
from posthouse.observe.journal import StreamJournal
from posthouse.observe.metrics import PrometheusMeter
from posthouse.observe.ports import Level
from posthouse.services.admind import REQUEST_OCTETS, SOCKET_NAME, AdminDoor
from posthouse.storage.ports import Store
from posthouse.storage.register import Register
from posthouse.supervisor import privileges
from posthouse.supervisor.beside import keep_running, runs_of
from posthouse.supervisor.carrying import SliceReader
from posthouse.supervisor.certificates import read_certificates
from posthouse.supervisor.confine import MEASURES, Confinement, confine
from posthouse.supervisor.control import ops_house
from posthouse.supervisor.doors import door_of, open_doors
from posthouse.supervisor.engine import BodyKeys, load_engine, open_engine, read_body_keys
from posthouse.supervisor.floors import check_floors, versions
from posthouse.supervisor.guarding import check_disguises
from posthouse.supervisor.housekeeping import (
    feed_watchdog,
    post_metrics,
    tend_keys_once,
    watch_health,
)
from posthouse.supervisor.journal import LEVELS
from posthouse.supervisor.masterkey import make_master_key_file, master_key_file, read_master_key
from posthouse.supervisor.memory import give_back_large_blocks
from posthouse.supervisor.notify import ServiceManager
from posthouse.supervisor.nursery import NOBODY_ELSE, Nursery
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.supervisor.reload import kept_until_restart, waits_for_restart
from posthouse.supervisor.secrecy import close_store
from posthouse.supervisor.sections.doors import IMPLICIT_TLS
from posthouse.supervisor.selftest import Ground, check_relay
from posthouse.supervisor.wire import WORKS, build
from posthouse.supervisor.works import Setting, Tools, Works

GC_THRESHOLDS = (20_000, 20, 50)
"""A session makes few cycles; looking for them often costs more than they do."""

NO_NURSERY = "the process that workers come from has died; a restart of the server makes another"

Seed = Callable[[Store, Tools], Awaitable[None]]


class WorkersLost(Exception):
    """Content cannot be looked at any more, and we may not start who does; ``str()`` says what to do."""


async def _sow_nothing(_store: Store, _tools: Tools) -> None: ...


@dataclass(slots=True)
class Server:
    """One process that serves. ``read_setting`` reads the configuration again, for a reload."""

    setting: Setting
    journal: StreamJournal
    read_setting: Callable[[], Setting]
    seed: Seed = _sow_nothing
    """What must be in the store before anybody is let in."""
    on_ready: Callable[["Server"], None] = lambda _server: None
    may_be_root: bool = False
    workers: int = 1
    """How many processes share our sockets; more than one are a ``Fleet``."""
    number: int = 0
    """Which of them we are."""
    service_manager: ServiceManager = field(default_factory=lambda: ServiceManager(dict(os.environ)))
    listeners: list[Listener] = field(default_factory=list)
    works: Works | None = None
    nursery: Nursery | None = None
    """Where workers are born; a fleet shares one."""
    board: Board | None = None
    """Where the workers of a fleet hang their metrics."""
    _master_key: bytes | None = None
    _body_keys: BodyKeys = field(default_factory=BodyKeys)
    _admin: AdminDoor | None = None
    _sockets: list[list[Any]] = field(default_factory=list)
    _certificates: dict[str, Certificates] = field(default_factory=dict)
    _confinement: Confinement = field(default_factory=Confinement)
    _testing: "asyncio.Task[None] | None" = None
    _lost: bool = False
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    # -- before the loop

    def prepare(self) -> None:
        """Bind, read keys, and be nobody special from here on. Raises ``PortTaken``, ``OSError``, ``Privileged``."""
        configuration = self.setting.configuration
        for old in check_floors(versions()):
            self.journal.note("component.old", Level.WARNING, what=old)
        is_dropping = privileges.is_root() and not self.may_be_root
        given = configuration.privileges
        become = privileges.find_user(given.user, given.group) if is_dropping else NOBODY_ELSE
        privileges.raise_file_limit()
        give_back_large_blocks()
        for one in configuration.listener:
            count = self.workers if one.service == "metrics" else 1  # each worker has its own, on the next port
            self._sockets.append([bind(one.address, one.number + step) for step in range(count)])
        self.board = Board(self.workers) if self.workers > 1 else None
        self._certificates = read_certificates(configuration)
        self._master_key = read_master_key(master_key_file(configuration))
        self._body_keys = read_body_keys(configuration.store)
        load_engine(configuration.store)
        limits = configuration.effective_limits
        self.nursery = Nursery(WORKS, memory_octets=limits.worker_octets, become=become)
        if is_dropping:
            privileges.drop(given.user, given.group)
        self.nursery.wait()

    def become(self, number: int, service_manager: ServiceManager) -> None:
        """In a new process: we are this worker, who tells of himself there."""
        self.number, self.service_manager = number, service_manager
        if self._master_key is None:  # an earlier worker may have made it
            self._master_key = read_master_key(master_key_file(self.setting.configuration))

    def renew(self) -> None:
        """A reload, for workers that are started later; what needs a restart stays as it was for all."""
        try:
            setting = self.read_setting()
            self._certificates = read_certificates(setting.configuration)
        except Exception as error:  # noqa: BLE001 - whatever it is, the house goes on as it was
            self.journal.note("server.reload-refused", Level.ALARM, reason=str(error))
            return
        kept = kept_until_restart(self.setting.configuration)
        self.setting = replace(self.setting, configuration=setting.configuration.replace(**kept))

    def run(self) -> None:
        """Serve until told to stop. Raises ``WorkersLost``."""
        self.confine()
        try:
            import uvloop  # noqa: PLC0415 - faster where it is there, and not needed

            make_loop: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
        except ImportError:
            make_loop = None
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(self._live())
        if self._lost:
            raise WorkersLost(NO_NURSERY)

    def confine(self, *, may_fork: bool = False) -> None:
        """While there is one thread only, and after the ports were bound."""
        configuration = self.setting.configuration
        store = configuration.store.directory
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        if close_store(store):
            self.journal.note("store.was-open", Level.WARNING, directory=str(store), now="0700")
        if configuration.process.confine:
            keys = master_key_file(configuration).parent
            others = (path for path in (self.setting.outside, self.setting.home) if path is not None)
            self._confinement = confine((store, keys, *others), may_fork=may_fork)

    # -- in the loop

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        self.journal.attach(loop.call_later)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.set_exception_handler(self._loop_trouble)
        meter = PrometheusMeter()
        meter.gauge("build_info", 1, version=__version__)
        if self.board is not None:
            meter.others = partial(self.board.others, self.number)
        counting = CountingJournal(self.journal, meter)
        limits = self.setting.configuration.effective_limits
        tools = Tools(SystemClock(), RandomIds(), counting, meter, limits, self.nursery)
        self._tell_confinement(tools)
        directory_path = self.setting.configuration.store.directory
        store = await open_engine(
            self.setting.configuration.store,
            directory_path,
            self._body_keys,
            clock=tools.clock,
            ids=tools.ids,
            journal=tools.journal,
        )
        try:
            await self.seed(store, tools)
            register = Register(directory_path / f".register-{os.getpid()}")
            directory = Directory(hostname=self.setting.configuration.hostname, register=register)
            await directory.refresh(store)
            await self._serve(store, directory, tools, loop)
        finally:
            await store.close()
            self.journal.note("server.stopped")
            self.journal.attach(None)

    def _tell_confinement(self, tools: Tools) -> None:
        """What is in force, and what the kernel did not have."""
        taken, missing = self._confinement.taken, self._confinement.missing
        for name in MEASURES:
            tools.meter.gauge("confined", int(name in taken), measure=name)
        level = Level.INFO if taken and not missing else Level.WARNING
        said = " ".join(taken) or "nothing"
        tools.journal.note("process.confined", level, by=said, without=" ".join(missing) or None)

    def _watch_nursery(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody confined can make another: without workers it is better to begin anew."""

        def look() -> None:
            if self.nursery is not None and self.nursery.is_gone:
                loop.remove_reader(self.nursery.fileno())
                self._lost = True
                self.journal.note("nursery.died", Level.ALARM)
                self._stopping.set()

        if self.nursery is not None:
            loop.add_reader(self.nursery.fileno(), look)

    async def _serve(self, store: Store, directory: Directory, tools: Tools, loop: asyncio.AbstractEventLoop) -> None:
        works = self.works = build(
            self.setting, store, directory, tools, await kept_secret(store), await self._unlock(store)
        )
        await self._prove_closed(store, works, tools)
        await works.ring.refresh()
        if self.setting.publish is not None:  # whoever needs no operator signs from the first message
            await tend_keys_once(works.ring, works.resolver, store.node, self.setting.publish)
        house = House(
            loop, tools.clock, Watch(), SliceReader(store.blobs), tools.journal,
            tools.limits.transfer_rate, float(tools.limits.transfer_seconds),
        )  # fmt: skip
        house.watch.run(loop)
        self._watch_nursery(loop)
        loop.add_signal_handler(signal.SIGHUP, self._reload, tools)
        beside = self._start_beside(works, tools)
        carrying = loop.create_task(keep_running("queue", works.manager.run, tools.journal))
        control = await self._open_control(works, tools)
        try:
            await self._open(house, works)
            self._become_quiet(tools)
            await self._stopping.wait()
        finally:
            control.close()
            await self._close(house, works, [carrying], beside)

    async def _prove_closed(self, store: Store, works: Works, tools: Tools) -> None:
        """Nobody is let in before the house has refused to relay for strangers (A01); raises ``OpenRelay``."""
        relay = self.setting.configuration.relay
        tried = check_relay(Ground(works.directory, self.hostname, works.desks))
        await check_disguises(store, self.setting.configuration)
        tools.journal.note("relay.closed", tried=tried)
        if relay.wide_networks:
            tools.journal.note("relay.wide", Level.WARNING, networks=" ".join(relay.wide_networks))
        self._test_lists(works)

    def _test_lists(self, works: Works) -> None:
        """Lists in the DNS that name everybody or nobody are left out, as soon as that is known."""
        if works.guards.lists is not None:
            self._testing = asyncio.get_running_loop().create_task(works.guards.lists.test())

    async def _unlock(self, store: Store) -> Vault:
        path = master_key_file(self.setting.configuration)
        return await unlock(store, self._master_key, lambda: make_master_key_file(path), str(path))

    async def _renew_vault(self, store: Store) -> Vault:
        path = master_key_file(self.setting.configuration)
        return await forget(store, lambda: make_master_key_file(path))

    async def _open_control(self, works: Works, tools: Tools) -> asyncio.Server:
        """Where operators' commands come in."""
        configuration = self.setting.configuration
        house = ops_house(
            works, tools, configuration, lambda: self._renew_vault(works.store), lambda: self._facts(works)
        )
        name = SOCKET_NAME if self.number == 0 else f"control-{self.number + 1}.sock"
        self._admin = AdminDoor(house, tools.journal)
        return await listen_locally(configuration.store.directory / name, self._admin.serve, line_octets=REQUEST_OCTETS)

    def _facts(self, works: Works) -> dict[str, object]:
        """What only a running server knows."""
        facts: dict[str, object] = {"pid": os.getpid(), "sessions": self.sessions(), "hostname": self.hostname}
        facts["confined"] = " ".join(self._confinement.taken) or "nothing"
        return {**facts, "unsigned": works.ring.trouble} if works.ring.trouble else facts

    @property
    def hostname(self) -> str:
        return self.setting.configuration.hostname

    def _start_beside(self, works: Works, tools: Tools) -> list["asyncio.Task[None]"]:
        """What runs beside the doors."""
        clock, journal, meter = tools.clock, tools.journal, tools.meter
        runs = runs_of(works, tools, lambda: self.setting)
        runs["health"] = lambda: watch_health(clock, journal, meter, lambda: self.listeners)
        runs["watchdog"] = lambda: feed_watchdog(self.service_manager)
        if self.board is not None:
            runs["board"] = partial(post_metrics, self.board, self.number, meter)
        return [asyncio.create_task(keep_running(name, run, journal)) for name, run in runs.items()]

    async def _open(self, house: House, works: Works) -> None:
        for one, sockets in zip(self.setting.configuration.listener, self._sockets, strict=True):
            service, bound = one.service, sockets[self.number % len(sockets)]
            if service not in works.doors:
                bound.close()
                continue
            listener = Listener(
                service,
                bound,
                house,
                door_of(works, service),
                works.gates[service],
                self._certificates.get(service),
                implicit_tls=service in IMPLICIT_TLS,
            )
            self.listeners.append(listener)
            await listener.serve()

    def _become_quiet(self, tools: Tools) -> None:
        """Ready: say so, and leave what was made so far out of every garbage collection."""
        tools.meter.gauge("start_seconds", tools.clock.now())
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self.journal.note("server.ready", doors=" ".join(f"{one.name}:{one.port}" for one in self.listeners))
        self.on_ready(self)
        self.service_manager.tell("READY=1", f"MAINPID={os.getpid()}")

    def sessions(self) -> dict[str, int]:
        """How many are at each door."""
        return {listener.name: listener.sessions for listener in self.listeners}

    async def _close(
        self, house: House, works: Works, carrying: list["asyncio.Task[None]"], beside: list["asyncio.Task[None]"]
    ) -> None:
        self.service_manager.tell("STOPPING=1")
        self.journal.note("server.stopping")
        for listener in self.listeners:
            listener.stop()
        seconds = self.setting.configuration.stop.deadline
        end = house.clock.monotonic() + seconds
        works.manager.stop()
        cut = await say_goodbye(house, seconds)
        if cut:
            self.journal.note("server.cut", Level.WARNING, sessions=cut)
        await asyncio.wait(carrying, timeout=max(0.1, end - house.clock.monotonic()))
        for task in [*beside, *carrying]:
            task.cancel()
        await asyncio.gather(*beside, *carrying, return_exceptions=True)
        works.authenticator.close()
        if self.nursery is not None and not self._lost:
            asyncio.get_running_loop().remove_reader(self.nursery.fileno())
        await asyncio.gather(works.workers.close(), works.hashers.close())  # both kill before one closes the nursery
        house.watch.stop()

    # -- reload

    def _reload(self, tools: Tools) -> None:
        """SIGHUP: limits, certificates and the log's level anew, all or nothing; a bad file changes nothing."""
        self.service_manager.tell("RELOADING=1")
        try:
            setting = self.read_setting()
            certificates = read_certificates(setting.configuration)
        except Exception as error:  # noqa: BLE001 - whatever it is, the house goes on as it was
            self.journal.note("server.reload-refused", Level.ALARM, reason=str(error))
        else:
            self._adopt(setting, certificates, tools)
        self.service_manager.tell("READY=1")

    def _adopt(self, setting: Setting, certificates: dict[str, Certificates], tools: Tools) -> None:
        before = self.setting.configuration
        self.setting = replace(self.setting, configuration=setting.configuration)
        self.journal.level = LEVELS[setting.configuration.log.level]
        fresh = replace(tools, limits=setting.configuration.effective_limits)
        if self.works is not None:
            open_doors(self.works, self.setting, fresh)
            self._test_lists(self.works)
        if self._admin is not None:
            self._admin.adopt(fresh.limits)
        for listener in self.listeners:
            listener.certificates = certificates.get(listener.name)
            listener.house = replace(
                listener.house,
                least_rate=fresh.limits.transfer_rate,
                transfer_seconds=float(fresh.limits.transfer_seconds),
            )
        later = waits_for_restart(before, setting.configuration)
        self.journal.note("server.reloaded", after_restart=" ".join(later) or None)

    def _loop_trouble(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the loop itself complains about belongs into the journal too."""
        error = context.get("exception")
        if isinstance(error, ConnectionError):
            return
        if isinstance(error, BaseException):
            self.journal.bug("loop.trouble", error, message=context.get("message"))
        else:
            self.journal.note("loop.trouble", Level.WARNING, message=context.get("message"))
