"""A content as it is sent: our prefix and the blob, whole or in pieces."""

from collections.abc import AsyncIterator
from typing import Final

from posthouse.mail.content import Content
from posthouse.storage.ports import Blobs

AT_ONCE: Final = 256 * 1024
"""Content up to this is sent in one piece, and what is larger is read in pieces of this."""


async def read_content(content: Content, blobs: Blobs) -> AsyncIterator[bytes]:
    """Prefix and blob, in pieces."""
    if content.prefix:
        yield content.prefix
    if content.blob.octets is not None:
        yield content.blob.octets
        return
    for start in range(0, content.blob.size, AT_ONCE):
        yield await blobs.read(content.blob.blob_id, start, min(AT_ONCE, content.blob.size - start))


async def read_whole(content: Content, blobs: Blobs) -> bytes:
    """Prefix and blob in one."""
    if content.blob.octets is not None:
        return content.prefix + content.blob.octets
    return b"".join([piece async for piece in read_content(content, blobs)])


async def read_head(content: Content, blobs: Blobs) -> bytes:
    """Prefix and as much of the blob as may be header."""
    return content.prefix + await blobs.read(content.blob.blob_id, 0, min(AT_ONCE, content.blob.size))
