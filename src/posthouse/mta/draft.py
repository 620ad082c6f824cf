"""A message on its way to being accepted, and a recipient who gets nothing of it."""

import msgspec

from posthouse.mail.envelope import Envelope
from posthouse.mail.reply import Reply
from posthouse.mda.expand import Expansion
from posthouse.storage.acceptance import Acceptance


class Draft(msgspec.Struct, frozen=True):
    """A message that is ready to be accepted, and what is needed to tell its sender what became of it."""

    acceptance: Acceptance
    expansion: Expansion
    envelope: Envelope
    head: bytes
    """Our trace lines and as much of the content as is at hand, for reports."""


class Refusal(msgspec.Struct, frozen=True):
    """A recipient of the envelope, by its place, who gets nothing."""

    index: int
    reply: Reply
