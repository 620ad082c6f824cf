"""Delivery status notifications as values (RFC 3464 section 2)."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What happened (RFC 3464 section 2.3.3); the value is the word on the wire."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Named:
    """An address with its type (RFC 3464 section 2.1.2): ``rfc822`` or ``utf-8``, or whatever ORCPT said."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """RFC 3464 section 2.3: the fields about one recipient. Empty text and None: the field is not there."""

    final: Named
    action: Kind
    status: str
    original: Named | None = None
    remote_mta: str = ""
    diagnostic: str = ""
    """The reply as the server gave it, ``550 5.1.1 …``."""
    last_attempt: float | None = None
    retry_until: float | None = None


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """RFC 3464 section 2: a whole ``message/delivery-status``."""

    reporting_mta: str
    recipients: tuple[RecipientStatus, ...]
    envid: str | None = None
    arrived: float | None = None
