"""Operations without a server: the store is opened under its own lock, asked, and closed."""

import asyncio
import os
from collections.abc import AsyncIterator, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from posthouse.admd.directory import Directory
from posthouse.admd.keyring import KeyRing
from posthouse.admd.vault import forget, unlock
from posthouse.filter.classifier.school import School
from posthouse.observe.metrics import PrometheusMeter
from posthouse.observe.ports import Quiet as Silent
from posthouse.ops.control import OPERATIONS, perform
from posthouse.ops.house import CannotDo, House
from posthouse.storage.errors import StorageError
from posthouse.storage.register import Register
from posthouse.supervisor.breached import read_breached
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.dns import open_resolver, place_of
from posthouse.supervisor.engine import open_engine, read_body_keys
from posthouse.supervisor.masterkey import make_master_key_file, master_key_file, read_master_key
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.supervisor.sections.node import StoreSection

Answer = Mapping[str, Any]

WITH_KEYS = frozenset(name for name in OPERATIONS if name.startswith(("dkim ", "dns ", "domain ")))
"""Others need no master key, and make none."""


class Unopened(Exception):
    """The store cannot be opened, or somebody else has it open."""


def ask_offline(
    directory: Path, operation: str, arguments: Mapping[str, Any], configuration: Configuration | None = None
) -> Generator[Answer, None, None]:
    """What a server would answer on its control socket; without its ``configuration`` it does not know its name.

    Who does not read to the end must close it: until then the store is open.
    """
    answers = _ask(directory, operation, arguments, configuration)

    async def more() -> Answer | None:
        return await anext(answers, None)

    with asyncio.Runner() as runner:
        while (answer := runner.run(more())) is not None:
            yield answer


async def _ask(
    directory: Path, operation: str, arguments: Mapping[str, Any], configuration: Configuration | None
) -> AsyncIterator[Answer]:
    clock = SystemClock()
    try:
        section = configuration.store if configuration is not None else StoreSection(directory=directory)
        keys = read_body_keys(section)
        store = await open_engine(section, directory, keys, clock=clock, ids=RandomIds(), journal=Silent())
    except (OSError, StorageError) as error:
        raise Unopened(str(error)) from error
    rows = 0
    try:
        stolen = read_breached(configuration.passwords.breached if configuration is not None else None, Silent())
        school = School(store, None, clock, Silent())
        people = Directory(register=Register(directory / f".register-{os.getpid()}"))
        house = House(store, clock, directory=people, school=school, is_breached=lambda: stolen)
        if operation in WITH_KEYS:
            house = await _with_keys(house, people, directory, configuration)
        async for row in perform(house, operation, arguments):
            rows += 1
            yield {"row": row}
    except OSError as error:
        yield {"failed": str(error), "hint": ""}
    except CannotDo as error:
        yield {"failed": str(error), "hint": error.hint}
    else:
        yield {"done": rows}
    finally:
        await store.close()


async def _with_keys(house: House, people: Directory, directory: Path, configuration: Configuration | None) -> House:
    """The same, with the keys of our domains."""
    place = None
    if configuration is None:
        configuration = Configuration(hostname="localhost", store=StoreSection(directory=directory))
    else:
        place = place_of(configuration, open_resolver(configuration, house.clock, PrometheusMeter()))
    path = master_key_file(configuration)
    vault = await unlock(house.store, read_master_key(path), lambda: make_master_key_file(path), str(path))
    await people.refresh(house.store)
    keys = KeyRing(house.store, people, vault, clock=house.clock, journal=Silent(), policy=configuration.dkim.policy)
    return replace(
        house,
        keys=keys,
        place=place,
        new_vault=lambda: forget(house.store, lambda: make_master_key_file(path)),
    )
