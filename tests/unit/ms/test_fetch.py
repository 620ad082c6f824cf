"""Reading a message: what takes long is not done where everybody waits."""

import threading

import pytest

from posthouse.mail.content import Blob, Content
from posthouse.mail.ids import BlobId, EmailId, ModSeq, ThreadId, Uid
from posthouse.ms import fetch
from posthouse.ms.describe import describe
from posthouse.storage.mailbox import Stored

HEAD = b"MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"


class Blobs:
    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    async def read(self, _blob: str, start: int = 0, length: int | None = None) -> bytes:
        return self.octets[start : None if length is None else start + length]


def letter_of(octets: bytes) -> fetch.Letter:
    content = Content(b"", Blob(BlobId("b"), len(octets)))
    identities = EmailId("E1"), ThreadId("T1")
    stored = Stored(Uid(1), ModSeq(1), frozenset(), 0, 0, content, *identities, describe(b"", octets))
    return fetch.Letter(Blobs(octets), stored)


@pytest.mark.parametrize(("lines", "aside"), [(1, False), (10_000, True)])
async def test_a_large_part_is_decoded_aside(monkeypatch, lines, aside):
    seen = []

    def decode(octets: bytes, encoding: bytes) -> bytes:
        seen.append(threading.current_thread() is not threading.main_thread())
        return fetch_decode(octets, encoding)

    fetch_decode = fetch.decode_transfer
    monkeypatch.setattr(fetch, "decode_transfer", decode)
    assert await letter_of(HEAD + b"aGVsbG8gd29ybGQh\r\n" * lines).decoded((1,)) == [b"hello world!" * lines]
    assert seen == [aside]
