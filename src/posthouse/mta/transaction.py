"""One message on its way in, as the offices that take mail have it, and how it ended."""

import msgspec

from posthouse.admd.directory import Residence
from posthouse.filter.boundary import Judgement
from posthouse.filter.examination import Examination
from posthouse.filter.scanners.early import Early
from posthouse.mail.envelope import Recipient
from posthouse.mail.reply import Reply
from posthouse.mta.client import Client
from posthouse.mta.draft import Refusal
from posthouse.standards.imf.header import Header
from posthouse.standards.smtp.events import MailFrom
from posthouse.storage.ports import BlobWriter


class Transaction(msgspec.Struct):
    """One message on its way in. Dropped whole, never set back (threat S07)."""

    client: Client
    mail: MailFrom
    trace: str
    recipients: list[Recipient]
    writer: BlobWriter | None = None
    added: bytes = b""
    """Header fields that our own office put before the content."""
    fault: Reply | None = None
    """What the content earned while it came."""
    signed: str = ""
    """The domain of ours that signed it."""
    examination: Examination | None = None
    """Of mail from outside: the header is held in it until it is complete, and looked at before it is stored."""
    residence: Residence | None = None
    """Where the latest recipient leads."""
    early: Early | None = None
    """What milters say while the envelope comes."""
    alone: bool = False
    """Its one recipient has little room, and nobody said how large it is: others are to be sent apart (B01)."""
    header: Header | None = None
    """Of the content as it is stored, if it was parsed while it came."""
    held: str = ""
    """Why what goes elsewhere must wait, whatever is found in it."""
    judgement: Judgement | None = None
    """What the boundary filter said to a message that it did not let in."""
    lines: int = 0
    """Line ends of the content as it is stored; less than 0 if nobody counted them.

    What our own office takes out of a header is taken off before the whole is counted.
    """

    @property
    def sender(self) -> str:
        return str(self.mail.reverse_path) if self.mail.reverse_path is not None else ""

    def discard(self) -> None:
        """Let go of the content; safe at any time."""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.discard()
        if self.early is not None:
            self.early.close()


class Outcome(msgspec.Struct, frozen=True):
    """How a content ended: accepted (but for ``refusals``), or refused for everybody by ``reply``."""

    reply: Reply
    refusals: tuple[Refusal, ...] = ()
