"""smtpd: the door to the rest of the world, port 25.

STANDARDS. RFC 5321 with PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING,
BINARYMIME, ENHANCEDSTATUSCODES, DSN, STARTTLS, LIMITS; RFC 7504 answers.
Who sent it: RFC 7208 (SPF), RFC 6376 (DKIM), RFC 9989 (DMARC), RFC 8617
(ARC), told as in RFC 8601.

SECURITY. Everything a client sends is an attacker's. There is no login here,
no XCLIENT, no PROXY: the client is who the socket says. Relaying is decided by
``mta.relaying`` on two grounds only. The core refuses what is out of order,
said too early, or ends a message with anything but CRLF.CRLF. Mail in our own
name needs proof, and fields that only we may write are cut out of it before it
is stored (``filter.boundary``).

LIMITS. L1 to L6, L12 to L20, L22, L28, L37, L38 (``posthouse limits``).
"""

from posthouse.mta.desk import Desk
from posthouse.mta.reception import Reception
from posthouse.net.ports import Line
from posthouse.standards.smtp.server import ServerConnection


class SmtpDoor(Reception):
    """One session of port 25."""

    __slots__ = ()


def open_smtp(desk: Desk, line: Line) -> tuple[ServerConnection, SmtpDoor]:
    """Core and door for a connection that was admitted."""
    core = ServerConnection(desk.offer)
    return core, SmtpDoor(desk, line, core)
