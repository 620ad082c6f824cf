"""One ``posthouse localserve`` for all tests of a run, in a directory that goes away with it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from localserver import LocalServer, Program, localserve


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stories are told in the order in which they were written, whatever was shuffled."""
    told = [at for at, item in enumerate(items) if item.get_closest_marker("ordered")]
    in_order = sorted((items[at] for at in told), key=lambda item: (str(item.path), item.location[1] or 0))
    for at, item in zip(told, in_order, strict=True):
        items[at] = item


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with localserve(tmp_path_factory.mktemp("localserve")) as one:
        yield one


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], LocalServer]]:
    """Makes servers whose limits are what the test says: ``strict("hops = 5")``; one for each saying."""
    with ExitStack() as stack:
        known: dict[str, LocalServer] = {}

        def make(limits: str) -> LocalServer:
            if limits not in known:
                directory = tmp_path_factory.mktemp("strict")
                file = directory / "posthouse.toml"
                file.write_text(f'hostname = "mx.office.test"\n[limits]\n{limits}\n')
                known[limits] = stack.enter_context(localserve(directory, "--config", str(file)))
            return known[limits]

        yield make


@pytest.fixture
def program() -> "type[Program]":
    return Program
