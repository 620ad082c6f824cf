"""The secretary: reads what a report needs of a message, has it written, and makes it ready to be accepted.

The report's trace is made from the message's id, the kind of report and the
items it is about, so that a settlement that is repeated reports once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace as but
from typing import Final

from msgspec.structs import asdict, replace

from posthouse.mail.address import Address
from posthouse.mail.content import Content
from posthouse.mail.envelope import OriginalRecipient
from posthouse.mta.intake import Intake
from posthouse.mta.reporting import Finding, Reporter, Subject
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.acceptance import Acceptance
from posthouse.storage.errors import Missing
from posthouse.storage.ports import Blobs, BlobWriter, Store
from posthouse.storage.queue import Item

READ_OCTETS: Final = 288 * 1024
"""The longest header (L4) and the part of the body that a report may return (L24)."""


class Report(Acceptance, frozen=True, kw_only=True):
    """A report to be committed with what it is about.

    ``held`` keeps its file from being swept: hold the report until the commit has returned.
    """

    held: BlobWriter


class Secretary:
    """Writes reports about items of the queue."""

    def __init__(self, store: Store, reporter: Reporter, intake: Intake) -> None:
        self._store = store
        self._reporter = reporter
        self._intake = intake

    async def write(self, item: Item, findings: Sequence[Finding]) -> Report:
        """The report about ``findings`` on the message of ``item``, to be committed with their settlement."""
        subject = Subject(
            reverse_path=parse_mailbox(item.reverse_path),
            trace=item.queue_id,
            arrived_at=item.created_at,
            original=await _beginning(item.content, self._store.blobs),
            utf8=item.utf8,
            ret=item.ret,
            envid=item.envid,
        )
        veiled = [but(one, named=self._named(item, one)) for one in findings]
        envelope, octets = self._reporter.report(subject, veiled)
        writer = self._store.blobs.open()
        writer.write(octets)
        blob = await writer.finish()
        acceptance = self._intake.plan(envelope, blob, trace=_trace(item, findings), is_report=True, octets=octets)
        # a settlement gives back no items: what is born claimed would wait for its lease to end
        postings = tuple(replace(posting, owner=None, lease_until=0) for posting in acceptance.postings)
        return Report(**asdict(replace(acceptance, postings=postings)), held=writer)

    def _named(self, item: Item, finding: Finding) -> OriginalRecipient | None:
        """What the sender named, where it may have been an alias of ours that led to the recipient.

        An ORCPT of one of our own people that names somebody elsewhere is theirs, and veils nothing: the report
        names the recipient as it was accepted (RFC 3464 section 2.3.2). Of mail from outside nobody knows any more.
        """
        original = finding.recipient.original
        address = _address(original) if original is not None else None
        if address is not None and address.key == finding.recipient.address.key:
            return None
        theirs = address is not None and item.submitter is not None and not self._intake.is_ours(address)
        return None if theirs else original


def _address(original: OriginalRecipient) -> Address | None:
    try:
        return parse_mailbox(original.text)
    except ValueError:
        return None


async def _beginning(content: Content, blobs: Blobs) -> bytes:
    """Our prefix and as much of the blob as a report can use; what is lost is left out, the sender hears anyway."""
    blob = content.blob
    if blob.octets is not None:
        return content.prefix + blob.octets
    try:
        return content.prefix + await blobs.read(blob.blob_id, 0, min(READ_OCTETS, blob.size))
    except Missing:
        return content.prefix


def _trace(item: Item, findings: Sequence[Finding]) -> str:
    about = [item.queue_id, findings[0].action.value, *(str(one.recipient.address) for one in findings)]
    digest = hashlib.sha256("\0".join(about).encode()).hexdigest()
    return f"r{digest[:23]}"
