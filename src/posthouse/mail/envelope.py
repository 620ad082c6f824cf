"""The envelope: what routes a message. Headers only record (RFC 5321 section 2.3.1)."""

from enum import Enum, Flag, auto

import msgspec

from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId


class Body(Enum):
    """What kind of octets the content promised to be (RFC 6152, RFC 3030)."""

    SEVENBIT = "7BIT"
    EIGHTBIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Return(Enum):
    """How much of the message a failure report returns (RFC 3461 section 4.3)."""

    FULL = "FULL"
    HEADERS = "HDRS"


class Notify(Flag):
    """When the sender wants a report about a recipient (RFC 3461 section 4.1)."""

    NEVER = 0
    SUCCESS = auto()
    FAILURE = auto()
    DELAY = auto()


class OriginalRecipient(msgspec.Struct, frozen=True):
    """ORCPT (RFC 3461 section 4.2): the address as first given, already decoded from xtext."""

    kind: str
    """``rfc822`` or ``utf-8`` or another registered address type, lower case."""
    text: str


class Recipient(msgspec.Struct, frozen=True):
    """One recipient and the reports wanted about it. ``notify`` is None when the sender did not say."""

    address: Address
    notify: Notify | None = None
    original: OriginalRecipient | None = None


class Envelope(msgspec.Struct, frozen=True):
    """Everything a transaction said outside the content."""

    reverse_path: Address | None
    """None is the null reverse-path ``<>``: nobody is to be told what became of it."""
    recipients: tuple[Recipient, ...]
    body: Body = Body.SEVENBIT
    utf8: bool = False
    ret: Return | None = None
    envid: str | None = None
    """RFC 3461 section 4.4, decoded from xtext; printable ASCII."""
    submitter: AccountId | None = None
    """The account that submitted it, None for mail from outside."""
    require_tls: bool = False
