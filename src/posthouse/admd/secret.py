"""A secret that outlives the process: salts of users that do not exist stay the same on a restart (threat A04)."""

import secrets

from posthouse.storage.ports import Store

NAME = "auth.secret"
OCTETS = 32


async def kept_secret(store: Store) -> bytes:
    """The secret of this store, made when it is asked for the first time; by whoever is first, of many nodes."""
    found = await store.get(NAME)
    if found is not None and len(found) == OCTETS:
        return found
    made = secrets.token_bytes(OCTETS)
    if found is not None:
        await store.put(NAME, made)  # it cannot be one
        return made
    return await store.agree(NAME, made)
