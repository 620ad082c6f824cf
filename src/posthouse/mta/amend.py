"""What examiners (milters) want changed of a message, done before it is accepted.

Fields that come new stand in the prefix, where all fields of ours stand: the
content is not touched for them. Who changes or drops a field that came with
the message, or replaces its body, makes another content: a new blob by the
ordinary writer, under its own name (ADR 0015).
"""

import re
from collections.abc import Sequence

import msgspec

from posthouse.filter.amendment import (
    AddField,
    AddRecipient,
    Amendment,
    ChangeField,
    DropRecipient,
    NewBody,
    NewSender,
)
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Body, Envelope, Recipient
from posthouse.mta.draft import Refusal
from posthouse.standards.imf.header import HEADER_OCTETS, Header, parse_header
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.ports import Blobs, BlobWriter

COPY_OCTETS = 256 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")


class Amended(msgspec.Struct, frozen=True):
    """A message as examiners want it. ``writer`` has the blob if it is another one."""

    envelope: Envelope
    blob: Blob
    added: bytes = b""
    writer: BlobWriter | None = None
    places: tuple[int, ...] | None = None
    """Of its recipients, where each stood in the transaction, -1 for a new one; None if nobody came or went."""

    def of_transaction(self, refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
        """The refusals of those whom the client named."""
        places = self.places
        if places is None:
            return refusals
        return tuple([Refusal(places[one.index], one.reply) for one in refusals if places[one.index] >= 0])


class Field:
    """One field of the message as it is being changed."""

    __slots__ = ("changed", "name", "octets")

    def __init__(self, name: str, octets: bytes) -> None:
        self.name = name
        self.octets = octets
        self.changed = False


class Amend:
    """Applies what examiners (milters) ask for."""

    __slots__ = ("_blobs",)

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def __call__(
        self, envelope: Envelope, blob: Blob, added: bytes, amendments: tuple[Amendment, ...]
    ) -> Amended:
        """The message with all ``amendments``, in their order. Raises ``StorageError``."""
        new_envelope, places = amend_envelope(envelope, amendments)
        prefix, writer = added, None
        if any(isinstance(one, AddField | ChangeField | NewBody) for one in amendments):
            header = parse_header(await self._head(blob))
            ours, theirs = _fields(parse_header(added)), _fields(header)
            amend_fields(ours, theirs, amendments)
            prefix = b"".join([one.octets for one in ours])
            body = next((one.octets for one in reversed(amendments) if isinstance(one, NewBody)), None)
            if body is not None or any(one.changed for one in theirs):
                writer = self._blobs.open()
                try:
                    blob = await self._rewrite(writer, blob, header, theirs, body)
                except BaseException:
                    writer.discard()
                    raise
                new_envelope = _with_octets(new_envelope, body)
        return Amended(new_envelope, blob, prefix, writer, places)

    async def _head(self, blob: Blob) -> bytes:
        return blob.octets if blob.octets is not None else await self._blobs.read(blob.blob_id, 0, HEADER_OCTETS + 4)

    async def _rewrite(
        self, writer: BlobWriter, blob: Blob, header: Header, fields: Sequence[Field], body: bytes | None
    ) -> Blob:
        """Another content: these fields, and the body as it was or a new one."""
        writer.write(b"".join([one.octets for one in fields]) + b"\r\n")
        if body is not None:
            writer.write(_LINE_END.sub(b"\r\n", body))
            return await writer.finish()
        at = header.body_start
        while at < blob.size:
            if blob.octets is not None:
                octets = blob.octets[at : at + COPY_OCTETS]
            else:
                octets = await self._blobs.read(blob.blob_id, at, COPY_OCTETS)
            if not octets:
                break
            writer.write(octets)
            if writer.is_full:
                await writer.drained()
            at += len(octets)
        return await writer.finish()


def _fields(header: Header) -> list[Field]:
    start = header.start
    whole = header.octets
    fields = [Field(one.name, _ended(whole[one.start - start : one.end - start])) for one in header.fields]
    last = header.fields[-1].end if header.fields else start
    if last < header.end:  # beyond the limits of the index: kept as it is
        fields.append(Field("", whole[last - start :]))
    return fields


def _ended(octets: bytes) -> bytes:
    return octets if octets.endswith(b"\n") else octets + b"\r\n"


def amend_fields(ours: list[Field], theirs: list[Field], amendments: Sequence[Amendment]) -> None:
    """Add, change and drop fields: ``ours`` stand in the prefix, ``theirs`` came with the content."""
    top = 0
    for one in amendments:
        if isinstance(one, AddField):
            field = _new_field(one.name, one.value)
            if one.index is None:
                ours.append(field)
            else:
                ours.insert(min(max(one.index - 1, 0) + top, len(ours)), field)
                top += one.index <= 1
        elif isinstance(one, ChangeField):
            _change(ours, theirs, one)


def _change(ours: list[Field], theirs: list[Field], change: ChangeField) -> None:
    """The ``occurrence``-th of its name; one that is not there is added, as Sendmail does."""
    name = change.name.lower().decode("ascii")
    left = change.occurrence
    for fields in (ours, theirs):
        for field in fields:
            if field.name == name:
                left -= 1
                if not left:
                    field.octets = _new_field(change.name, change.value).octets if change.value else b""
                    field.changed = True
                    return
    if change.value:
        ours.append(_new_field(change.name, change.value))


def _new_field(name: bytes, value: bytes) -> Field:
    return Field(name.lower().decode("ascii"), name + b":" + value + b"\r\n")


def amend_envelope(envelope: Envelope, amendments: Sequence[Amendment]) -> tuple[Envelope, tuple[int, ...] | None]:
    """The envelope with another sender and other recipients, and where each of these stood before."""
    sender = envelope.reverse_path
    known = list(enumerate(envelope.recipients))
    for one in amendments:
        if isinstance(one, NewSender):
            sender = parse_mailbox(one.path) if one.path else None
        elif isinstance(one, AddRecipient):
            address = parse_mailbox(one.path)
            if all(address.key != other.address.key for _, other in known):
                known.append((-1, Recipient(address)))
        elif isinstance(one, DropRecipient):
            gone = parse_mailbox(one.path)
            known = [pair for pair in known if pair[1].address.key != gone.key]
    recipients = tuple([one for _, one in known])
    if recipients == envelope.recipients and sender == envelope.reverse_path:
        return envelope, None
    places = tuple([place for place, _ in known])
    return _replaced(envelope, reverse_path=sender, recipients=recipients), places


def _with_octets(envelope: Envelope, body: bytes | None) -> Envelope:
    """A new body that is not ASCII needs 8BITMIME, whatever was promised (RFC 6152)."""
    if body is None or body.isascii() or envelope.body is not Body.SEVENBIT:
        return envelope
    return _replaced(envelope, body=Body.EIGHTBIT)


def _replaced(envelope: Envelope, **changes: object) -> Envelope:
    values = {name: getattr(envelope, name) for name in envelope.__struct_fields__}
    return Envelope(**{**values, **changes})
