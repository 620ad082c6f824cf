"""A process that stores large contents at once and prints by how many KiB its memory grew.

python memory.py PORT DIRECTORY PREFIX OCTETS COUNT
"""

import asyncio
import resource
import sys
from pathlib import Path

from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.directory import DomainRow
from posthouse.storage.mailbox import Role
from posthouse.storage.s3.bodies import S3Bodies
from posthouse.storage.s3.objects import Place
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.testing.journal import KeptJournal

CHUNK = 64 * 1024


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def bring(store, account, number, octets):
    writer = store.blobs.open()
    for start in range(0, octets, CHUNK):
        if writer.is_full:
            await writer.drained()
        writer.write(b"%016d" % (number + start) * (CHUNK // 16))
    blob = await writer.finish()
    await store.accept(Acceptance(f"t{number}", blob, (Filing(account, Role.INBOX, b""),)))
    writer.discard()
    return blob


async def main(port, directory, prefix, octets, count):
    given = {"clock": SystemClock(), "ids": RandomIds(), "journal": KeptJournal()}
    place = Place("mail", prefix, f"http://127.0.0.1:{port}", key_id="office", secret="not a secret")
    bodies = S3Bodies(place, Path(directory) / "uploads", over=16 * 1024, **given)
    store = await open_store(Path(directory) / "store", bodies=bodies, **given)
    await store.put_domain(DomainRow("office.test"))
    account = await store.create_account("a@office.test", "A", (), quota=1 << 50)
    await bring(store, account, 0, 1_000_000)
    before = peak()
    blobs = await asyncio.gather(*[bring(store, account, n + 1, octets) for n in range(count)])
    for blob in blobs:
        assert blob.size == octets
        assert await store.blobs.verify(blob.blob_id)
    print(peak() - before)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
