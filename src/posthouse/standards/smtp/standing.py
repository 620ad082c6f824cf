"""Where a session of SMTP or LMTP stands, as far as the arguments of a command are judged by it."""

from posthouse.mail.reply import Reply
from posthouse.standards.smtp.content import ChunkReader, DotReader
from posthouse.standards.smtp.events import MailFrom
from posthouse.standards.smtp.offer import Offer


class Transaction:
    """What MAIL began. Dropped whole on every terminal event, never set back."""

    __slots__ = ("accepted", "mail", "reader", "refusal", "tried")

    def __init__(self, mail: MailFrom) -> None:
        self.mail = mail
        self.tried = False
        """A RCPT was seen, accepted or not."""
        self.accepted = 0
        self.reader: DotReader | ChunkReader | None = None
        self.refusal: Reply | None = None
        """What the door said to a first BDAT; given when the chunk is over (RFC 3030 section 2)."""


class Standing:
    """What is known of the peer, and of its transaction if there is one."""

    __slots__ = ("authenticated", "offer", "transaction", "under_tls")

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.authenticated = False
        self.under_tls = False
        self.transaction: Transaction | None = None
