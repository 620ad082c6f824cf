"""Mail that is kept instead of sent: one ``.eml`` and one ``.json`` a message, for ``localserve`` and trials."""

import json
from typing import Protocol

from posthouse.mail.outcome import Outcome, Relayed
from posthouse.mail.reply import reply
from posthouse.mta.load import Load
from posthouse.mta.reading import read_whole
from posthouse.standards.smtp.commands import format_notify
from posthouse.storage.ports import Blobs

KEPT = reply(250, "2.0.0", "kept outside")


class Files(Protocol):
    """Where the files go."""

    async def write(self, name: str, octets: bytes) -> None:
        """A whole file under ``name``, there completely or not at all once this returns."""


class Outside:
    """Keeps loads as files."""

    def __init__(self, files: Files, blobs: Blobs) -> None:
        self._files = files
        self._blobs = blobs

    async def keep(self, load: Load) -> dict[int, Outcome]:
        """Write ``load`` down. A repetition writes the same files again."""
        name = f"{load.first.queue_id}-{load.first.item}"
        await self._files.write(f"{name}.eml", await read_whole(load.content, self._blobs))
        await self._files.write(f"{name}.json", envelope(load))
        return {item.item: Relayed("", KEPT) for item in load.items}


def envelope(load: Load) -> bytes:
    """The envelope as JSON: what SMTP would have said."""
    first = load.first
    said = {
        "id": first.queue_id,
        "from": first.reverse_path,
        "to": [str(item.recipient.address) for item in load.items],
        "notify": {
            str(item.recipient.address): format_notify(item.recipient.notify)
            for item in load.items
            if item.recipient.notify is not None
        },
        "body": first.body.value,
        "utf8": first.utf8,
        "ret": first.ret.value if first.ret else None,
        "envid": first.envid,
        "report": first.is_report,
    }
    return json.dumps(said, ensure_ascii=False, indent=1).encode() + b"\n"
