"""What is said of an account beside its name and its verifiers: held, weak, how often its sessions were ended, grants.

Each is a note of its own on the shelf ``account.standing``, so that two who
change different things never undo each other. Every node has them in memory with
the directory (``admd.directory``); a change turns the directory's epoch, which
is what makes the others read them anew.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec

from posthouse.mail.ids import AccountId
from posthouse.storage.directory import AccountRow
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

KIND: Final = "account.standing"
PAGE: Final = 1000

GENERATION: Final = "generation"
HELD: Final = "held"
WEAK: Final = "weak"
GRANT: Final = "grant/"


class Standing(msgspec.Struct, frozen=True):
    """Of one account, now. Times are in milliseconds since 1970."""

    generation: int = 0
    """Grows when all its sessions are to end; a session of an earlier one is over."""
    held: str = ""
    """Why what it sends to outside is held; empty if it is not."""
    held_at: int = 0
    weak: str = ""
    """Why its password would not be taken today; empty for a good one, or one that nobody has used yet."""
    weak_at: int = 0
    grants: tuple[str, ...] = ()
    """Domains whose every address it may write in the name of."""


GOOD: Final = Standing()
Standings = Mapping[AccountId, Standing]


async def read_standings(store: Store) -> Standings:
    """Of all accounts about which there is something to say."""
    found: dict[AccountId, Standing] = {}
    async for note in _notes(store, ""):
        number, _, aspect = note.key.partition("/")
        account = AccountId(int(number))
        found[account] = _with(found.get(account, GOOD), aspect, note)
    return found


async def read_standing(store: Store, account: AccountId) -> Standing:
    """Of one account, from the store."""
    standing = GOOD
    async for note in _notes(store, f"{account}/"):
        standing = _with(standing, note.key.partition("/")[2], note)
    return standing


async def _notes(store: Store, prefix: str) -> AsyncIterator[Note]:
    after = ""
    while True:
        page = await store.list_notes(KIND, prefix=prefix, after=after, limit=PAGE)
        for note in page:
            yield note
        if len(page) < PAGE:
            return
        after = page[-1].key


def _with(standing: Standing, aspect: str, note: Note) -> Standing:
    replace = msgspec.structs.replace
    text = note.value.decode("utf-8", "replace")
    if aspect == GENERATION:
        return replace(standing, generation=int(text))
    if aspect == HELD:
        return replace(standing, held=text, held_at=note.at)
    if aspect == WEAK:
        return replace(standing, weak=text, weak_at=note.at)
    if aspect.startswith(GRANT):
        return replace(standing, grants=(*standing.grants, aspect.removeprefix(GRANT)))
    return standing  # of a later release


async def note_standing(store: Store, account: AccountRow, aspect: str, text: str, at: int) -> None:
    """**Durable.** ``aspect`` is so from now on, at all nodes; an empty ``text`` takes it away."""
    key = f"{account.account}/{aspect}"
    if text:
        await store.put_notes((Note(KIND, key, text.encode(), at),))
    else:
        await store.drop_notes(KIND, (key,))
    await turn_epoch(store, account.account)


async def turn_epoch(store: Store, account: AccountId) -> None:
    """**Durable.** Changes nothing of the account but has all nodes read the directory anew."""
    await store.change_account(account)


async def end_sessions(store: Store, account: AccountId, at: int) -> int:
    """**Durable.** All sessions of the account are over, at every door of every node; the generation from now on."""
    generation = (await read_standing(store, account)).generation + 1
    await store.put_notes((Note(KIND, f"{account}/{GENERATION}", str(generation).encode(), at),))
    await turn_epoch(store, account)
    return generation


async def forget_standing(store: Store, account: AccountId) -> None:
    """**Durable.** The account is gone."""
    keys = [note.key async for note in _notes(store, f"{account}/")]
    if keys:
        await store.drop_notes(KIND, keys)
