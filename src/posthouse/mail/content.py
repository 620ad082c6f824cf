"""The content: an immutable blob and a prefix of header lines of ours. Reading is prefix + blob."""

import msgspec

from posthouse.mail.ids import BlobId


class Blob(msgspec.Struct, frozen=True):
    """The name and size of stored octets.

    Only while it is on its way in, ``octets`` are at hand if it is small,
    otherwise its ``beginning``: 128 KiB or more.
    """

    blob_id: BlobId
    size: int
    octets: bytes | None = None
    beginning: bytes = b""


class Content(msgspec.Struct, frozen=True):
    """A message: ``prefix`` (complete header lines, CRLF) and the blob exactly as it was received."""

    prefix: bytes
    blob: Blob

    @property
    def size(self) -> int:
        """RFC822.SIZE in octets: what a reader is sent."""
        return len(self.prefix) + self.blob.size
