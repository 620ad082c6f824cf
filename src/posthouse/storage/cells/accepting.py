"""Acceptance: in the cell of the recipients if it is one, else whole in any cell, and carried from there."""

import asyncio
from typing import Any, Final

import msgspec

from posthouse.mail.ids import MailboxId, ModSeq, Uid, UidValidity
from posthouse.storage.acceptance import Acceptance, Accepted, Filing, Placed
from posthouse.storage.cells.content import CellBlobs
from posthouse.storage.cells.opened import OpenCells
from posthouse.storage.cells.places import HOME
from posthouse.storage.cells.transit import IN_MEMORY, Carrier, bill
from posthouse.storage.errors import Moved

PATIENCE_SECONDS: Final = 3.0
"""How long a cell is waited for before another one takes its mail: longer than its disk is ever slow."""


class Acceptor:
    """Takes mail for whoever lives wherever."""

    def __init__(self, cells: OpenCells, blobs: CellBlobs, carrier: Carrier) -> None:
        self._cells = cells
        self._places = cells.places
        self._blobs = blobs
        self._carrier = carrier
        self._late: set[asyncio.Task[Accepted]] = set()

    async def accept(self, acceptance: Acceptance) -> Accepted:
        if acceptance.blob.octets is None:
            acceptance = await self._with_content(acceptance)
        cells = {self._cell_for(filing) for filing in acceptance.filings}
        direct = cells.pop() if len(cells) == 1 else None
        if direct is None or not self._has(direct, acceptance):
            return await self._accept_anywhere(acceptance, self._host(acceptance))
        if not _may_wait_elsewhere(acceptance):
            return await self._accept_at(direct, acceptance)
        if direct not in self._cells.usable():
            return await self._accept_anywhere(acceptance, self._host(acceptance))
        if acceptance.postings:  # begun in one cell and taken by another, they might be sent twice
            return await self._accept_at(direct, acceptance)
        return await self._accept_patiently(direct, acceptance)

    def seen_from(self, host: int, acceptance: Acceptance) -> Acceptance:
        """What is for accounts elsewhere, as filings of the transit account of ``host``."""
        filings = [
            filing if self._cell_for(filing) == host else bill(acceptance, number, filing, self._places.transit(host))
            for number, filing in enumerate(acceptance.filings)
        ]
        return msgspec.structs.replace(acceptance, filings=tuple(filings))

    async def _with_content(self, acceptance: Acceptance) -> Acceptance:
        """Content known by its name alone: at hand if it is small, so that any cell may take it."""
        blob = acceptance.blob
        await self._blobs.find(blob.blob_id)
        if blob.size > IN_MEMORY:
            return acceptance
        octets = await self._blobs.read(blob.blob_id, 0, blob.size)
        return msgspec.structs.replace(acceptance, blob=msgspec.structs.replace(blob, octets=octets))

    def _cell_for(self, filing: Filing) -> int | None:
        place = self._places.of(filing.account)
        return None if place.source is not None else place.cell

    def _has(self, cell: int, acceptance: Acceptance) -> bool:
        """Whether its content is at hand, or there."""
        blob = acceptance.blob
        return blob.octets is not None or self._blobs.cell_of(blob.blob_id) in {None, cell}

    def _host(self, acceptance: Acceptance, but: int | None = None) -> int:
        """Who takes what not all can take: where its content is, or else whoever answers."""
        blob = acceptance.blob
        known = self._blobs.cell_of(blob.blob_id)
        if blob.octets is None and known is not None:
            return known
        others = [cell for cell in self._cells.usable() if cell != but]
        return others[0] if others else HOME

    async def _accept_patiently(self, cell: int, acceptance: Acceptance) -> Accepted:
        """In ``cell``; in another one when it does not answer. Filed twice it is the same: a filing has a key."""
        attempt = asyncio.ensure_future(self._accept_at(cell, acceptance))
        self._late.add(attempt)
        attempt.add_done_callback(self._over)
        done, _ = await asyncio.wait([attempt], timeout=PATIENCE_SECONDS)
        if done and not isinstance(attempt.exception(), Moved):
            return attempt.result()
        host = self._host(acceptance, but=cell)
        return await attempt if host == cell and not done else await self._accept_anywhere(acceptance, host)

    def _over(self, task: "asyncio.Task[Accepted]") -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()

    async def _accept_at(self, cell: int, acceptance: Acceptance) -> Accepted:
        try:
            accepted = await self._cells.store(cell).accept(acceptance)
        except Moved:
            await self._places.look_at({filing.account for filing in acceptance.filings})
            now = {self._cell_for(filing) for filing in acceptance.filings}
            if not _may_wait_elsewhere(acceptance) and (None in now or now == {cell}):
                raise
            accepted = await self._accept_anywhere(acceptance, self._host(acceptance, but=cell))
        self._blobs.saw(acceptance.blob, cell)
        return accepted

    async def _accept_anywhere(self, acceptance: Acceptance, host: int) -> Accepted:
        """At ``host``: what is for accounts elsewhere goes into transit, also of one that has just left."""
        try:
            accepted = await self._cells.store(host).accept(self.seen_from(host, acceptance))
        except Moved:
            await self._places.look_at({filing.account for filing in acceptance.filings})
            accepted = await self._cells.store(host).accept(self.seen_from(host, acceptance))
        self._carrier.wake()
        placed = [
            one if one.account == filing.account else _in_transit(filing)
            for one, filing in zip(accepted.placed, acceptance.filings, strict=True)
        ]
        return Accepted(tuple(placed), accepted.items)


def _may_wait_elsewhere(acceptance: Acceptance) -> bool:
    return bool(acceptance.filings) and all(filing.key is not None for filing in acceptance.filings)


def _in_transit(filing: Filing) -> Placed:
    """It will be there; where exactly, nobody knows yet."""
    return Placed(filing.account, MailboxId(0), UidValidity(0), Uid(0), ModSeq(0), _nothing_yet())


def _nothing_yet() -> Any:
    return ""
