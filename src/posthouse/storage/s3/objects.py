"""A bucket, and a prefix in it, as the house uses it: bounded waits, and errors that say where.

The one place that knows obstore. A request is tried again for a few seconds
where that is safe; what still fails then is ``StorageError``, and the
client outside hears 4yz.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import Missing, StorageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

T = TypeVar("T")

UPLOAD_RATE = 512 * 1024
"""Octets a second below which an upload is given up."""
PART_OCTETS = 5 * 1024 * 1024
PARTS_AT_ONCE = 2
"""10 MiB in memory for each upload that is under way."""
LIST_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where the objects are. Without a key the environment's or the machine's own credentials are used."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    """Empty: Amazon's."""
    region: str = "us-east-1"
    key_id: str = ""
    secret: str = ""
    authority: bytes = b""
    """The certificate that signed the endpoint's, in PEM, if the machine does not trust it already."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/") + (f" at {self.endpoint}" if self.endpoint else "")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    connect: float = 3
    request: float = 20
    """One request, a part of 5 MiB included: 256 KiB/s."""
    retries: int = 3
    retrying: float = 8
    question: float = 30
    """A small request with all its retries."""
    turn: float = 60
    """For one of the uploads that run at once to end."""


class Objects:
    """The bucket."""

    def __init__(self, place: Place, patience: Patience, journal: Journal) -> None:
        self.place = place
        self._journal = journal
        self.patience = patience
        self._store = _open(place, patience)

    async def put(self, key: str, content: bytes | Path, size: int) -> None:
        """Return only once the object is there, whole. Content in a file goes in parts if it is large."""
        seconds = self.patience.question + size / UPLOAD_RATE
        upload = obstore.put_async(self._store, key, content, chunk_size=PART_OCTETS, max_concurrency=PARTS_AT_ONCE)
        await self._ask("written", key, upload, seconds)
        found = await self._ask("found", key, obstore.head_async(self._store, key))
        if found["size"] != size:
            raise StorageError(f"object {key} in {self.place} has {found['size']} octets instead of {size}")

    async def create(self, key: str, octets: bytes) -> bool:
        """Write a small object unless there is one; False if there is."""
        try:
            await asyncio.wait_for(obstore.put_async(self._store, key, octets, mode="create"), self.patience.question)
        except AlreadyExistsError:
            return False
        except (BaseError, OSError, TimeoutError) as error:
            raise self._trouble("written", key, error) from error
        return True

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Octets that are there; asking for some behind the end is ``StorageError``."""
        if not length:
            return b""
        return bytes(
            await self._ask("read", key, obstore.get_range_async(self._store, key, start=start, length=length))
        )

    async def whole(self, key: str) -> bytes | None:
        """A small object, or None."""
        try:
            found = await self._ask("read", key, obstore.get_async(self._store, key))
            return bytes(await self._ask("read", key, found.bytes_async()))
        except Missing:
            return None

    async def delete(self, keys: Sequence[str]) -> None:
        """Those that are there."""
        if keys:
            await self._ask("deleted", keys[0], obstore.delete_async(self._store, list(keys)))

    async def list(self, prefix: str) -> AsyncIterator[list[str]]:
        """The keys that begin with ``prefix``, in lists of at most ``LIST_CHUNK``."""
        stream = aiter(obstore.list(self._store, prefix, chunk_size=LIST_CHUNK))
        while True:
            try:
                found = await self._ask("listed", prefix, anext(stream))
            except StopAsyncIteration:
                return
            yield [one["path"] for one in found]

    async def _ask(self, done: str, key: str, request: Awaitable[T], seconds: float | None = None) -> T:
        try:
            return await asyncio.wait_for(request, seconds or self.patience.question)
        except FileNotFoundError as error:
            raise Missing(f"object {key} in {self.place}") from error
        except (BaseError, OSError, TimeoutError) as error:
            raise self._trouble(done, key, error) from error

    def _trouble(self, done: str, key: str, error: Exception) -> StorageError:
        """What happened, where, what to do: in one line, obstore's own are pages long."""
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
            reason = "access is denied: look at s3_key_file, and at what the key may do"
        elif isinstance(error, TimeoutError):
            reason = "no answer in time"
        else:
            reason = str(error).partition("\n")[0].strip()[:300]
        self._journal.note("bodies.failed", Level.ALARM, place=str(self.place), key=key, reason=reason)
        return StorageError(f"object {key} in {self.place} cannot be {done}: {reason}")


def _open(place: Place, patience: Patience) -> S3Store:
    client: ClientConfig = {
        "allow_http": place.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=patience.connect),
        "timeout": timedelta(seconds=patience.request),
    }
    if place.authority:
        client["root_certificate"] = place.authority
    config: S3Config = {
        "region": place.region,
        "virtual_hosted_style_request": not place.endpoint,
        "checksum_algorithm": "sha256",
    }
    if place.endpoint:
        config["endpoint"] = place.endpoint
    if place.key_id:
        config["access_key_id"], config["secret_access_key"] = place.key_id, place.secret
    retries: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retrying),
    }
    try:
        return S3Store(
            place.bucket, prefix=place.prefix or None, config=config, client_options=client, retry_config=retries
        )
    except (BaseError, ValueError, OSError) as error:
        raise StorageError(f"{place} cannot be used: {str(error).partition(chr(10))[0]}") from error
