"""Reading a ``message/delivery-status`` or ``message/global-delivery-status`` body that anybody may have written.

Bounds: 1 MiB, 1000 blocks, 500 recipients, fields as in any header. A block that names no
recipient or no action is passed over; a body without any is none.
"""

import re
from typing import Final

from posthouse.standards.dsn.report import DeliveryStatus, Kind, Named, RecipientStatus
from posthouse.standards.imf.date import parse_date
from posthouse.standards.imf.header import Header, parse_header

MAX_OCTETS: Final = 1024 * 1024
MAX_RECIPIENTS: Final = 500
MAX_BLOCKS: Final = 2 * MAX_RECIPIENTS
"""Blocks looked at, those that name nobody too."""
MAX_TEXT: Final = 1000

_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\d)")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_KINDS = {kind.value: kind for kind in Kind}


def parse_delivery_status(octets: bytes) -> DeliveryStatus:
    """The report in ``octets``; raises ``ValueError`` when it is none."""
    octets = octets[:MAX_OCTETS]
    about = parse_header(octets)
    recipients: list[RecipientStatus] = []
    at = about.body_start
    for _ in range(MAX_BLOCKS):
        if at >= len(octets) or len(recipients) == MAX_RECIPIENTS:
            break
        blank = _BLANK_LINE.search(octets, at)  # so that no block's end is looked for in all that follows it
        block = parse_header(octets, at, blank.end() if blank else None)
        if (one := _recipient(block)) is not None:
            recipients.append(one)
        if block.body_start <= at:
            break
        at = block.body_start
    if not recipients:
        raise ValueError("no recipient in the delivery status")
    return DeliveryStatus(
        reporting_mta=_typed(about, "reporting-mta").text,
        recipients=tuple(recipients),
        envid=_text(about, "original-envelope-id") or None,
        arrived=_date(about, "arrival-date"),
    )


def _recipient(block: Header) -> RecipientStatus | None:
    final = _address(block, "final-recipient")
    action = _KINDS.get(_text(block, "action").lower())
    if final is None or action is None:
        return None
    match = _STATUS.match(_text(block, "status"))
    return RecipientStatus(
        final=final,
        action=action,
        status=match[1] if match else "",
        original=_address(block, "original-recipient"),
        remote_mta=_typed(block, "remote-mta").text,
        diagnostic=_typed(block, "diagnostic-code").text,
        last_attempt=_date(block, "last-attempt-date"),
        retry_until=_date(block, "will-retry-until"),
    )


def _text(block: Header, name: str) -> str:
    return (block.first(name) or b"")[:MAX_TEXT].decode("utf-8", "replace").strip()


def _typed(block: Header, name: str) -> Named:
    """``type; text`` (RFC 3464 section 2.1.2)."""
    kind, semicolon, text = _text(block, name).partition(";")
    return Named(kind.strip().lower(), text.strip()) if semicolon else Named("", kind)


def _address(block: Header, name: str) -> Named | None:
    named = _typed(block, name)
    if not named.kind or not named.text:
        return None
    if named.kind == "utf-8":
        return Named(named.kind, _EMBEDDED.sub(_character, named.text))
    return named


def _character(match: re.Match[str]) -> str:
    point = int(match[1], 16)
    if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        return match[0]
    return chr(point)


def _date(block: Header, name: str) -> float | None:
    value = block.first(name)
    if value is None:
        return None
    try:
        return float(parse_date(value).seconds)
    except ValueError:
        return None
