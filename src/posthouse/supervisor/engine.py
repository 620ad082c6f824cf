"""Which engine keeps what we have, and where large content goes: chosen here, from the configuration, nowhere else."""

import importlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse.lib.ports import Clock, Ids
from posthouse.observe.ports import Journal
from posthouse.storage.bodies import Bodies, NotOurs
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.claims import dead_nodes, own_directory, sign_on
from posthouse.supervisor.kinds import parse_bucket
from posthouse.supervisor.ports import RandomIds
from posthouse.supervisor.sections.node import StoreSection

SPOOL = "spool"
"""Large content waits there for PostgreSQL."""
UPLOADS = "uploads"
"""Large content waits there until it is whole."""
NODES = "nodes"
"""The names under which processes of this directory serve: who comes after a dead one ends what it held."""


@dataclass(frozen=True, slots=True)
class BodyKeys:
    """What opens the bucket; all empty: the environment's credentials, the machine's authorities."""

    key_id: str = ""
    secret: str = ""
    authority: bytes = b""


def read_body_keys(section: StoreSection) -> BodyKeys:
    """While we still may read them. Raises ``OSError``, ``StorageError``."""
    key_id, secret = "", ""
    if section.s3_key_file is not None:
        lines = [line.strip() for line in section.s3_key_file.read_text("utf-8").splitlines() if line.strip()]
        if len(lines) != 2:
            raise StorageError(f"{section.s3_key_file} must have two lines: the id of the key, and its secret")
        key_id, secret = lines
    return BodyKeys(key_id, secret, section.s3_ca_file.read_bytes() if section.s3_ca_file is not None else b"")


async def open_engine(
    section: StoreSection, directory: Path, keys: BodyKeys, *, clock: Clock, ids: Ids, journal: Journal
) -> Store:
    """The store that ``section`` describes, in ``directory``. Raises ``StorageError``, ``NotOurs`` too.

    A bucket that does not answer now is told by an alarm and does not keep the house
    shut: what needs it is answered with "later" until it is back.
    """
    bodies = open_bodies(section, directory, keys, clock=clock, ids=ids, journal=journal)
    try:
        if section.engine:
            store = await _open_postgresql(section.engine, directory, bodies, clock=clock, ids=ids, journal=journal)
        else:
            store = await open_store(directory, clock=clock, ids=ids, journal=journal, bodies=bodies)
    except BaseException:
        if bodies is not None:
            await bodies.close()
        raise
    if bodies is not None:
        await _check(bodies, store)
    if isinstance(ids, RandomIds):
        ids.resume(await store.latest_trace())
    return store


async def _open_postgresql(
    engine: str, directory: Path, bodies: Bodies | None, *, clock: Clock, ids: Ids, journal: Journal
) -> Store:
    postgresql = _load("posthouse.storage.postgresql.engine", "engine")
    spool = own_directory(directory / SPOOL)  # several processes may share the directory

    def adopt(slot: int) -> None:
        if isinstance(ids, RandomIds):
            ids.slot = slot

    host = f"{socket.gethostname()}-"
    name = f"{host}{os.getpid()}-{ids.token(6)}"  # for operators: which machine, which process
    dead = [one for one in dead_nodes(directory / NODES) if one.startswith(host)]
    home = await postgresql.open_store(
        engine, spool=spool, clock=clock, ids=ids, journal=journal, bodies=bodies, on_slot=adopt, node=name, dead=dead
    )
    sign_on(directory / NODES, name)

    async def open_cell(address: str, first_number: int) -> Any:
        return await postgresql.open_store(
            address,
            spool=spool / str(first_number),
            clock=clock,
            ids=ids,
            journal=journal,
            node=name,
            dead=dead,
            first_number=first_number,
        )

    try:
        store = await _load("posthouse.storage.cells.opening", "engine").open_cells(home, open_cell, journal, ids)
    except BaseException:
        await home.close()
        raise
    desk = _load("posthouse.storage.cells.desk", "engine").Desk(home, None if store is home else store, open_cell)
    store.desk = desk
    opened: Store = store
    return opened


async def _check(bodies: Bodies, store: Store) -> None:
    try:
        await bodies.check(store)
    except NotOurs:
        await store.close()
        raise
    except StorageError:
        pass  # the alarm has been raised where it happened


def load_engine(section: StoreSection) -> None:
    """The programs that ``section`` needs: whoever we become later may not be able to read them."""
    if section.engine:
        _load("posthouse.storage.postgresql.engine", "engine")
        _load("posthouse.storage.cells.desk", "engine")
    if section.bodies:
        _load("posthouse.storage.s3.bodies", "bodies")


def _load(module: str, key: str) -> Any:
    """An extra: only who uses it needs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise StorageError(f"[store] {key} needs more: pip install 'posthouse[cluster]' ({error})") from error


def open_bodies(
    section: StoreSection, directory: Path, keys: BodyKeys, *, clock: Clock, ids: Ids, journal: Journal
) -> Bodies | None:
    """None: large content is kept by the engine itself."""
    if not section.bodies:
        return None
    s3 = _load("posthouse.storage.s3.bodies", "bodies")
    bucket, prefix = parse_bucket(section.bodies)
    place = s3.Place(bucket, prefix, section.s3_endpoint, section.s3_region, keys.key_id, keys.secret, keys.authority)
    temporary = own_directory(directory / UPLOADS)
    bodies: Bodies = s3.S3Bodies(place, temporary, over=section.bodies_over, clock=clock, ids=ids, journal=journal)
    return bodies
