"""Trace fields of ours and the counting of others' (RFC 5321 section 4.4, RFC 5322 section 3.6.7)."""

import re
from functools import lru_cache

import msgspec

from posthouse.mail.address import Address
from posthouse.standards.imf.date import format_date
from posthouse.standards.imf.header import Header

_UNSAFE = re.compile(r"[^!-'*-\[\]-~]+")
"""What a peer's name may not carry into a comment or an atom of ours: brackets, backslash, blanks, controls, 8 bit."""


class Hop(msgspec.Struct, frozen=True):
    """What one ``Received`` line tells: who gave us the message, how, for whom, and when."""

    hello: str
    """What the peer called itself."""
    peer_address: str
    hostname: str
    protocol: str
    """``SMTP``, ``ESMTP``, ``ESMTPS``, ``ESMTPSA``, ``UTF8SMTP…``, ``LMTP`` … (RFC 3848, RFC 6531 section 4.3)."""
    trace: str
    seconds: float
    peer_name: str = ""
    """The verified name of the peer's address, empty if unknown."""
    tls: str = ""
    """For example ``TLSv1.3 TLS_AES_256_GCM_SHA384``."""
    recipient: Address | None = None
    """Only when there is exactly one: more would disclose the others (RFC 5321 section 7.2)."""


def format_received(hop: Hop) -> bytes:
    """``Received:`` as complete lines (RFC 5321 section 4.4)."""
    hello = _safe(hop.hello) or "unknown"
    who = f"{_safe(hop.peer_name) or 'unknown'} [{_tagged(hop.peer_address)}]"
    tls = f"\r\n\t(using {_safe_words(hop.tls)})" if hop.tls else ""
    whom = f"\r\n\tfor <{hop.recipient}>" if hop.recipient is not None else ""
    head = f"Received: from {hello} ({who})\r\n\tby {hop.hostname} with {hop.protocol} id {hop.trace}{tls}{whom};\r\n\t"
    return head.encode() + _date(int(hop.seconds)) + b"\r\n"


def format_return_path(reverse_path: Address | None) -> bytes:
    """``Return-Path:`` of final delivery (RFC 5321 section 4.4); ``<>`` for the null reverse-path."""
    return f"Return-Path: <{reverse_path if reverse_path is not None else ''}>\r\n".encode()


def format_delivered_to(address: Address | str) -> bytes:
    """``Delivered-To:``: which address of ours the copy is for (RFC 9228), a guard against loops."""
    return f"Delivered-To: {address}\r\n".encode()


def count_received(header: Header, hostname: str = "") -> int:
    """How many hosts handled it (RFC 5321 section 6.3); with ``hostname``, how often that one did."""
    if not hostname:
        return header.count("received")
    wanted = re.compile(rb"\bby[ \t]+" + re.escape(hostname.encode()) + rb"(?:[ \t;(]|$)", re.IGNORECASE)
    return sum(1 for value in header.all("received") if wanted.search(value))


@lru_cache(maxsize=4)
def _date(seconds: int) -> bytes:
    """The same for all messages of one second, of which there may be thousands."""
    return format_date(seconds)


def _safe(text: str) -> str:
    return _UNSAFE.sub("", text)[:255]


def _safe_words(text: str) -> str:
    return " ".join(filter(None, map(_safe, text.split())))


def _tagged(address: str) -> str:
    """RFC 5321 section 4.1.3: an IPv6 literal carries its tag."""
    safe = _safe(address)
    return f"IPv6:{safe}" if ":" in safe else safe
