"""A message as its examiners may look at it, from the inside of the boundary."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from posthouse.filter.display import Display
from posthouse.filter.evidence import Evidence
from posthouse.filter.examination import Examination
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import AccountId


class Letter(msgspec.Struct):
    """One message, its content spooled and its header parsed, not yet accepted.

    ``blob.octets`` is None for a large content: ``read(start, length)`` gives
    its octets then, at most 1 MiB at a time. ``evidence`` is there once the
    sender has been looked at. ``accounts`` are the mailboxes of ours that it is
    for, ``submitter`` the account that sent it, if it is one of ours.
    """

    trace: str
    peer: str
    helo: str
    mail_from: str
    recipients: tuple[Recipient, ...]
    accounts: tuple[AccountId, ...]
    submitter: AccountId | None
    examination: Examination
    blob: Blob
    read: Callable[[int, int], Awaitable[bytes]]
    prefix: bytes = b""
    auth: str = ""
    """The address of the account that logged in."""
    tls: str = ""
    """Protocol and cipher, empty in the clear."""
    visits: dict[str, Any] = {}
    """Sessions with milters that have heard the envelope already (``filter.scanners.early``), by name."""
    evidence: Evidence | None = None
    display: Display | None = None
    """Who sent it, as its readers are told; None where nobody looked."""
