"""Scanners in the operator's hands: how they do, and whether they find what they should."""

from collections.abc import AsyncIterator

import msgspec

from posthouse.filter.scanners.scanner import Scanner
from posthouse.filter.scanners.trial import TRIALS, letter_of
from posthouse.lib.sansio import RemoteError
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row, no_scanners

Rows = AsyncIterator[Row]


async def list_scanners(house: House, arguments: Arguments) -> Rows:
    arguments.finish()
    for scanner in house.scanners().values():
        yield msgspec.to_builtins(scanner.health)


async def test_scanners(house: House, arguments: Arguments) -> Rows:
    """Each is asked who it is, and shown a harmless message and those that every scanner of its kind must know."""
    name = arguments.text("name", "")
    arguments.finish()
    scanners = house.scanners()
    if not scanners:
        if house.scanners is no_scanners:
            raise CannotDo("no server runs here", "scanners are asked by the server: start it")
        raise CannotDo("no scanner is configured", "our own checks need none; clamd and others are a [[scanner]] each")
    if name and name not in scanners:
        raise CannotDo(f"there is no scanner {name}", f"it is one of {', '.join(scanners)}")
    for scanner in [scanners[name]] if name else scanners.values():
        async for row in _try(scanner, house):
            yield row


async def _try(scanner: Scanner, house: House) -> Rows:
    try:
        said = await scanner.probe()
    except (OSError, RemoteError) as error:
        why = str(error) or type(error).__name__
        yield {"scanner": scanner.name, "trial": "probe", "result": f"failed: {why}", "ms": 0}
        return
    yield {"scanner": scanner.name, "trial": "probe", "result": said, "ms": 0}
    for trial, content in TRIALS.items():
        began = house.clock.monotonic()
        opinion = await scanner.examine(letter_of(content, trial))
        found = "; ".join(f"{clue.action.value}: {clue.text}" for clue in opinion.clues) or "nothing found"
        milliseconds = round((house.clock.monotonic() - began) * 1000, 1)
        yield {"scanner": scanner.name, "trial": trial, "result": found, "ms": milliseconds}
