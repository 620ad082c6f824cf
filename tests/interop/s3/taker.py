"""A process that accepts messages, large enough for the bucket, as fast as it can, and says what was acknowledged.

python taker.py PORT DIRECTORY PREFIX FIRST
"""

import asyncio
import os
import sys
from pathlib import Path

from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import Conflict
from posthouse.storage.mailbox import Role
from posthouse.supervisor.engine import BodyKeys, open_engine
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.supervisor.sections.node import StoreSection
from posthouse.testing.journal import KeptJournal


async def main(port, directory, prefix, first):
    section = StoreSection(bodies=f"s3://mail/{prefix}", s3_endpoint=f"http://127.0.0.1:{port}")
    ports = {"clock": SystemClock(), "ids": RandomIds(), "journal": KeptJournal()}
    store = await open_engine(section, Path(directory), BodyKeys("office", "not a secret"), **ports)
    try:
        await store.put_domain(DomainRow("office.test"))
        account = await store.create_account("a@office.test", "A", (), quota=1 << 50)
    except Conflict:
        account = (await store.directory()).accounts[0].account

    async def take(start):
        for number in range(start, start + 10**5):
            writer = store.blobs.open()
            writer.write(b"%016d" % number * (20_000 if number % 5 == 0 else 1500))
            blob = await writer.finish()
            await store.accept(Acceptance(f"t{number}", blob, (Filing(account, Role.INBOX, b""),)))
            writer.discard()
            os.write(1, f"{blob.blob_id}\n".encode())

    await asyncio.gather(*[take(first + step * 10**6) for step in range(6)])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
